"""Steps that an engine tells apart afterwards, by the processes that were seen: no variable marks them."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe_core.capture.trace import NONE, Kind
from probe_core.model import Declaration, Gap
from probe_core.stitch.gaps import gap_of_engine
from probe_core.stitch.processes import Tree
from probe_core.stitch.redact import Redactor
from probe_core.stitch.tape import Tape

if TYPE_CHECKING:
    from probe_core.hooks import Declared, Seen


def found_steps(
    declared: Sequence[Declared], tape: Tape, tree: Tree, redactor: Redactor
) -> tuple[dict[int, Declaration], list[Gap]]:
    """Give the declaration of the step that begins with a program; gaps for engines that failed."""
    finders = [one.find for one in declared if one.find is not None and _may_find(one, tree)]
    found: dict[int, Declaration] = {}
    gaps: list[Gap] = []
    if not finders:
        return found, gaps
    seen = _seen(tape, tree)
    for find in finders:
        try:
            told = list(find(seen))
        except Exception as error:  # a broken plugin stops nothing
            gaps.append(gap_of_engine(f"steps cannot be told apart: {type(error).__name__}: {error}"))
            continue
        clean: dict[bytes, Declaration] = {}
        for number, declaration in told:
            one = clean.setdefault(declaration.key, redactor.declaration(declaration))
            found.setdefault(tree.lives[number].programs[0], one)
    return found, gaps


def _may_find(declared: Declared, tree: Tree) -> bool:
    """Tell whether a program ran without which an engine has no steps to find."""
    if not declared.programs:
        return True
    paths = {program.path for program in tree.programs}
    return not declared.programs.isdisjoint(path.rpartition(b"/")[2] for path in paths)


def _seen(tape: Tape, tree: Tree) -> list[Seen]:
    """Give the processes in the tree's own order."""
    from probe_core.hooks import Seen

    pipes = _pipes(tape, tree)
    seen = []
    for number, life in enumerate(tree.lives):
        own = [(n, tree.programs[n]) for n in life.programs]
        executed = [(n, program) for n, program in own if not program.forked]
        seen.append(
            Seen(
                number=number,
                parent=life.parent,
                pid=life.pid,
                programs=tuple((program.path, program.arguments) for _, program in executed),
                directory=executed[0][1].directory if executed else b"",
                started=life.started,
                ended=life.ended,
                status=life.status,
                pipes=frozenset().union(*(pipes.get(n, frozenset()) for n, _ in own)),
            )
        )
    return seen


def _pipes(tape: Tape, tree: Tree) -> dict[int, frozenset[int]]:
    """By program the inodes of the pipes that it was born with."""
    trace = tape.trace
    found: dict[int, frozenset[int]] = {}
    for row in tape.rows((Kind.DESCRIPTOR,)):
        number = trace.identity[row]
        identity = trace.identities[number] if number != NONE else None
        if identity is not None and stat.S_ISFIFO(identity.mode):
            program = tree.of_image[trace.image[row]]
            found[program] = found.get(program, frozenset()) | {identity.inode}
    return found
