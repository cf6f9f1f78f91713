"""The first two lints: what they find, and all that they must leave alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graphs import Building
from probe_core.ask.check import check, grouped
from probe_core.hooks import Finding
from probe_core.model import Act, RunGraph, Step

PYTHON = b"/usr/bin/python3"


class Toy:
    """An engine that only knows remedies."""

    name = "toy"

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        return f"tell {step.rule} of {finding.path!r}" if step else None


def lints(graph: RunGraph) -> Sequence[tuple[str, bytes | None]]:
    return [(one.lint, one.path) for one in check(graph, {})]


def fitting(run: Building, **more: object) -> tuple[int, int]:
    """A step that reads /w/in and makes /w/out, both declared."""
    step = run.step("fit", inputs=[b"/w/in"], outputs=[b"/w/out"], **more)  # type: ignore[arg-type]
    one = run.exec(PYTHON, step=step, arguments=[b"python3", b"fit.py"])
    run.read(one, b"/w/in")
    return step, one


def test_a_correct_step_has_no_findings() -> None:
    run = Building()
    _, one = fitting(run)
    run.write(one, b"/w/out")
    assert lints(run.graph()) == []


def test_an_undeclared_input_and_output_are_found_with_evidence_and_remedy() -> None:
    run = Building()
    _, one = fitting(run)
    run.read(one, b"/w/codes.csv")
    run.write(one, b"/w/out")
    run.write(one, b"/w/left behind.csv")
    first, second = check(run.graph(), {"toy": Toy()})  # type: ignore[dict-item]
    assert (first.lint, first.path) == ("undeclared-input", b"/w/codes.csv")
    assert first.message == "fit reads codes.csv, which it does not declare"
    assert "python3 fit.py" in first.evidence[0]
    assert "process 1000 at " in first.evidence[0]
    assert first.remedy == "tell fit of b'/w/codes.csv'"
    assert (second.lint, second.message) == (
        "undeclared-output",
        "fit makes 'left behind.csv', which it does not declare",
    )


@pytest.mark.parametrize(
    "path",
    [
        b"/usr/lib/libz.so.1",
        b"/etc/passwd",
        b"/proc/self/maps",
        b"/w/.git/config",
        b"/home/al/.cache/x",
        b"/w/lib.pyc",
        b"/usr/share/zoneinfo/UTC",
        b"/usr/lib/python3/dist-packages/kit/table.csv",
        b"/usr/share/R/library/datasets/iris.csv",
        b"/w/mod/__pycache__/m.cpython-311.pyc",
    ],
)
def test_what_every_program_reads_is_no_input(path: bytes) -> None:
    run = Building()
    _, one = fitting(run)
    run.read(one, path)
    run.write(one, b"/w/out")
    assert lints(run.graph()) == []


def test_declared_folders_order_only_script_and_own_paths_are_declared() -> None:
    run = Building(facts={"own_paths": ["/w/own"], "workflow_files": [{"path": "/w/Flow", "digest": None}]})
    step = run.step(
        "fit",
        inputs=[b"/w/many"],
        order_only=[b"/w/first"],
        outputs=[b"/w/out"],
        logs=[b"/w/log"],
        facts={"script": "/w/fit.py", "own_paths": ["/w/copy"]},
    )
    one = run.exec(PYTHON, step=step)
    for path in (b"/w/many/1", b"/w/many/2", b"/w/first", b"/w/fit.py", b"/w/own/x", b"/w/copy", b"/w/Flow"):
        run.read(one, path)
    for path in (b"/w/out/a", b"/w/out/b", b"/w/log", b"/w/own/y"):
        run.write(one, path)
    assert lints(run.graph()) == []


def test_what_the_step_made_itself_is_no_input() -> None:
    run = Building()
    step, one = fitting(run)
    run.write(one, b"/w/scratch.csv")
    other = run.exec(b"/usr/bin/sort", step=step)
    run.read(other, b"/w/scratch.csv")
    run.remove(other, b"/w/scratch.csv")
    run.write(other, b"/w/out")
    assert lints(run.graph()) == []


def test_what_another_step_made_is_named_with_its_maker() -> None:
    run = Building()
    first = run.step("clean", inputs=[b"/w/raw"], outputs=[b"/w/clean"])
    run.write(run.exec(PYTHON, step=first), b"/w/clean")
    _, one = fitting(run)
    run.read(one, b"/w/clean")
    run.write(one, b"/w/out")
    (finding,) = check(run.graph(), {})
    assert finding.path == b"/w/clean"
    assert finding.evidence[1] == "made in this run by clean"


def test_a_program_that_another_step_built_is_an_input() -> None:
    run = Building()
    build = run.step("tool", inputs=[b"/w/tool.c"], outputs=[b"/w/tool"])
    run.write(run.exec(b"/usr/bin/cc", step=build), b"/w/tool")
    _, one = fitting(run)
    run.read(one, b"/w/tool", act=Act.EXECUTE)
    run.write(one, b"/w/out")
    assert lints(run.graph()) == [("undeclared-input", b"/w/tool")]


def test_the_innermost_declared_step_judges() -> None:
    run = Building()
    outer = run.step("call make", inputs=[b"/w/Makefile"], outputs=[b"/w/prog"])
    inner = run.step("prog", inputs=[b"/w/prog.c"], outputs=[b"/w/prog"], parent=outer)
    one = run.exec(b"/usr/bin/cc", step=inner)
    run.read(one, b"/w/prog.c")
    run.read(one, b"/w/prog.h")
    run.write(one, b"/w/prog")
    graph = run.graph()
    (finding,) = check(graph, {})
    assert (finding.step, finding.path) == (inner, b"/w/prog.h")


def test_processes_below_a_step_that_nobody_declared_belong_to_the_one_around() -> None:
    run = Building()
    outer, one = fitting(run)
    hidden = run.step("?", parent=outer, declared=False)
    run.read(run.exec(PYTHON, step=hidden), b"/w/codes.csv")
    run.write(one, b"/w/out")
    (finding,) = check(run.graph(), {})
    assert (finding.step, finding.path) == (outer, b"/w/codes.csv")


def test_nothing_declared_nothing_judged() -> None:
    run = Building()
    for declared in (True, False):
        one = run.exec(PYTHON, step=run.step("echo", declared=declared))
        run.read(one, b"/w/a")
        run.write(one, b"/w/b")
    assert lints(run.graph()) == []


def test_phony_targets_and_failed_steps_are_not_judged() -> None:
    run = Building()
    phony = run.step("test", inputs=[b"/w/prog"], outputs=[b"/w/test"])
    one = run.exec(PYTHON, step=phony)
    run.read(one, b"/w/cases")
    run.write(one, b"/w/report")
    _, two = fitting(run, status=1)
    run.write(two, b"/w/out")
    run.write(two, b"/w/half.tmp")
    assert lints(run.graph()) == []


def test_an_engine_may_say_that_a_rule_is_not_phony() -> None:
    run = Building()
    _, one = fitting(run, facts={"phony": False})
    run.read(one, b"/w/codes.csv")
    assert lints(run.graph()) == [("undeclared-input", b"/w/codes.csv")]


def test_headers_in_a_dependency_file_are_declared_by_it() -> None:
    run = Building()
    step = run.step("a.o", inputs=[b"/w/a.c"], outputs=[b"/w/a.o"])
    one = run.exec(b"/usr/bin/cc", step=step, arguments=[b"cc", b"-MMD", b"-c", b"a.c"])
    run.read(one, b"/w/a.h")
    run.write(one, b"/w/a.o")
    run.write(one, b"/w/a.d")
    assert lints(run.graph()) == []


def test_what_comes_from_outside_the_step_is_not_its_own() -> None:
    run = Building()
    _, one = fitting(run)
    run.read(one, b"/w/typed", act=Act.INHERITED_READ)
    run.write(one, b"/w/nohup.out", act=Act.INHERITED_WRITE)
    run.write(one, b"/w/out")
    assert lints(run.graph()) == []


def test_outputs_that_do_not_remain_or_pass_are_left_alone() -> None:
    run = Building()
    step, one = fitting(run)
    run.write(one, b"/w/out")
    run.write(one, b"/w/gone")
    run.remove(one, b"/w/gone")
    run.write(one, b"/tmp/left")
    run.write(one, b"/w/__pycache__/m.pyc")
    run.write(one, b"/w/.cache/x")
    later = run.step("clean up", inputs=[b"/w/out"], outputs=[b"/w/done"])
    run.write(one, b"/w/swept")
    sweeper = run.exec(b"/bin/rm", step=later)
    run.read(sweeper, b"/w/out")
    run.remove(sweeper, b"/w/swept")
    run.write(sweeper, b"/w/done")
    assert lints(run.graph()) == []
    assert step == 0


def test_changing_an_input_in_place_is_told_as_that() -> None:
    run = Building()
    _, one = fitting(run)
    run.write(one, b"/w/in")
    run.write(one, b"/w/out")
    (finding,) = check(run.graph(), {})
    assert finding.message == "fit changes in, which it declares as an input only"


def test_a_thousand_steps_are_one_group() -> None:
    run = Building()
    for number in range(50):
        step = run.step("map", inputs=[b"/w/in"], outputs=[b"/w/out%d" % number], name=f"map {number}")
        one = run.exec(PYTHON, step=step)
        run.read(one, b"/w/codes.csv")
        run.write(one, b"/w/out%d" % number)
    findings = check(run.graph(), {"toy": Toy()})  # type: ignore[dict-item]
    assert len(findings) == 50
    (group,) = grouped(findings)
    assert len(group.others) == 49
    assert len(group.remedies) == 1
