"""Steps that an engine carries out in its own process, and steps whose shell goes on in subshells."""

from __future__ import annotations

from paper import PaperFiles
from probe_core.hooks import Declared
from probe_core.model import Act, Declaration, Run, RunGraph, RunState
from probe_core.stitch import stitch_traces
from segments import TraceBuilder

RUN = Run("5eed0000", None, "toy", (b"toy",), b"/w", "host", "me", state=RunState.ENDED)


def stitched(builder: TraceBuilder, *declarations: Declaration) -> RunGraph:
    files = PaperFiles().file("/w/in").file("/w/main.toy", inode=2)
    return stitch_traces(RUN, [builder.trace()], [Declared(declarations)], files)


def copying(target: bytes, **more) -> Declaration:
    facts = {"in_engine": True, "runs_command": False}
    return Declaration(
        b"copy " + target, "toy", "copy", "copy", inputs=(b"/w/in",), outputs=(target,), facts=facts
    )


def engine() -> TraceBuilder:
    """An engine that copies /w/in twice and reads something else."""
    builder = TraceBuilder()
    toy = builder.start(100, 1, "/bin/toy", ["toy"], "/w")
    builder.read(toy, "/w/main.toy")
    builder.read(toy, "/w/in")
    for name in ("/w/out", "/w/other"):
        builder.write(toy, name)
    return builder


def by_step(graph: RunGraph, step: int | None) -> set[tuple[bytes, Act]]:
    table = graph.accesses
    return {
        (graph.versions[version].path, Act(act))
        for by, version, act in zip(table.exec, table.version, table.act, strict=True)
        if graph.execs[by].step == step and Act(act) in (Act.READ, Act.WRITE)
    }


def test_what_an_engine_does_for_a_declared_step_is_the_steps():
    graph = stitched(engine(), copying(b"/w/out"), copying(b"/w/other"))
    assert [step.name for step in graph.steps] == ["copy", "copy"]
    assert by_step(graph, None) == {(b"/w/main.toy", Act.READ)}
    assert by_step(graph, 0) == {(b"/w/in", Act.READ), (b"/w/out", Act.WRITE)}
    assert by_step(graph, 1) == {(b"/w/in", Act.READ), (b"/w/other", Act.WRITE)}
    assert list(graph.accesses.first) == sorted(graph.accesses.first)
    for version in graph.versions:
        if version.path in (b"/w/out", b"/w/other"):
            assert version.made_by is not None
            maker = graph.execs[version.made_by]
            assert maker.number == version.made_by
            assert (maker.process, maker.previous, maker.forked) == (0, 0, True)
            assert maker.step is not None


def test_without_such_a_step_all_is_the_engines():
    graph = stitched(engine())
    assert by_step(graph, None) >= {(b"/w/in", Act.READ), (b"/w/out", Act.WRITE)}
    assert len(graph.execs) == 1


def test_what_is_started_from_subshells_is_one_step():
    builder = TraceBuilder()
    builder.start(100, 1, "/bin/java", ["java"], "/w")
    shell = builder.start(101, 100, "/bin/bash", ["bash", ".command.run"], "/w")
    for pid in (102, 103):
        builder.forked(shell, pid)
        builder.start(pid + 10, pid, "/bin/tee", ["tee"], "/w", step=b"task")
    builder.start(120, 101, "/bin/ln", ["ln"], "/w", step=b"task")
    graph = stitched(builder, Declaration(b"task", "toy", "task", "task"))
    assert [step.name for step in graph.steps] == ["task"]
    assert [one.step for one in graph.execs if one.program in (b"/bin/tee", b"/bin/ln")] == [0, 0, 0]
