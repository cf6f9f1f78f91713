"""Gaps from the recorder's own notes, from faults in segments, and from programs that never answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from probe_core.capture.trace import NONE, Fault, Kind
from probe_core.model import Gap, GapReason
from probe_core.printable import printable
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree
from probe_core.stitch.redact import Redactor
from probe_core.stitch.tape import Tape

# enum probe_reason of libprobe/record.h; a test holds them equal.
REASONS = {
    1: GapReason.STATIC, 2: GapReason.PRIVILEGED, 3: GapReason.FOREIGN, 4: GapReason.UNREADABLE,
    5: GapReason.IO_URING, 6: GapReason.NAMESPACE, 7: GapReason.ROOT_CHANGED, 8: GapReason.NO_ROOM,
    9: GapReason.RAW_CALL, 10: GapReason.TOO_LONG, 11: GapReason.DISARMED, 12: GapReason.UNWATCHED,
    13: GapReason.SERVES_FILES,
}  # fmt: skip

# Static too, but nothing is lost behind them: what they start is recorded, here or in a run of its own.
_OWN = {b"probe-record", b"probe-sh"}


# Here the note tells the call or its argument, and the gap is about the program.
_DOES = frozenset((GapReason.IO_URING, GapReason.ROOT_CHANGED, GapReason.RAW_CALL))


def _did(reason: GapReason, program: bytes, what: bytes) -> str:
    sentence = gap(reason, program).detail
    return sentence if what == program else f"{sentence} ({printable(what)})"


def gaps_of(
    tape: Tape, tree: Tree, exec_of: Sequence[int], step_of: Sequence[int | None], redactor: Redactor
) -> list[Gap]:
    """One gap for each thing, not for each time: a static tool run a thousand times is told per exec only."""
    trace = tape.trace
    waiting: dict[tuple[int, bytes], list[int]] = {}
    for number in tree.unanswered:
        note = tree.programs[number].note
        assert note is not None
        path = trace.paths[trace.path[note]] if trace.path[note] != NONE else b""
        waiting.setdefault((trace.image[note], path), []).append(number)
    found: dict[tuple[GapReason, bytes, int], Gap] = {}
    for row in tape.rows((Kind.GAP,)):
        reason = REASONS.get(trace.value[row], GapReason.NOT_RECORDED)
        about = trace.paths[trace.path[row]] if trace.path[row] != NONE else b""
        if reason is GapReason.STATIC and _is_ours(about):
            continue
        unanswered = waiting.get((trace.image[row], about))
        program = unanswered.pop(0) if unanswered else tree.of_image[trace.image[row]]
        about = redactor.path(redactor.text(about) or tree.programs[program].path)
        made = gap(reason, about, exec=exec_of[program], step=step_of[program])
        if reason in _DOES:
            path = tree.programs[program].path
            made = replace(made, about=path, detail=_did(reason, path, about))
        found.setdefault((reason, about, exec_of[program]), made)
    for number in sorted(
        (number for numbers in waiting.values() for number in numbers), key=exec_of.__getitem__
    ):
        if _is_ours(tree.programs[number].path):
            continue
        about = redactor.path(redactor.text(tree.programs[number].path))
        made = gap(GapReason.NOT_ENTERED, about, exec=exec_of[number], step=step_of[number])
        found.setdefault((made.reason, about, exec_of[number]), made)
    told = any(made.reason is GapReason.NO_ROOM for made in found.values())  # by a program that met it
    faults = (fault for fault in trace.faults if not (told and fault.reason.startswith("lost")))
    return [*found.values(), *(_of_fault(fault, tree, exec_of) for fault in faults)]


def _is_ours(path: bytes) -> bool:
    return path.rpartition(b"/")[2] in _OWN


def _of_fault(fault: Fault, tree: Tree, exec_of: Sequence[int]) -> Gap:
    program = tree.of_image[fault.image] if fault.image is not None else -1
    exec_number = exec_of[program] if program >= 0 else None
    where = f"{fault.segment} at byte {fault.offset}"
    times = f" ({fault.count} times)" if fault.count > 1 else ""
    if fault.reason.startswith("torn"):
        return gap(GapReason.TORN, fault.segment.encode(), exec=exec_number)
    if fault.reason.startswith("lost"):
        sentence = f"{fault.count} notes found no room (disk full, quota or read-only spool)"
        return gap(GapReason.NO_ROOM, fault.segment.encode(), exec=exec_number, detail=sentence)
    sentence = f"a part of {where} could not be read: {fault.reason}{times}"
    return gap(GapReason.UNREADABLE_SEGMENT, fault.segment.encode(), exec=exec_number, detail=sentence)
