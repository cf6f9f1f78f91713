"""`why` and `uses` over synthetic histories: steps, execs, pipes, several runs, copies, cycles."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from graphs import BEGIN, SECOND, Building
from lineages import keep, names
from probe_core.ask.classes import FileClass
from probe_core.ask.lineage import FileNode, Lineage, uses, why
from probe_core.history import History
from probe_core.model import Act

DAY = 86_400 * SECOND
R, PYTHON = b"/usr/bin/R", b"/usr/bin/python3"


def paths(files: list[FileNode]) -> set[bytes]:
    return {one.version.path for one in files}


def inputs(answer: Lineage, maker: int) -> dict[bytes, bool | None]:
    return {answer.files[edge.file].version.path: edge.declared for edge in answer.inputs_of(maker)}


def workflow(begin: int = BEGIN) -> Building:
    """raw.csv → clean → clean.csv → plot → plot.png; plot also reads a palette that it does not declare."""
    run = Building("workflow", begin=begin, engine="toy")
    clean = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"])
    one = run.exec(PYTHON, step=clean)
    run.read(one, PYTHON, act=Act.EXECUTE)
    run.read(one, b"/usr/lib/libc.so.6", act=Act.LOAD)
    run.read(one, b"/w/raw.csv", digest="raw")
    run.read(one, b"/usr/lib/python3/dist-packages/kit/table.csv", digest="shipped table")
    run.write(one, b"/w/clean.csv", digest="clean")
    plot = run.step("plot", inputs=[b"/w/clean.csv"], outputs=[b"/w/plot.png"])
    two = run.exec(R, step=plot)
    run.read(two, b"/w/plot.R", digest="script")
    run.read(two, b"/w/clean.csv")
    run.read(two, b"/w/palette.txt", digest="palette")
    run.write(two, b"/w/tmp.png", digest="draft")
    run.read(two, b"/w/tmp.png")
    run.remove(two, b"/w/tmp.png")
    run.write(two, b"/w/plot.png", digest="plot")
    return run


def test_a_figure_leads_back_to_its_first_inputs(history: History) -> None:
    keep(history, workflow())
    answer = why(history, b"/w/plot.png")
    assert names(answer) == ["plot", "clean"]
    assert [one.depth for one in answer.makers] == [1, 2]
    assert inputs(answer, 0) == {b"/w/plot.R": False, b"/w/clean.csv": True, b"/w/palette.txt": False}
    first = [one for one in answer.first_inputs() if not one.shipped]
    table = b"/usr/lib/python3/dist-packages/kit/table.csv"  # what an analysis may begin with
    assert paths(first) == {b"/w/raw.csv", b"/w/palette.txt", b"/w/plot.R", table}
    classes = {one.version.path: one.file_class for one in answer.files}
    assert classes[PYTHON] is FileClass.PROGRAM
    assert classes[b"/usr/lib/libc.so.6"] is FileClass.LIBRARY
    assert classes[b"/w/plot.R"] is FileClass.SCRIPT
    assert classes[b"/w/palette.txt"] is FileClass.DATA
    assert not answer.cut
    assert answer.target.disk == "gone"


def test_an_empty_file_that_is_only_handed_down_is_no_input(history: History) -> None:
    """`flock FILE COMMAND` hands its lock to everything below; content on standard input counts."""
    run = Building("locked")
    one = run.exec(PYTHON, step=run.step("x", outputs=[b"/w/out"]))
    run.read(one, b"/w/lock", act=Act.INHERITED_READ, size=0)
    run.read(one, b"/w/typed", act=Act.INHERITED_READ, size=4)
    run.read(one, b"/w/empty", size=0)
    run.write(one, b"/w/out", digest="out")
    keep(history, run)
    assert inputs(why(history, b"/w/out"), 0) == {b"/w/typed": False, b"/w/empty": False}


def test_depth_ends_the_answer_and_says_so(history: History) -> None:
    keep(history, workflow())
    answer = why(history, b"/w/plot.png", depth=1)
    assert names(answer) == ["plot", "clean"]  # who made the inputs is named, what went into that is not
    assert answer.inputs_of(1) == []
    assert answer.cut
    assert not why(history, b"/w/plot.png", depth=2).cut


def test_uses_leads_onward(history: History) -> None:
    keep(history, workflow())
    answer = uses(history, b"/w/raw.csv")
    assert names(answer) == ["clean", "plot"]
    assert {b"/w/clean.csv", b"/w/plot.png"} <= paths(answer.files)
    assert not {b"/w/palette.txt", b"/w/tmp.png"} & paths(answer.files)
    assert names(uses(history, b"/w/plot.png")) == []


def test_nothing_is_known_to_be_declared_without_a_declaration(history: History) -> None:
    run = Building("bare")
    one = run.exec(PYTHON, step=run.step("x", declared=False))
    run.read(one, b"/w/in", digest="in")
    run.write(one, b"/w/out", digest="out")
    keep(history, run)
    assert inputs(why(history, b"/w/out"), 0) == {b"/w/in": None}


def test_a_declared_folder_covers_what_is_in_it_and_inner_steps_look_outward(history: History) -> None:
    run = Building("nested")
    outer = run.step("outer", inputs=[b"/w/folder"], outputs=[b"/w/out"])
    inner = run.step("inner", parent=outer, declared=False)
    one = run.exec(PYTHON, step=inner)
    run.read(one, b"/w/folder/deep/in", digest="in")
    run.read(one, b"/w/folders", digest="no")
    run.write(one, b"/w/out", digest="out")
    keep(history, run)
    answer = why(history, b"/w/out")
    assert inputs(answer, 0) == {b"/w/folder/deep/in": True, b"/w/folders": False}
    assert [step.name for step in answer.makers[0].around] == ["outer"]


def test_a_pipeline_without_steps_is_followed_through_its_pipes(history: History) -> None:
    run = Building("pipeline", command=[b"sh", b"-c", b"sort in | uniq > out"])
    shell = run.exec(b"/bin/sh")
    sort = run.exec(b"/usr/bin/sort")
    run.read(sort, b"/w/in", digest="in")
    other = run.exec(b"/usr/bin/wc")
    run.read(other, b"/w/not-this", digest="no")
    uniq = run.exec(b"/usr/bin/uniq")
    run.write(uniq, b"/w/out", digest="out", act=Act.INHERITED_WRITE)
    run.pipe([sort], [uniq])
    run.pipe(
        [shell, other, uniq], [shell, other, uniq], name="pipe:[2]"
    )  # tokens: who has both ends tells nothing
    keep(history, run)
    answer = why(history, b"/w/out")
    assert names(answer) == ["/usr/bin/uniq", "/usr/bin/sort"]
    assert [(one.source, one.sink) for one in answer.links] == [(1, 0)]
    assert paths(answer.first_inputs()) == {b"/w/in"}
    onward = uses(history, b"/w/in")
    assert names(onward) == ["/usr/bin/sort", "/usr/bin/uniq"]
    assert b"/w/out" in paths(onward.files)


def test_a_forked_worker_has_its_parents_memory(history: History) -> None:
    run = Building("workers")
    parent = run.exec(PYTHON)
    run.read(parent, b"/w/in", digest="in")
    worker = run.exec(PYTHON, previous=parent, forked=True)
    run.write(worker, b"/w/out", digest="out")
    started = run.exec(b"/usr/bin/tool", previous=parent)  # a new program: nothing of the memory is left
    run.write(started, b"/w/other", digest="other")
    keep(history, run)
    assert paths(why(history, b"/w/out").first_inputs()) == {b"/w/in"}
    assert names(uses(history, b"/w/in")) == ["/usr/bin/python3"]
    assert b"/w/out" in paths(uses(history, b"/w/in").files)
    assert b"/w/other" not in paths(uses(history, b"/w/in").files)


def test_a_rename_leads_to_the_old_name(history: History) -> None:
    run = Building("rename")
    mv = run.exec(b"/usr/bin/mv")
    old = run.found(b"/w/old", digest="x", inode=7)
    run.access(mv, old, Act.RENAME_FROM)
    run.write(mv, b"/w/new", digest="x", inode=7)
    keep(history, run)
    assert paths(why(history, b"/w/new").first_inputs()) == {b"/w/old"}
    assert b"/w/new" in paths(uses(history, b"/w/old").files)


def test_who_only_named_a_file_did_not_make_it(history: History) -> None:
    run = Building("named")
    tool, mv = run.exec(b"/usr/bin/tool"), run.exec(b"/usr/bin/mv")
    old = run.write(tool, b"/w/old", digest="x", inode=7)
    run.access(mv, old, Act.RENAME_FROM)
    new = run.write(tool, b"/w/new", digest="x", inode=7)
    run.access(mv, new, Act.WRITE)
    keep(history, run)
    assert names(why(history, b"/w/new")) == ["/usr/bin/tool"]


def test_everyone_who_held_it_open_is_a_maker(history: History) -> None:
    run = Building("log")
    first, second = run.exec(b"/usr/bin/a"), run.exec(b"/usr/bin/b")
    log = run.write(first, b"/w/log", digest="log")
    run.access(second, log, Act.INHERITED_WRITE)
    keep(history, run)
    answer = why(history, b"/w/log")
    assert names(answer) == ["/usr/bin/a", "/usr/bin/b"]
    assert [edge.acts for edge in answer.outputs] == [{Act.WRITE}, {Act.INHERITED_WRITE}]


def two_runs(digest: str | None = "clean", **same) -> tuple[Building, Building]:
    first = Building("prepare")
    one = first.exec(PYTHON)
    first.read(one, b"/w/raw.csv", digest="raw")
    first.write(one, b"/w/clean.csv", digest=digest, **same)
    second = Building("report", begin=BEGIN + DAY)
    two = second.exec(R)
    second.read(two, b"/w/clean.csv", digest=digest, **same)
    second.write(two, b"/w/report.html", digest="report")
    return first, second


@pytest.mark.parametrize("digest", ["clean", None])
def test_runs_are_joined_by_content_or_identity(history: History, digest: str | None) -> None:
    same = {} if digest else {"changed": BEGIN, "modified": BEGIN, "inode": 2**64 - 2}
    keep(history, *two_runs(digest, **same))
    answer = why(history, b"/w/report.html")
    assert names(answer) == ["/usr/bin/R", "/usr/bin/python3"]
    assert paths(answer.first_inputs()) == {b"/w/raw.csv"}
    assert len(answer.runs) == 2
    onward = uses(history, b"/w/raw.csv")
    assert names(onward) == ["/usr/bin/python3", "/usr/bin/R"]


def test_another_content_in_between_is_not_joined(history: History) -> None:
    first, second = two_runs()
    edited = Building("report", begin=BEGIN + 2 * DAY)
    one = edited.exec(R)
    edited.read(one, b"/w/clean.csv", digest="edited by hand")
    edited.write(one, b"/w/report.html", digest="other")
    keep(history, first, second, edited)
    assert paths(why(history, b"/w/report.html").first_inputs()) == {b"/w/clean.csv"}


def test_a_later_run_did_not_make_what_an_earlier_one_read(history: History) -> None:
    early = Building("early")
    one = early.exec(R)
    early.read(one, b"/w/a", digest="same", size=1000)
    early.write(one, b"/w/b", digest="b")
    late = Building("late", begin=BEGIN + DAY)
    two = late.exec(PYTHON)
    late.write(two, b"/w/a", digest="same", size=1000)
    keep(history, early, late)
    assert names(why(history, b"/w/b")) == ["/usr/bin/R"]


@pytest.mark.parametrize(("size", "joined"), [(1000, True), (3, False)])
def test_a_copy_nobody_saw_is_found_by_its_content(history: History, size: int, joined: bool) -> None:
    first = Building("make")
    one = first.exec(PYTHON)
    first.write(one, b"/w/made", digest="same", size=size)
    second = Building("use", begin=BEGIN + DAY)
    two = second.exec(R)
    second.read(two, b"/elsewhere/copy", digest="same", size=size)
    second.write(two, b"/w/result", digest="result")
    keep(history, first, second)
    answer = why(history, b"/w/result")
    assert ("/usr/bin/python3" in names(answer)) is joined
    (copy,) = [one for one in answer.files if one.version.path == b"/elsewhere/copy"]
    assert (copy.same_as is not None) is joined
    if joined:
        assert answer.files[copy.same_as or 0].version.path == b"/w/made"
    assert ("/usr/bin/R" in names(uses(history, b"/w/made"))) is joined


def test_an_original_does_not_come_from_its_own_copy(history: History) -> None:
    first = Building("copy")
    cp = first.exec(b"/usr/bin/cp")
    first.read(cp, b"/w/original", digest="same", size=1000)
    first.write(cp, b"/w/copy", digest="same", size=1000)
    second = Building("use", begin=BEGIN + DAY)
    two = second.exec(R)
    second.read(two, b"/w/original", digest="same", size=1000)
    second.write(two, b"/w/result", digest="result")
    keep(history, first, second)
    assert names(why(history, b"/w/result")) == ["/usr/bin/R"]


def test_cycles_end(history: History) -> None:
    run = Building("talk")
    one, two = run.exec(b"/usr/bin/one"), run.exec(b"/usr/bin/two")
    run.pipe([one, two], [one, two], kind="socket")
    run.write(one, b"/w/out", digest="out")
    again = run.step("again", inputs=[b"/w/state"], outputs=[b"/w/state"])
    for _ in range(3):
        turn = run.exec(PYTHON, step=again)
        run.read(turn, b"/w/state")
        run.write(turn, b"/w/state")
    keep(history, run)
    assert sorted(names(why(history, b"/w/out"))) == ["/usr/bin/one", "/usr/bin/two"]
    assert names(why(history, b"/w/state")) == ["again"]
    assert names(uses(history, b"/w/state")) == []  # nobody took in the last
    assert names(uses(history, b"/w/state", version="4")) == ["again"]


def test_fifty_steps_up_are_quick(history: History) -> None:
    run = Building("chain")
    for number in range(50):
        step = run.step(f"s{number}", inputs=[b"/w/%d" % number], outputs=[b"/w/%d" % (number + 1)])
        one = run.exec(PYTHON, step=step)
        for library in range(40):
            run.read(one, b"/usr/lib/python3/%d.py" % library, digest=f"l{library}")
        run.read(one, b"/w/%d" % number)
        run.write(one, b"/w/%d" % (number + 1), digest=f"d{number}")
    keep(history, run)
    answer = why(history, b"/w/50")
    assert len(answer.makers) == 50
    assert paths([one for one in answer.first_inputs() if not one.shipped]) == {b"/w/0"}


def test_the_answer_for_programs(history: History) -> None:
    run = workflow()
    graph = run.graph()
    graph.run = replace(graph.run, directory=b"/w/\xff")
    history.store(graph)
    found = json.loads(json.dumps(why(history, b"/w/plot.png").to_json()))
    assert set(found) == {
        *("question", "asked", "disk", "notes", "file", "cut", "files", "makers", "links", "runs"),
    }
    plot = found["makers"][0]
    assert (plot["kind"], plot["name"], plot["rule"], plot["engine"]) == ("step", "plot", "plot", "toy")
    undeclared = [
        found["files"][edge["file"]]["path"] for edge in plot["inputs"] if edge["declared"] is False
    ]
    assert undeclared == ["/w/plot.R", "/w/palette.txt"]
    figure = found["files"][found["file"]]
    assert figure["path"] == "/w/plot.png"
    assert figure["id"].startswith("sha256:")
    assert figure["makers"] == [0]
    assert not figure["first"]
    assert found["runs"][figure["run"]]["directory"] == "/w/\udcff"
