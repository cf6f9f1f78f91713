"""The walk over the rows that touch written (or odd) paths: which version each access belongs to.

Paths that nobody wrote have one version, as found, and are done in bulk (columns.py). Here every row
is looked at in order of time: writes make versions, renames and links carry content to new names, reads
take what is current.
"""

from __future__ import annotations

from collections.abc import Callable

from probe_core.capture.trace import NONE, Detail, Identity, Kind
from probe_core.model import Act
from probe_core.stitch.drafts import NOWHERE, Draft
from probe_core.stitch.files import kind_of
from probe_core.stitch.naming import Naming
from probe_core.stitch.versions import inode_of

_ACTS: dict[int, Act] = {
    Kind.READ: Act.READ, Kind.LOOKUP: Act.LOOKUP, Kind.LIST: Act.LIST, Kind.LOAD: Act.LOAD,
}  # fmt: skip
# As plain numbers: the enumeration's own `&` makes an object each time, ten times slower.
_LOOKUP, _NO_FOLLOW, _IS_DIRECTORY = int(Kind.LOOKUP), int(Detail.NO_FOLLOW), int(Detail.IS_DIRECTORY)
_NO_NAME, _BOTH, _TRUNCATED = int(Detail.NO_NAME), int(Detail.BOTH), int(Detail.TRUNCATED)


class Walk(Naming):
    """Takes rows in, in order of time. ``accesses`` and ``states`` are the result."""

    def row(self, row: int) -> None:
        """Take one row in; rows of kinds that touch no file do nothing."""
        step = _STEPS.get(self.trace.kind[row])
        if step is not None:
            step(self, row, self.program_of[self.trace.image[row]], self.trace.when[row])

    def _look(self, row: int, program: int, when: int) -> None:
        trace = self.trace
        index, kind, detail = trace.path[row], trace.kind[row], trace.detail[row]
        if index == NONE:
            return
        link, name = self.follow(index, link_itself=kind == _LOOKUP and detail & _NO_FOLLOW != 0)
        if trace.error[row]:
            self._failed(name if name != NOWHERE else link, row, program, when)
            return
        last, count = trace.last[row], trace.count[row]
        if link != NOWHERE:
            self.access(when, program, self.now(link), Act.LOOKUP, last, count)
        if name != NOWHERE:
            self._seen(name, kind, detail & _IS_DIRECTORY != 0, program, when, last, count)

    def _seen(
        self, name: int, kind: int, folder: bool, program: int, when: int, last: int, count: int
    ) -> None:
        draft, act = self.now(name), _ACTS[kind]
        if draft.kind == "missing":  # seen again, though nobody recorded made it
            draft = self.state(name).add(self._kind_now(name), None, None)
        if act is Act.READ:
            if folder or draft.kind == "directory":
                act = Act.LOOKUP
                draft.kind = "directory" if draft.kind == "file" else draft.kind
            else:
                self.own_reads.add((program, name))
        elif act is Act.LIST and draft.made_by is None:
            draft.kind = "directory"
        self.access(when, program, draft, act, last, count)
        if last > when:
            self.states[name].folds.append((program, act, last))

    def _write(self, row: int, program: int, when: int) -> None:
        trace, index = self.trace, self.trace.path[row]
        identity, detail = self._identity(row), trace.detail[row]
        if detail & _NO_NAME:
            if identity is not None:
                self._nameless[identity.device, identity.inode] = (program, when)
            return
        if index == NONE:
            return
        link, name = self.follow(index)
        if trace.error[row]:
            self._failed(name if name != NOWHERE else link, row, program, when)
            return
        if link != NOWHERE:
            self.access(when, program, self.now(link), Act.LOOKUP)
        if name == NOWHERE:
            return
        kind = kind_of(identity.mode) if identity is not None and identity.mode else "file"
        if kind != "file":
            self.access(when, program, self.now(name), Act.WRITE)
            return
        self._open_for_writing(name, identity, row, program, when)

    def _open_for_writing(
        self, name: int, identity: Identity | None, row: int, program: int, when: int
    ) -> None:
        detail, state = self.trace.detail[row], self.state(name)
        both = detail & _BOTH and not detail & _TRUNCATED
        if both and (identity is None or identity.size > 0):
            before = self.now(name)
            if before.kind != "missing":
                self.access(when, program, before, Act.READ)
                self.own_reads.add((program, name))
        key = (program, (identity.device, identity.inode)) if identity is not None else None
        if key is not None and state.current is not None and self._open.get(key) is state.current:
            return  # a second descriptor in the same interval
        draft = self.written(name, program, when, identity)
        self.access(when, program, draft, Act.WRITE)
        if key is not None:
            self._open[key] = draft

    def _close(self, row: int, program: int, when: int) -> None:
        identity = self._identity(row)
        if identity is None:
            return
        inode = (identity.device, identity.inode)
        mine = self._open.pop((program, inode), None)
        if mine is not None and not self._is_current(mine):
            self._written_beside(mine, program, when)
        elif mine is not None and mine.read_at is not None and identity.modified > mine.read_at:
            self.access(when, program, self.written(mine.name, program, when, identity), Act.WRITE)
        for draft in self.inodes.get(inode, ()):
            self.describe(draft, identity)

    def _written_beside(self, draft: Draft, program: int, when: int) -> None:
        """Another opened it for writing meanwhile: what is there now is by both."""
        current = self.state(draft.name).current
        if current is not None and current.inode == draft.inode and program not in current.writers:
            current.writers[program] = None
            self.access(when, program, current, Act.WRITE)

    def _change(self, row: int, program: int, when: int) -> None:
        identity, index = self._identity(row), self.trace.path[row]
        inode = (identity.device, identity.inode) if identity is not None else None
        name = self.follow(index)[1] if index != NONE else NOWHERE
        if name == NOWHERE:
            known = (
                [draft for draft in self.inodes.get(inode, ()) if self._is_current(draft)] if inode else []
            )
            if not known:
                return
            name = known[0].name
        if self._refused(name, row, program, when):
            return
        current = self.state(name).current
        if inode is not None and current is not None and self._open.get((program, inode)) is current:
            if identity is not None:
                self.describe(current, identity)
            return
        self.access(when, program, self.written(name, program, when, identity), Act.WRITE)

    def _metadata(self, row: int, program: int, when: int) -> None:
        index = self.trace.path[row]
        name = self.follow(index)[1] if index != NONE else NOWHERE
        if name == NOWHERE:
            identity = self._identity(row)
            for draft in self.inodes.get((identity.device, identity.inode), ()) if identity else ():
                draft.explained = max(draft.explained, when)
            return
        if self._refused(name, row, program, when):
            return
        draft = self.now(name)
        self.access(when, program, draft, Act.METADATA)
        for other in (draft, *self.inodes.get(inode_of(draft), ())):
            other.explained = max(other.explained, when)


_STEPS: dict[int, Callable[[Walk, int, int, int], None]] = {
    Kind.READ: Walk._look, Kind.LOOKUP: Walk._look, Kind.LIST: Walk._look, Kind.LOAD: Walk._look,
    Kind.WRITE: Walk._write, Kind.CLOSE: Walk._close, Kind.REMOVE: Walk._remove,
    Kind.RENAME: Walk._rename, Kind.LINK: Walk._link, Kind.SYMLINK: Walk._symlink,
    Kind.MAKE: Walk._make, Kind.CHANGE: Walk._change, Kind.METADATA: Walk._metadata,
}  # fmt: skip
