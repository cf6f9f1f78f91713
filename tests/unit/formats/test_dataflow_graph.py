"""The picture of a run: what is in it, what is not, and that every kind of file of it is well formed."""

from __future__ import annotations

import io
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from graphs import Building
from probe_core.errors import FormatError
from probe_core.formats import drawing
from probe_core.formats.dataflow_graph import draw_run, write
from probe_core.formats.picture import Line, Picture, Shape
from probe_core.model import Act, GapReason, RunGraph

SVG = "{http://www.w3.org/2000/svg}"


def workflow() -> RunGraph:
    """Two steps: the first reads one file it did not declare, and leaves one alone that it did."""
    run = Building("flow", engine="toy")
    first = run.step("clean", inputs=[b"/w/raw.csv", b"/w/unused.csv"], outputs=[b"/w/clean.csv"])
    one = run.exec(b"/usr/bin/python3", step=first, arguments=[b"python3", b"clean.py"])
    run.read(one, b"/usr/lib/libc.so.6", act=Act.LOAD)
    run.read(one, b"/usr/bin/python3", act=Act.EXECUTE)
    run.read(one, b"/w/clean.py")
    run.read(one, b"/w/raw.csv")
    run.read(one, b"/w/hidden.csv")
    run.write(one, b"/w/scratch.csv")
    run.remove(one, b"/w/scratch.csv")
    run.write(one, b"/w/clean.csv")
    run.write(one, b"/w/extra.log.csv")
    run.gap(GapReason.STATIC, b"/opt/go", step=first)
    second = run.step("plot", inputs=[b"/w/clean.csv"], outputs=[b"/w/plot.png"], status=1, attempt=2)
    two = run.exec(b"/usr/bin/Rscript", step=second)
    run.read(two, b"/w/clean.csv")
    run.write(two, b"/w/plot.png")
    engine = run.exec(b"/usr/bin/toyflow")
    run.read(engine, b"/w/Toyfile")
    run.read(engine, b"/w/unused.csv")
    return run.graph()


def arrows(picture: Picture) -> set[tuple[str, str, Line]]:
    """Give the arrows by the first lines of what they join."""
    name = {key: node.label.split("\n")[0] for key, node in picture.nodes.items()}
    return {(name[arrow.source], name[arrow.target], arrow.line) for arrow in picture.arrows}


def drawn(graph: RunGraph, ending: str, level: str = "step") -> bytes:
    out = io.BytesIO()
    write(graph, out, {"ending": ending, "level": level})
    return out.getvalue()


def test_steps_and_files_with_what_was_not_declared() -> None:
    picture = draw_run(workflow())
    assert arrows(picture) == {
        ("raw.csv", "clean", Line.DECLARED),
        ("hidden.csv", "clean", Line.UNDECLARED),
        ("clean", "clean.csv", Line.DECLARED),
        ("clean.csv", "plot", Line.DECLARED),
        ("plot", "plot.png", Line.DECLARED),
        ("clean", "extra.log.csv", Line.UNDECLARED),
    }
    shapes = {node.label.split("\n")[0]: node.shape for node in picture.nodes.values()}
    assert shapes["clean.csv"] == Shape.FILE
    assert shapes["plot.png"] == Shape.RESULT
    assert shapes["raw.csv"] == Shape.INPUT
    assert shapes["plot"] == Shape.FAILED


def test_boxes_tell_their_code_and_what_was_special() -> None:
    labels = {node.label for node in draw_run(workflow()).nodes.values()}
    assert "clean\nclean.py (not declared)\n1 gap" in labels
    assert "plot\nattempt 2, failed with 1" in labels


def test_a_rename_carries_data_from_process_to_process() -> None:
    run = Building("moved")
    one, two = run.exec(b"/bin/cp"), run.exec(b"/bin/mv")
    half = run.write(one, b"/w/half")
    run.access(two, half, Act.RENAME_FROM)
    run.write(two, b"/w/whole")
    assert arrows(draw_run(run.graph(), "process")) == {
        ("cp", "half", Line.PLAIN),
        ("half", "mv", Line.PLAIN),
        ("mv", "whole", Line.PLAIN),
    }


