"""The process tree, from images and notes."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from paper import PaperFiles
from probe_core.capture.trace import Detail
from probe_core.model import Act, GapReason, Run, RunGraph, RunState
from probe_core.stitch import stitch_traces
from probe_core.stitch.processes import status_of
from segments import EPOCH, TraceBuilder

RUN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me", status=3, state=RunState.ENDED)
OPEN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me")
SECOND = 10**9


def stitched(builder: TraceBuilder, run: Run = RUN) -> RunGraph:
    return stitch_traces(run, [builder.trace()], [], PaperFiles())


@pytest.fixture
def builder() -> TraceBuilder:
    return TraceBuilder()


def tree(graph: RunGraph) -> list[tuple[int, int | None, list[bytes]]]:
    """(pid, parent's number, programs) by process."""
    return [
        (one.pid, one.parent, [exec.program for exec in graph.execs if exec.process == one.number])
        for one in graph.processes
    ]


def test_exec_goes_on_in_the_same_process(builder):
    one = builder.start(100, 1, "/bin/env", ["env"], "/w")
    builder.exec(one, "/bin/sh")
    builder.exit(builder.start(100, 1, "/bin/sh", ["sh"], "/w"), 0)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/env", b"/bin/sh"])]
    first, second = graph.execs
    assert (second.previous, second.forked, first.ended) == (0, False, second.started)
    assert graph.gaps == []


def test_a_fork_goes_on_with_its_parents_program(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh", "-c", "x"], "/w")
    child = builder.forked(shell, 101)
    builder.fork(shell, 101)
    builder.exec(child, "/bin/cat")
    cat = builder.start(101, 100, "/bin/cat", ["cat"], "/w")
    builder.exit(cat, 0)
    builder.wait(shell, 101, 0)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"]), (101, 0, [b"/bin/sh", b"/bin/cat"])]
    assert [(exec.forked, exec.previous) for exec in graph.execs] == [(False, None), (True, 0), (False, 1)]
    assert graph.execs[1].arguments == (b"sh", b"-c", b"x")


def test_vfork_and_exec(builder):
    shell = builder.start(100, 1, "/bin/dash", ["sh"], "/w")
    builder.exec(shell, "/bin/true", pid=101)
    builder.start(101, 100, "/bin/true", ["true"], "/w")
    builder.fork(shell, 101)
    builder.wait(shell, 101, 7 << 8)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/dash"]), (101, 0, [b"/bin/true"])]
    assert (graph.execs[1].previous, graph.processes[1].status) == (0, 7)


def test_spawned_children_with_and_without_a_known_pid(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.exec(shell, "/bin/a", pid=101, detail=Detail.SPAWNED)
    builder.start(101, 100, "/bin/a", ["a"], "/w")
    note = builder.exec(shell, "/bin/b", detail=Detail.SPAWNED)
    note.fields["pid"] = 0
    builder.start(102, 100, "/bin/b", ["b"], "/w")
    builder.exit(shell, 0)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"]), (101, 0, [b"/bin/a"]), (102, 0, [b"/bin/b"])]
    assert graph.gaps == []


def test_a_child_that_left_no_frame(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.fork(shell, 101)
    builder.wait(shell, 101, signal.SIGKILL, usage=(5, 6, 7))
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"]), (101, 0, [b"/bin/sh"])]
    child = graph.processes[1]
    assert (child.status, child.user_time, child.system_time, child.peak_memory) == (137, 5, 6, 7)
    assert graph.execs[1].forked


def test_a_thread_is_no_process(builder):
    one = builder.start(100, 1, "/bin/a", ["a"], "/w")
    builder.fork(one, 105, flags=0x10000)
    assert len(stitched(builder).processes) == 1


def test_a_pid_that_is_used_again(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.exec(shell, "/bin/a", pid=101)
    builder.start(101, 100, "/bin/a", ["a"], "/w")
    builder.wait(shell, 101, 0)
    builder.exec(shell, "/bin/b", pid=101)
    builder.start(101, 100, "/bin/b", ["b"], "/w")
    builder.wait(shell, 101, 1 << 8)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"]), (101, 0, [b"/bin/a"]), (101, 0, [b"/bin/b"])]
    assert [process.status for process in graph.processes] == [3, 0, 1]


def test_a_static_program_is_an_exec_with_the_recorders_gap(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    child = builder.forked(shell, 101)
    builder.exec(child, "/bin/busybox", ["busybox", "ls"], entered=False)
    builder.gap(child, 1, "/bin/busybox", pid=101)
    builder.wait(shell, 101, 0)
    builder.exit(shell, 0)
    graph = stitched(builder)
    assert tree(graph)[1] == (101, 0, [b"/bin/sh", b"/bin/busybox"])
    assert graph.execs[2].arguments == (b"busybox", b"ls")
    (gap,) = graph.gaps
    assert (gap.reason, gap.about, gap.exec) == (GapReason.STATIC, b"/bin/busybox", 2)
    executed = [
        graph.versions[version].path
        for version, act in zip(graph.accesses.version, graph.accesses.act, strict=True)
        if act == Act.EXECUTE
    ]
    assert executed == [b"/bin/sh", b"/bin/busybox"]


def test_below_a_static_program_recording_goes_on(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.exec(shell, "/bin/static", ["static"], entered=False, pid=101)
    builder.start(102, 101, "/bin/cat", ["cat"], "/w")
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"]), (101, 0, [b"/bin/static"]), (102, 1, [b"/bin/cat"])]


def test_a_program_that_never_answered(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.exec(shell, "/bin/gone", pid=101)
    builder.exit(shell, 0)
    graph = stitched(builder)
    (gap,) = graph.gaps
    assert (gap.reason, gap.about) == (GapReason.NOT_ENTERED, b"/bin/gone")
    assert stitched(builder, OPEN).gaps == []  # it may still answer


def test_an_exec_that_failed_is_nothing(builder):
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.exec(shell, "/bin/none", ["none"], entered=False)
    builder.exec(shell, "/bin/none", failed=True, error=2)
    builder.read(shell, "a")
    builder.exit(shell, 0)
    graph = stitched(builder)
    assert tree(graph) == [(100, None, [b"/bin/sh"])]
    assert graph.gaps == []


def test_times_and_statuses(builder):
    one = builder.start(100, 1, "/bin/a", ["a"], "/w", at=EPOCH)
    builder.exit(one, 5, usage=(10, 20, 30), at=EPOCH + SECOND)
    graph = stitched(builder)
    (process,), (exec,) = graph.processes, graph.execs
    assert (process.started, process.ended, process.status) == (EPOCH, EPOCH + SECOND, 5)
    assert (process.user_time, process.peak_memory, exec.ended) == (10, 30, EPOCH + SECOND)


def test_the_root_has_the_runs_status_where_it_did_not_say(builder):
    builder.start(100, 1, "/bin/a", ["a"], "/w")
    assert stitched(builder).processes[0].status == 3


def test_a_run_whose_end_nobody_saw_says_so(builder):
    image = builder.start(100, 1, "/bin/sh", ["sh"], "/w", at=EPOCH)
    builder.read(image, "x", at=EPOCH + SECOND)
    graph = stitched(builder, replace(RUN, status=None, state=RunState.LOST))
    assert [gap.reason for gap in graph.gaps] == [GapReason.LAUNCHER_LOST]
    assert graph.run.ended == EPOCH + SECOND


def test_a_killed_process_ends_with_its_last_frame_and_a_live_one_does_not(builder):
    one = builder.start(100, 1, "/bin/a", ["a"], "/w", at=EPOCH)
    builder.read(one, "x", at=EPOCH + SECOND)
    assert stitched(builder).processes[0].ended == EPOCH + SECOND
    assert stitched(builder, OPEN).processes[0].ended is None


@pytest.mark.parametrize(
    ("wait_status", "shown"), [(0, 0), (256, 1), (9, 137), (0x8B, 139), (-1, None), (255 << 8, 255)]
)
def test_wait_statuses(wait_status, shown):
    assert status_of(wait_status) == shown


def test_two_hosts_with_the_same_pids(builder):
    builder.start(100, 1, "/bin/a", ["a"], "/w")
    other = TraceBuilder(host="other", at=EPOCH + SECOND)
    other.start(100, 1, "/bin/b", ["b"], "/w")
    graph = stitch_traces(RUN, [builder.trace(), other.trace()], [], PaperFiles())
    assert [(process.host, process.pid) for process in graph.processes] == [("host", 100), ("other", 100)]
