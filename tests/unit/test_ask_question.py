"""A run's indexes: whose accesses, what was declared around a step, what was read and written."""

from __future__ import annotations

from pathlib import Path

from graphs import Building
from probe_core.ask.classes import FileClass
from probe_core.ask.question import Question
from probe_core.model import Act


def asked() -> Question:
    run = Building()
    outer = run.step("outer", inputs=[b"/w/in", b"/w/folder/"], outputs=[b"/w/out"], logs=[b"/w/log"])
    inner = run.step("inner", parent=outer, declared=False)
    lone = run.step("lone", declared=False)
    first, second, third = run.exec(step=outer), run.exec(step=inner), run.exec(step=lone)
    free = run.exec()
    run.read(first, b"/w/in")
    run.read(second, b"/w/in")
    run.read(second, b"/w/in", act=Act.LOOKUP)
    run.write(second, b"/w/out")
    run.read(free, b"/w/out")
    run.write(third, b"/w/out")
    return Question(run.graph())


def test_accesses_by_whom_and_to_what() -> None:
    question = asked()
    assert {step: list(rows) for step, rows in question.rows_by_step.items()} == {
        0: [0],
        1: [1, 2, 3],
        None: [4],
        2: [5],
    }
    assert list(question.rows_by_exec[1]) == [1, 2, 3]
    assert list(question.rows_by_version[0]) == [0, 1, 2]
    assert [question.step_of(row) for row in (0, 3, 4)] == [0, 1, None]
    assert [one.ordinal for one in question.versions_by_path[b"/w/out"]] == [1, 2]
    assert question.versions_read(1) == (0,)
    assert question.versions_written(1) == (1,)
    assert question.versions_written(None) == ()
    assert question.acts_on(0) == {Act.READ, Act.LOOKUP}


def test_steps_and_what_holds_them() -> None:
    question = asked()
    assert list(question.children_by_step[None]) == [0, 2]
    assert list(question.children_by_step[0]) == [1]
    assert question.around(1) == (1, 0)
    assert question.declaring(1) == 0
    assert question.declaring(2) is None
    assert list(question.execs_by_step[None]) == [3]


def test_the_innermost_declaration_counts() -> None:
    question = asked()
    assert question.is_declared_input(1, b"/w/in") is True
    assert question.is_declared_input(1, b"/w/folder/a/b") is True
    assert question.is_declared_input(1, b"/w/folders") is False
    assert question.is_declared_input(1, b"/w/out") is False
    assert question.is_declared_output(1, b"/w/out") is True
    assert question.is_declared_output(1, b"/w/log") is True
    assert question.is_declared_input(2, b"/w/in") is None
    assert question.is_declared_output(None, b"/w/in") is None
    assert question.declared_inputs(None) == frozenset()


def test_a_declared_symlink_covers_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run = Building()
    step = run.step("one", inputs=[bytes(tmp_path / "link" / "x")])
    question = Question(run.graph())
    assert question.is_declared_input(step, bytes(tmp_path / "real" / "x"))


def test_a_version_is_classed_by_all_that_was_done_with_it() -> None:
    run = Building()
    one = run.exec(b"/usr/bin/sort")
    passing = run.write(one, b"/w/part")
    run.remove(one, b"/w/part")
    again = run.write(one, b"/w/part")
    question = Question(run.graph())
    assert question.class_of(passing) is FileClass.TEMPORARY
    assert question.is_boring(passing)
    assert question.class_of(again) is FileClass.DATA