def test_a_shell_that_opened_a_file_for_a_command_did_not_make_it() -> None:
    run = Building("redirected")
    shell, sort = run.exec(b"/bin/dash", arguments=[b"sh", b"-c", b"sort > a.txt"]), run.exec(b"/bin/sort")
    made = run.write(shell, b"/w/out", made_by=sort)
    run.access(sort, made, Act.INHERITED_WRITE)
    run.write(shell, b"/w/own")
    assert arrows(draw_run(run.graph(), "process")) == {
        ("sort", "out", Line.PLAIN),
        ("dash", "own", Line.PLAIN),
    }


def test_descriptors_from_outside_are_drawn_for_a_plain_command_that_wrote() -> None:
    def run(size: int, **step: object) -> set[tuple[str, str, Line]]:
        one = Building("outside", command=[b"sort"])
        execs = [one.exec(b"/bin/a", **step), one.exec(b"/bin/b", **step)]  # type: ignore[arg-type]
        log = one.found(b"/w/log", size=size, made_by=execs[1])
        for each in execs:
            one.access(each, log, Act.INHERITED_WRITE)
        return arrows(draw_run(one.graph(), "process"))

    assert run(5) == {("b", "log", Line.PLAIN)}
    assert run(0) == set()


def test_all_shows_what_is_folded() -> None:
    names = {node.label.split("\n")[0] for node in draw_run(workflow(), everything=True).nodes.values()}
    assert {"/usr/lib/libc.so.6", "scratch.csv", "clean.py", "Toyfile"} <= names


def test_an_input_left_alone_is_drawn_where_the_file_is_drawn() -> None:
    run = Building("left", engine="toy")
    run.exec(step=run.step("idle", inputs=[b"/w/shared.csv"]))
    run.read(run.exec(step=run.step("busy", inputs=[b"/w/shared.csv"])), b"/w/shared.csv")
    assert ("shared.csv", "idle", Line.UNSEEN) in arrows(draw_run(run.graph()))


def test_a_step_that_was_not_observed_is_joined_by_what_it_declared() -> None:
    run = Building("unseen", engine="toy")
    run.step("remote", inputs=[b"/w/a"], outputs=[b"/w/b"])
    picture = draw_run(run.graph())
    assert arrows(picture) == {("a", "remote", Line.UNSEEN), ("remote", "b", Line.UNSEEN)}
    assert any("not observed" in node.label for node in picture.nodes.values())


def test_a_step_that_only_names_others_is_left_out() -> None:
    run = Building("all", engine="toy")
    run.write(run.exec(step=run.step("make", outputs=[b"/w/a"])), b"/w/a")
    run.step("all", inputs=[b"/w/a"])
    assert arrows(draw_run(run.graph())) == {("make", "a", Line.DECLARED)}


@pytest.mark.parametrize("level", ["step", "process"])
def test_of_the_engine_only_what_it_wrote_for_steps_is_drawn(level: str) -> None:
    run = Building("engine", engine="toy")
    engine, helper = run.exec(b"/usr/bin/toyflow"), run.exec(b"/usr/bin/solver")
    run.write(engine, b"/w/problem.csv")
    run.read(helper, b"/w/problem.csv")
    run.pipe([engine], [helper])
    run.write(engine, b"/w/list.csv")
    run.read(run.exec(b"/bin/cat", step=run.step("one", inputs=[b"/w/list.csv"])), b"/w/list.csv")
    names = {node.label.split("\n")[0] for node in draw_run(run.graph(), level).nodes.values()}
    assert names == ({"engine", "list.csv", "one"} if level == "step" else {"toyflow", "list.csv", "cat"})


def test_a_plain_command_is_one_box() -> None:
    run = Building("sort", command=[b"sort"])
    sort = run.exec(b"/usr/bin/sort")
    run.read(sort, b"/w/in")
    run.write(sort, b"/w/out")
    assert arrows(draw_run(run.graph())) == {("in", "sort", Line.PLAIN), ("sort", "out", Line.PLAIN)}


