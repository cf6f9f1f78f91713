"""Programs that ended without libc: they make system calls of their own, or became another program so.

A recorded program notes its end. One that ended by itself and did not (a run-time with its own system
calls, as Go's; a raw execve that dropped the preload) has done things that nobody saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe_core.capture.containers import read_start, works_for_itself
from probe_core.capture.trace import Kind
from probe_core.model import Gap, GapReason, RunGraph
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape


def past_libc(
    graph: RunGraph, tape: Tape, tree: Tree, exec_of: Sequence[int], told: Sequence[Gap]
) -> Iterator[Gap]:
    """One gap for each such program, except where ``told`` says already why it is silent."""
    trace = tape.trace
    if trace.faults:  # the note of an end may be among what could not be read
        return
    ended = {trace.image[row] for row in tape.rows((Kind.EXIT,))}
    silent = {one.exec for one in told}
    outlived = _outlived(tree)
    for number, life in enumerate(tree.lives):
        last = life.programs[-1] if life.programs else -1
        image = tree.programs[last].image if last >= 0 else None
        if image is None or image in ended or number in outlived:
            continue
        one = graph.execs[exec_of[last]]
        status = graph.processes[one.process].status
        by_itself = status is not None and status < 128  # else a signal, which nobody can note
        command = (one.program, one.arguments)
        if not by_itself or one.number in silent or works_for_itself(*command) or read_start(*command):
            continue
        yield gap(GapReason.PAST_LIBC, one.program, exec=one.number, step=one.step)


def _outlived(tree: Tree) -> set[int]:
    """Processes with a forked child that went on after them: daemon(3) ends the parent inside libc."""
    found: set[int] = set()
    for life in tree.lives:
        if life.parent is None or not life.programs or not tree.programs[life.programs[0]].forked:
            continue
        end = tree.lives[life.parent].ended
        if end is None or life.ended is None or life.ended > end:
            found.add(life.parent)
    return found
