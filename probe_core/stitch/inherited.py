"""Files that an exec was born with: a shell's redirections, and what it passes on.

The holder of such a descriptor may read or write through it as long as it lives; what it did is not
seen. Every exec that holds one is marked, except a forked shell that only passed it on to its next
program. The maker of a version written so is the last holder that started nothing itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from probe_core.capture.trace import NONE, Detail, Identity, Kind
from probe_core.model import Act, Gap, GapReason
from probe_core.stitch.drafts import NOWHERE, Draft, Names
from probe_core.stitch.files import FileFacts
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape
from probe_core.stitch.walk import Walk

_STANDARD = 2  # highest descriptor that counts as a program's standard streams
_DELETED = b" (deleted)"


class Held(NamedTuple):
    """A regular file behind an inherited descriptor."""

    row: int
    program: int
    identity: Identity
    access: int  # O_RDONLY, O_WRONLY or O_RDWR


class Inherited:
    """The inherited descriptors of a run, named; taken into the walk row by row."""

    def __init__(self, tape: Tape, tree: Tree, launcher: Iterable[tuple[bytes, int, int]] = ()) -> None:
        """``launcher``: path, device and inode of what the launcher itself inherited."""
        self.gaps: list[Gap] = []
        self._trace = tape.trace
        self._tree = tree
        self._held = dict(self._regular(tape))
        self._by_program: dict[int, set[tuple[int, int, int]]] = {}
        for held in self._held.values():
            self._by_program.setdefault(held.program, set()).add(_same(held))
        self._nameless: set[tuple[int, int]] = set()  # O_TMPFILE: no file that anyone can name
        self._paths = self._named(tape, launcher)
        self._names: dict[tuple[int, int], int] = {}
        self._told: set[tuple[int, int]] = set()
        self._done: set[tuple[int, int, int]] = set()

    def resolve(self, names: Names, files: FileFacts, looked_at: Iterable[int]) -> set[int]:
        """Find the canonical name of each inode; unnamed ones by the paths that were ``looked_at``."""
        wanted = {(held.identity.device, held.identity.inode) for held in self._held.values()}
        for inode in wanted & self._paths.keys():
            self._names[inode] = names.resolve(self._paths[inode]).end
        missing = wanted - self._paths.keys()
        if missing:
            for name_number in looked_at:
                if name_number == NOWHERE:
                    continue
                fact = files.fact(names.paths[name_number])
                if fact.inode is not None and (fact.device, fact.inode) in missing:
                    self._names.setdefault((fact.device or 0, fact.inode), name_number)
        return {name for name in self._names.values() if name != NOWHERE}

    def take(self, walk: Walk, row: int) -> None:
        """Take a DESCRIPTOR row into the walk."""
        held = self._held.get(row)
        if held is None or self._passes_on(held):
            return
        inode = (held.identity.device, held.identity.inode)
        known = [
            draft for draft in walk.inodes.get(inode, ()) if draft.removed_by is None
        ] or walk.inodes.get(inode)
        name = known[-1].name if known else self._names.get(inode)
        if name is None and inode not in self._nameless:
            self._tell(held, inode)
        if name is None or name == NOWHERE:
            return
        when = self._trace.when[row]
        if held.access != os.O_WRONLY and (held.access == os.O_RDONLY or held.identity.size > 0):
            self._read(walk, held, known[-1] if known else walk.now(name), when)
        if held.access != os.O_RDONLY:
            self._write(walk, held, name, known[-1] if known else walk.state(name).current, when)

    def _regular(self, tape: Tape) -> Iterable[tuple[int, Held]]:
        trace = tape.trace
        for row in tape.rows((Kind.DESCRIPTOR,)):
            number = trace.identity[row]
            identity = trace.identities[number] if number != NONE else None
            if identity is not None and stat.S_ISREG(identity.mode) and identity.inode:
                program = self._tree.of_image[trace.image[row]]
                yield row, Held(row, program, identity, identity.flags & os.O_ACCMODE)

    def _named(self, tape: Tape, launcher: Iterable[tuple[bytes, int, int]]) -> dict[tuple[int, int], bytes]:
        trace = tape.trace
        paths = {
            (device, inode): _undeleted(path) for path, device, inode in launcher if path.startswith(b"/")
        }
        for row in tape.rows((Kind.DESCRIPTOR, Kind.WRITE, Kind.RENAME, Kind.LINK)):
            number = trace.identity[row]
            index = trace.path[row] if trace.kind[row] in (Kind.DESCRIPTOR, Kind.WRITE) else trace.second[row]
            if number == NONE or index == NONE or trace.error[row]:
                continue
            identity, path = trace.identities[number], _undeleted(trace.paths[index])
            if trace.kind[row] == Kind.WRITE and trace.detail[row] & Detail.NO_NAME:
                self._nameless.add((identity.device, identity.inode))
                continue
            if path.startswith(b"/"):
                paths.setdefault((identity.device, identity.inode), path)
        return paths

    def _passes_on(self, held: Held) -> bool:
        """A forked shell whose next program in the same process holds the same."""
        program = self._tree.programs[held.program]
        if not program.forked:
            return False
        own = self._tree.lives[program.life].programs
        after = own[own.index(held.program) + 1 :]
        return bool(after) and _same(held) in self._by_program.get(after[0], ())

    def _tell(self, held: Held, inode: tuple[int, int]) -> None:
        if inode not in self._told:
            self._told.add(inode)
            about = b"descriptor %d, inode %d" % (held.identity.descriptor, held.identity.inode)
            self.gaps.append(gap(GapReason.UNKNOWN_DESCRIPTOR, about, exec=held.program))

    def _read(self, walk: Walk, held: Held, draft: Draft, when: int) -> None:
        key = (held.program, id(draft), int(Act.INHERITED_READ))
        if (held.program, draft.name) not in walk.own_reads and key not in self._done:
            self._done.add(key)
            walk.access(when, held.program, draft, Act.INHERITED_READ)

    def _write(self, walk: Walk, held: Held, name: int, draft: Draft | None, when: int) -> None:
        if draft is not None and held.program in draft.writers:
            return
        read_since = draft is not None and draft.read_at is not None and draft.removed_by is None
        if draft is None or draft.made_by is None or read_since:
            draft = walk.written(name, held.program, when, held.identity)
        else:
            draft.writers[held.program] = None
        if held.identity.descriptor <= _STANDARD:
            draft.holders.append(held.program)
        walk.access(when, held.program, draft, Act.INHERITED_WRITE)


def settle_makers(drafts: Iterable[Draft], tree: Tree) -> None:
    """The maker of a version held as a standard stream: the last holder that started nothing."""
    mothers = {
        program.previous
        for program in tree.programs
        if program.previous is not None and tree.programs[program.previous].life != program.life
    }
    for draft in drafts:
        leaves = [holder for holder in draft.holders if holder not in mothers]
        if leaves:
            draft.made_by = max(leaves, key=lambda number: (tree.programs[number].started, number))


def _same(held: Held) -> tuple[int, int, int]:
    return (held.identity.device, held.identity.inode, held.access)


def _undeleted(path: bytes) -> bytes:
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path
