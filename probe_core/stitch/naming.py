"""Rows that change names: removing, renaming, linking, making."""

from __future__ import annotations

from probe_core.capture.trace import NONE, Detail, Identity
from probe_core.model import Act
from probe_core.stitch.drafts import NOWHERE, Draft
from probe_core.stitch.versions import Inode, Versions, inode_of


class Naming(Versions):
    """Content keeps its maker when its name changes."""

    def _remove(self, row: int, program: int, when: int) -> None:
        _, name = self._name(self.trace.path[row])
        if self._refused(name, row, program, when):
            return
        draft = self.now(name)
        if draft.kind == "missing":
            draft = self.state(name).add("file", None, None)
        if draft.made_by is None and self.trace.detail[row] & Detail.IS_DIRECTORY:
            draft.kind = "directory"
        self.access(when, program, draft, Act.REMOVE)
        draft.removed_by, draft.removed_at = program, when
        for other in self.inodes.get(inode_of(draft), ()):  # the ctime of the other names changes
            other.explained = max(other.explained, when)

    def _rename(self, row: int, program: int, when: int) -> None:
        trace = self.trace
        _, old = self._name(trace.path[row])
        _, new = self._name(trace.second[row])
        if self._refused(old, row, program, when):
            return
        if new == NOWHERE:
            return
        if trace.detail[row] & Detail.BOTH:
            other = self.now(new)
            source = self.now(old)
            self._carry(source, new, program, when)
            self._carry(other, old, program, when)
            return
        identity = self._identity(row)
        source = self._moved_from(old, new, identity)
        self._carry(source, new, program, when, identity)
        source.removed_by, source.removed_at = program, when
        if source.kind == "directory":
            self._carry_folder(old, new, program, when)

    def _moved_from(self, old: int, new: int, identity: Identity | None) -> Draft:
        source = self.now(old)
        if source.kind == "missing":
            source = self.state(old).add("file", None, None)
        if source.made_by is None and self._kind_now(new) == "directory":
            source.kind = "directory"
        if source.inode is None and identity is not None:
            source.device, source.inode = identity.device, identity.inode
        return source

    def _carry_folder(self, old: int, new: int, program: int, when: int) -> None:
        """A folder was renamed: what was written in it goes along."""
        prefix, to = self.names.paths[old] + b"/", self.names.paths[new] + b"/"
        for state in list(self.states.values()):
            path, draft = self.names.paths[state.name], state.current
            if (
                not path.startswith(prefix)
                or draft is None
                or draft.kind == "missing"
                or draft.removed_by is not None
            ):
                continue
            self._carry(draft, self.names.number(to + path[len(prefix) :]), program, when)
            draft.removed_by, draft.removed_at = program, when

    def _carry(
        self, source: Draft, name: int, program: int, when: int, identity: Identity | None = None,
        *, left: Act = Act.RENAME_FROM,
    ) -> Draft:  # fmt: skip
        """The content of ``source`` at a new name, with its maker; ``left`` is done to the old name."""
        draft = self.made(name, program, when, source.kind)
        if source.made_by is not None:
            draft.made_by, draft.writers = source.made_by, dict(source.writers)
        draft.content, draft.link, draft.holders = source, source.link, list(source.holders)
        for field in ("size", "modified", "changed", "device", "inode", "read_at"):
            setattr(draft, field, getattr(source, field))
        if identity is not None and identity.inode:
            draft.device, draft.inode = identity.device, identity.inode
        self.access(when, program, source, left)
        self.access(when, program, draft, Act.WRITE)
        inode = inode_of(draft)
        self.inodes.setdefault(inode, []).append(draft)
        if left is Act.RENAME_FROM:
            for writer in source.writers:  # its descriptor writes on under the new name
                if self._open.get((writer, inode)) is source:
                    self._open[writer, inode] = draft
        source.explained = max(source.explained, when)
        return draft

    def _link(self, row: int, program: int, when: int) -> None:
        trace, identity = self.trace, self._identity(row)
        _, new = self._name(trace.second[row])
        if self._refused(new, row, program, when):
            return
        inode = (identity.device, identity.inode) if identity is not None else None
        nameless = self._nameless.get(inode) if inode is not None else None
        if nameless is not None and identity is not None:
            draft = self.written(new, nameless[0], when, identity)
            draft.explained = when
            self.access(when, program, draft, Act.WRITE)
            return
        target = trace.path[row]
        source = self._linked(target, inode)
        if source is None:
            self.access(when, program, self.made(new, program, when), Act.WRITE)
            return
        self._carry(source, new, program, when, identity, left=Act.LOOKUP)
        if inode is not None and source not in self.inodes.get(inode, ()):
            self.inodes.setdefault(inode, []).append(source)

    def _linked(self, target: int, inode: Inode | None) -> Draft | None:
        name = self._name(target)[1]
        if name != NOWHERE:
            return self.now(name)
        known = self.inodes.get(inode, ()) if inode is not None else ()
        return known[-1] if known else None

    def _symlink(self, row: int, program: int, when: int) -> None:
        _, new = self._name(self.trace.second[row])
        if self._refused(new, row, program, when):
            return
        draft = self.made(new, program, when, "symlink")
        draft.link = self.trace.paths[self.trace.path[row]] if self.trace.path[row] != NONE else b""
        self.access(when, program, draft, Act.WRITE)

    def _make(self, row: int, program: int, when: int) -> None:
        _, name = self._name(self.trace.path[row])
        if self._refused(name, row, program, when):
            return
        folder = self.trace.detail[row] & Detail.IS_DIRECTORY
        kind = "directory" if folder else self._kind_now(name)
        self.access(when, program, self.made(name, program, when, kind), Act.WRITE)