def test_processes_are_joined_by_pipes_and_framed_by_steps() -> None:
    run = Building("piped", engine="toy")
    outer = run.step("outer")
    inner = run.step("inner", parent=outer)
    one, two = run.exec(b"/bin/zcat", step=inner), run.exec(b"/bin/wc", step=inner)
    run.read(one, b"/w/in.gz")
    run.pipe([one], [two])
    run.write(two, b"/w/count")
    picture = draw_run(run.graph(), "process")
    assert ("zcat", "wc", Line.PIPE) in arrows(picture)
    assert {(group.label, group.parent) for group in picture.groups.values()} == {
        ("outer", None),
        ("inner", "group0"),
    }


def test_versions_of_one_path_are_told_apart() -> None:
    run = Building("twice", engine="toy")
    for rule in ("first", "second"):
        one = run.exec(step=run.step(rule, outputs=[b"/w/state"]))
        run.read(one, b"/w/state")
        run.write(one, b"/w/state")
    labels = [node.label for node in draw_run(run.graph()).nodes.values() if "state" in node.label]
    assert sorted(labels) == [f"state\n(version {number})" for number in range(3)]


def test_like_files_share_a_node() -> None:
    run = Building("like", engine="toy")
    one = run.exec(step=run.step("merge"))
    for number in range(30):
        run.read(one, b"/w/parts/%02d.txt" % number)
    run.write(one, b"/w/merged.txt")
    picture = draw_run(run.graph())
    folded = next(node for node in picture.nodes.values() if node.shape == Shape.INPUT)
    assert folded.label == "parts/*.txt\n30 files"
    assert "/w/parts/29.txt" in folded.detail


def test_many_steps_of_a_rule_share_a_box() -> None:
    run = Building("many", engine="toy")
    for number in range(80):
        one = run.exec(step=run.step("each", name=f"each {number}", inputs=[b"/w/%d.in" % number]))
        run.read(one, b"/w/%d.in" % number)
        run.write(one, b"/w/%d.out" % number)
    labels = {node.label for node in draw_run(run.graph()).nodes.values()}
    assert labels == {"each\n80 steps", "*.in\n80 files", "*.out\n80 files"}


def test_at_file_level_there_are_only_files() -> None:
    picture = draw_run(workflow(), "file")
    assert ("raw.csv", "clean.csv", Line.DECLARED) in arrows(picture)
    assert ("hidden.csv", "clean.csv", Line.UNDECLARED) in arrows(picture)
    assert not {node.shape for node in picture.nodes.values()} & {Shape.STEP, Shape.FAILED}


HOSTILE = b'/w/a "b" <c> &d; \\n \\ %s {e} |f| #g; `h`\n\xff\x1b[31m ' + "ü日本".encode()


def hostile() -> RunGraph:
    run = Building('name "q" <x> \\', engine="toy", command=[HOSTILE])
    one = run.exec(HOSTILE, step=run.step('rule "r" <y> \\N', name='step "s" <z> \\G'), arguments=[HOSTILE])
    run.read(one, HOSTILE)
    run.write(one, HOSTILE + b".out")
    return run.graph()


@pytest.mark.parametrize("level", ["step", "process", "file"])
@pytest.mark.parametrize("graph", [workflow, hostile])
def test_the_svg_is_well_formed_and_has_the_names(level: str, graph) -> None:
    root = ElementTree.fromstring(drawn(graph(), "svg", level))
    texts = "".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    plain = re.sub(r"\s", "", texts)
    assert ("hidden.csv" if graph is workflow else '"b"<c>&d;\\n\\%s') in plain


def test_a_drawing_shows_no_raw_control_characters() -> None:
    for ending in ("svg", "dot", "mmd", "html"):
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f\xff]", drawn(hostile(), ending))


def test_the_png_is_one() -> None:
    assert drawn(workflow(), "png").startswith(b"\x89PNG\r\n")


