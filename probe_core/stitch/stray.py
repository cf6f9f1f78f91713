"""What a vfork child opened before its exec: a shell's redirections, noted in the shell's memory.

The recorder marks such a write; the program that the child then became is the one that wrote.
"""

from __future__ import annotations

from probe_core.capture.trace import Detail, Kind
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape


def strays(tape: Tape, tree: Tree) -> dict[int, int]:
    """Give for each marked row the program that its child became; rows of children that did not are left out."""
    trace = tape.trace
    became = {program.note: number for number, program in enumerate(tree.programs) if program.note is not None}
    waiting: dict[int, list[int]] = {}  # image -> marked rows
    found: dict[int, int] = {}
    for row in tape.rows((Kind.WRITE, Kind.EXEC)):
        image = trace.image[row]
        if trace.kind[row] == Kind.WRITE:
            if trace.detail[row] & Detail.STRAYED:
                waiting.setdefault(image, []).append(row)
        elif trace.pid[row] != trace.images[image].pid and row in became:
            for marked in waiting.pop(image, ()):
                found[marked] = became[row]
    return found
