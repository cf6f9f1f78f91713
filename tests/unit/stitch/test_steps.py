"""Steps: the step contract and what was declared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from paper import PaperFiles
from probe_core.hooks import Declared, Seen
from probe_core.model import Declaration, GapReason, Run, RunGraph, RunState
from probe_core.stitch import stitch_traces
from segments import TraceBuilder

RUN = Run("5eed0000", None, None, (b"make",), b"/w", "host", "me", state=RunState.ENDED)


def stitched(builder: TraceBuilder, *declarations: Declaration, run: Run = RUN) -> RunGraph:
    return stitch_traces(run, [builder.trace()], [Declared(declarations)], PaperFiles())


def declared(key: bytes, rule: str, **more) -> Declaration:
    return Declaration(key, "toy", rule, rule, **more)


def start(builder: TraceBuilder, pid: int, parent: int, name: str, step: bytes | None = None) -> int:
    return builder.start(pid, parent, f"/bin/{name}", [name], "/w", step=step)


def test_everything_below_belongs_to_the_innermost_step():
    builder = TraceBuilder()
    start(builder, 100, 1, "snakemake")
    start(builder, 101, 100, "sh", b"job")
    start(builder, 102, 101, "make")
    start(builder, 103, 102, "sh", b"target")
    start(builder, 104, 103, "cc")
    graph = stitched(builder, declared(b"job", "align"), declared(b"target", "out.o"))
    assert [exec.step for exec in graph.execs] == [None, 0, 0, 1, 1]
    assert [(step.rule, step.parent) for step in graph.steps] == [("align", None), ("out.o", 0)]
    assert [process.step for process in graph.processes] == [None, 0, 0, 1, 1]


def test_recipe_lines_of_one_target_are_one_step():
    builder = TraceBuilder()
    start(builder, 100, 1, "make")
    start(builder, 101, 100, "sh", b"all")
    start(builder, 102, 100, "sh", b"all")
    graph = stitched(builder)
    assert [exec.step for exec in graph.execs] == [None, 0, 0]
    assert graph.steps[0].name == "all"
    assert graph.steps[0].declaration is None


def test_the_same_key_under_two_makes_is_two_steps():
    builder = TraceBuilder()
    start(builder, 100, 1, "make")
    for pid, outer in ((101, b"one"), (111, b"two")):
        start(builder, pid, 100, "make", outer)
        start(builder, pid + 1, pid, "sh", b"all")
    first, second = (declared(b"all", f"all of {key.decode()}", outer=key) for key in (b"one", b"two"))
    graph = stitched(builder, second, first)
    names = {step.number: step.name for step in graph.steps}
    assert [names.get(exec.step) for exec in graph.execs] == [
        None, "one", "all of one", "two", "all of two"
    ]  # fmt: skip


def test_a_process_that_nobody_started_belongs_to_the_one_step_of_its_key():
    """Of a container that ends while a program in it starts, the kernel tells no parent any more."""
    for pids in ((101, 150), (150, 101)):
        builder = TraceBuilder()
        start(builder, 100, 1, "bash")
        for pid in pids:
            start(builder, pid, 100 if pid == 101 else 0, "task", b"task")
        graph = stitched(builder, declared(b"task", "T"))
        assert [step.rule for step in graph.steps] == ["T"]
        assert [one.step for one in graph.execs if one.program == b"/bin/task"] == [0, 0]


def test_a_process_that_nobody_started_may_belong_to_either_of_two():
    builder = TraceBuilder()
    for pid in (100, 110):
        start(builder, pid, 1, "make")
        start(builder, pid + 1, pid, "sh", b"all")
    start(builder, 150, 0, "sh", b"all")
    assert len(stitched(builder).steps) == 3


def test_a_step_without_processes_is_kept_and_told():
    builder = TraceBuilder()
    start(builder, 100, 1, "make")
    quiet = declared(b"quiet", "quiet", facts={"runs_command": False}, started=1)
    graph = stitched(builder, declared(b"lost", "lost", started=2), quiet)
    assert [step.rule for step in graph.steps] == ["quiet", "lost"]
    assert [(gap.reason, gap.step) for gap in graph.gaps] == [(GapReason.NOT_OBSERVED, 1)]


def test_the_step_around_a_whole_run_is_not_its_own():
    builder = TraceBuilder()
    start(builder, 100, 1, "sh", b"outer")
    start(builder, 101, 100, "make", b"outer")
    start(builder, 102, 101, "sh", b"inner")
    graph = stitched(builder, run=replace(RUN, outer_run="x", outer_step=b"outer"))
    assert [step.key for step in graph.steps] == [b"inner"]


def test_declared_parents_times_and_status():
    builder = TraceBuilder()
    top = start(builder, 100, 1, "make")
    one = start(builder, 101, 100, "sh", b"a")
    builder.exit(one, 2)
    builder.wait(top, 101, 2 << 8)
    told = declared(b"a", "a", started=5, ended=6, status=0)
    graph = stitched(builder, told, declared(b"group", "group"), declared(b"b", "b", outer=b"a"))
    by_rule = {step.rule: step for step in graph.steps}
    assert (by_rule["a"].started, by_rule["a"].ended, by_rule["a"].status) == (5, 6, 0)
    assert by_rule["b"].parent == by_rule["a"].number
    (observed,) = stitched(builder).steps
    assert observed.status == 2
    assert observed.started == stitched(builder).execs[1].started


def found(*, fails: bool = False) -> RunGraph:
    """A script that runs two commands, of which the engine finds each to be a step; a make sets its own."""
    builder = TraceBuilder()
    start(builder, 100, 1, "sh")
    start(builder, 101, 100, "make")
    start(builder, 102, 101, "cc", b"target")
    start(builder, 103, 100, "cp")

    def find(seen: Sequence[Seen]) -> Iterator[tuple[int, Declaration]]:
        (shell,) = [one for one in seen if one.parent is None]
        if fails:
            raise LookupError("lost")
        for one in seen:
            if one.parent == shell.number:
                path, arguments = one.programs[0]
                assert path == b"/bin/" + arguments[0]
                yield one.number, declared(b"step of " + arguments[0], arguments[0].decode())

    return stitch_traces(RUN, [builder.trace()], [Declared(find=find)], PaperFiles())


def test_an_engine_finds_its_steps_among_the_processes():
    graph = found()
    assert [exec.step for exec in graph.execs] == [None, 0, 1, 2]
    assert [(step.rule, step.parent) for step in graph.steps] == [("make", None), ("target", 0), ("cp", None)]
    assert not graph.gaps


def test_an_engine_that_fails_to_find_its_steps_is_told():
    graph = found(fails=True)
    assert [step.rule for step in graph.steps] == ["target"]
    assert [one.reason for one in graph.gaps] == [GapReason.NOT_RECORDED]
    assert "LookupError: lost" in graph.gaps[0].detail