def test_the_page_asks_nothing_of_any_server() -> None:
    page = drawn(workflow(), "html").decode()
    assert set(re.findall(r"https?://[^\"'\s<>)]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "{{" not in page


def test_mermaid_quotes_what_would_end_a_label() -> None:
    text = drawn(hostile(), "mmd").decode()
    for line in text.splitlines():
        assert line.count('"') in (0, 2)
    assert "flowchart TD" in text
    assert "#34;b#34;" in text


def test_the_name_of_the_file_tells_the_kind(tmp_path: Path) -> None:
    for ending, start in (("dot", b"digraph"), ("mmd", b"%%"), ("svg", b"<?xml"), ("png", b"\x89PNG")):
        with (tmp_path / f"picture.{ending}").open("wb") as out:
            write(workflow(), out, {})
        assert (tmp_path / f"picture.{ending}").read_bytes().startswith(start)


def test_bad_kinds_and_missing_programs_end_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match=r"cannot be written as \.pdf"):
        drawn(workflow(), "pdf")
    monkeypatch.setattr(drawing.shutil, "which", lambda *_, **__: None)
    with pytest.raises(FormatError, match="no program to draw with"):
        drawn(workflow(), "svg")
    monkeypatch.setattr(drawing.shutil, "which", lambda *_, **__: "/bin/false")
    with pytest.raises(FormatError, match="/bin/false failed"):
        drawn(workflow(), "svg")
    monkeypatch.setattr(drawing.shutil, "which", lambda *_, **__: str(tmp_path))
    with pytest.raises(FormatError, match="cannot be run"):
        drawn(workflow(), "svg")


def test_a_picture_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(drawing.subprocess, "run", too_long)
    with pytest.raises(FormatError, match=r"could not be drawn in 60 s; take another --level"):
        drawn(workflow(), "svg")


def test_a_picture_that_nobody_could_look_at_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "LARGEST", 2)
    with pytest.raises(FormatError, match="has 6 arrows, too many to draw"):
        drawn(workflow(), "svg")


def test_a_lock_that_is_only_handed_down_is_not_drawn() -> None:
    run = Building("locked")
    one = run.exec(b"/usr/bin/make", step=run.step("x", outputs=[b"/w/out"]))
    run.read(one, b"/w/lock", act=Act.INHERITED_READ, size=0)
    run.read(one, b"/w/typed", act=Act.INHERITED_READ, size=4)
    run.write(one, b"/w/out")
    graph = run.graph()
    labels = {node.label for node in draw_run(graph).nodes.values()}
    assert "typed" in labels
    assert "lock" not in labels
    assert "lock" in {node.label for node in draw_run(graph, everything=True).nodes.values()}


def test_a_long_number_in_a_path_is_cut() -> None:
    run = Building("flow")
    work = b"/w/work/93/273fd2f015c151741eead19715a321/clean.csv"
    run.write(run.exec(b"/usr/bin/make"), work)
    (node,) = (one for one in draw_run(run.graph()).nodes.values() if "clean" in one.label)
    assert node.label == "work/93/273fd2.../clean.csv"
    assert node.detail.startswith(work.decode())


def test_what_a_step_says_to_its_engine_is_drawn_of_those_that_touch_files() -> None:
    run = Building("told", engine="toy")
    engine, step = run.exec(b"/bin/java"), run.step("one", outputs=[b"/w/out"])
    link, maker, tee = (run.exec(name, step=step) for name in (b"/bin/ln", b"/bin/sort", b"/usr/bin/tee"))
    run.write(maker, b"/w/out")
    run.write(engine, b"/w/report")
    run.pipe([link, maker], [engine])
    run.pipe([maker], [tee], "pipe:[2]")
    labels = {node.label for node in draw_run(run.graph(), "process").nodes.values()}
    assert {"sort", "tee"} <= labels
    assert "ln" not in labels
    assert "ln" in {node.label for node in draw_run(run.graph(), "process", everything=True).nodes.values()}
