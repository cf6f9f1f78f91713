"""Which version each access belongs to: a walk over the rows that touch written (or odd) paths.

Paths that nobody wrote have one version, as found, and are done in bulk (columns.py). Here every row
is looked at in order of time: writes make versions, renames and links carry content to new names, reads
take what is current.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from probe_core.capture.trace import NONE, Detail, Identity, Kind, Trace
from probe_core.model import Act
from probe_core.stitch.drafts import ABSENT, NOWHERE, OUTSIDE, Draft, Names, State
from probe_core.stitch.files import FileFacts, kind_of

# first, program, version, act, last, count, error
Access = tuple[int, int, Draft, int, int, int, int]
_ACTS = {Kind.READ: Act.READ, Kind.LOOKUP: Act.LOOKUP, Kind.LIST: Act.LIST, Kind.LOAD: Act.LOAD}
_TOUCHES_CONTENT = frozenset((Act.READ, Act.EXECUTE, Act.LOAD, Act.INHERITED_READ))
Inode = tuple[int, int]


class Walk:
    """The fold over such rows. ``accesses`` and ``states`` are its result."""

    def __init__(self, trace: Trace, names: Names, files: FileFacts, program_of: Sequence[int]) -> None:
        self.trace, self.names, self.files, self.program_of = trace, names, files, program_of
        self.states: dict[int, State] = {}
        self.accesses: list[Access] = []
        self.inodes: dict[Inode, list[Draft]] = {}
        self.own_reads: set[tuple[int, int]] = set()  # (program, name): opened by itself
        self._open: dict[tuple[int, Inode], Draft] = {}  # write intervals
        self._nameless: dict[Inode, tuple[int, int]] = {}  # O_TMPFILE: who and when
        self._steps: dict[int, Callable[[int, int, int], None]] = {
            Kind.READ: self._look, Kind.LOOKUP: self._look, Kind.LIST: self._look, Kind.LOAD: self._look,
            Kind.WRITE: self._write, Kind.CLOSE: self._close, Kind.REMOVE: self._remove,
            Kind.RENAME: self._rename, Kind.LINK: self._link, Kind.SYMLINK: self._symlink,
            Kind.MAKE: self._make, Kind.CHANGE: self._change, Kind.METADATA: self._metadata,
        }  # fmt: skip

    def row(self, row: int) -> None:
        """Take one row in; rows of kinds that touch no file do nothing."""
        step = self._steps.get(self.trace.kind[row])
        if step is not None:
            step(row, self.program_of[self.trace.image[row]], self.trace.when[row])

    # ---- what others use too (inherited.py, core.py)

    def state(self, name: int) -> State:
        """The state of a canonical name."""
        found = self.states.get(name)
        if found is None:
            found = self.states[name] = State(name)
        return found

    def now(self, name: int) -> Draft:
        """The version that is there now, as found if nothing was recorded."""
        state = self.state(name)
        current = state.current
        if current is None or (current.removed_by is not None and current.kind != "missing"):
            return state.add(self._kind_now(name), None, None)  # as found, or put there by someone unrecorded
        return current

    def access(
        self, first: int, program: int, draft: Draft, act: int, last: int = 0, count: int = 1, error: int = 0
    ) -> None:
        """Add one access."""
        if act in _TOUCHES_CONTENT:
            draft.first_read = first if draft.first_read is None else min(draft.first_read, first)
            if program not in draft.writers:
                draft.read_at = max(draft.read_at or 0, first)
        self.accesses.append((first, program, draft, act, max(last, first), count, error))

    def made(self, name: int, program: int, when: int, kind: str = "file") -> Draft:
        """A new version of ``name``; reads that go on over it count for it too."""
        state = self.state(name)
        draft = state.add(kind, program, when)
        for reader, act, last in state.folds:
            if last > when:
                self.access(when, reader, draft, act, last)
        state.folds = [fold for fold in state.folds if fold[2] > when]
        return draft

    def written(
        self, name: int, program: int, when: int, identity: Identity | None, kind: str = "file"
    ) -> Draft:
        """A new version by writing: other names of the same inode change with it."""
        draft = self.made(name, program, when, kind)
        if identity is not None:
            self.describe(draft, identity)
            key = (identity.device, identity.inode)
            others = [old for old in self.inodes.get(key, ()) if old.name != name and self._is_current(old)]
            self.inodes[key] = [draft]
            for old in others:
                also = self.made(old.name, program, when, kind)
                self.describe(also, identity)
                also.content = draft
                self.inodes[key].append(also)
        return draft

    @staticmethod
    def describe(draft: Draft, identity: Identity) -> None:
        """Keep what fstat said."""
        draft.device, draft.inode = identity.device, identity.inode
        if identity.size >= 0:
            draft.size = identity.size
        if identity.modified > 0:
            draft.modified, draft.changed = identity.modified, identity.changed

    def follow(self, index: int, *, link_itself: bool = False) -> tuple[int, int]:
        """Where a path leads at this moment: (the symlink's name or NOWHERE, the name reached)."""
        name, target = self.names.lead(index)
        state = self.states.get(name)
        made_here = state is not None and any(draft.made_by is not None for draft in state.drafts)
        link = state.current.link if state is not None and state.current is not None else None
        if link is not None:
            target = self._end_of_link(name, link)
        elif made_here:
            target = NOWHERE  # a symlink now, but not then
        if target == NOWHERE and link is None:
            return NOWHERE, name
        return (name, NOWHERE) if link_itself or target == OUTSIDE else (name, target)

    # ---- rows

    def _look(self, row: int, program: int, when: int) -> None:
        trace = self.trace
        index, kind, detail = trace.path[row], trace.kind[row], trace.detail[row]
        if index == NONE or not trace.paths[index].startswith(b"/"):
            return
        no_follow = bool(kind == Kind.LOOKUP and detail & Detail.NO_FOLLOW)
        link, name = self.follow(index, link_itself=no_follow)
        if trace.error[row]:
            self._failed(name if name != NOWHERE else link, row, program, when)
            return
        last, count = trace.last[row], trace.count[row]
        if link != NOWHERE:
            self.access(when, program, self.now(link), Act.LOOKUP, last, count)
        if name == NOWHERE:
            return
        draft = self.now(name)
        if draft.kind == "missing":  # seen again, though nobody recorded made it
            draft = self.state(name).add(self._kind_now(name), None, None)
        act = _ACTS[Kind(kind)]
        if act is Act.READ and (detail & Detail.IS_DIRECTORY or draft.kind == "directory"):
            act = Act.LOOKUP
            draft.kind = "directory" if detail & Detail.IS_DIRECTORY and draft.kind == "file" else draft.kind
        if act is Act.LIST and draft.made_by is None:
            draft.kind = "directory"
        self.access(when, program, draft, act, last, count)
        if act is Act.READ:
            self.own_reads.add((program, name))
        if last > when:
            self.state(name).folds.append((program, act, last))

    def _failed(self, name: int, row: int, program: int, when: int) -> None:
        """A call that failed: nothing was there, or it was there and could not be had."""
        if name == NOWHERE:
            return
        trace, error = self.trace, self.trace.error[row]
        last, count = trace.last[row], max(trace.count[row], 1)
        if error not in ABSENT:
            self.access(when, program, self.now(name), Act.LOOKUP, last, count, error)
            return
        self.access(when, program, self._absent(name), Act.MISSING, last, count, error)

    def _absent(self, name: int) -> Draft:
        state = self.state(name)
        current = state.current
        if current is None or (current.removed_by is not None and current.kind != "missing"):
            return state.add("missing", None, None)
        if current.kind == "missing":
            return current
        for draft in reversed(state.drafts):  # another thread's write came between
            if draft.kind == "missing":
                return draft
        draft = state.add("missing", None, None)
        state.current = current
        return draft

    def _write(self, row: int, program: int, when: int) -> None:
        trace, index = self.trace, self.trace.path[row]
        identity, detail = self._identity(row), trace.detail[row]
        if detail & Detail.NO_NAME:
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
        both = detail & Detail.BOTH and not detail & Detail.TRUNCATED
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
            current.writers.append(program)
            self.access(when, program, current, Act.WRITE)

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
        for other in self.inodes.get(_inode(draft), ()):  # the ctime of the other names changes
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
            draft.made_by, draft.writers = source.made_by, list(source.writers)
        draft.content, draft.link, draft.holders = source, source.link, list(source.holders)
        for field in ("size", "modified", "changed", "device", "inode", "read_at"):
            setattr(draft, field, getattr(source, field))
        if identity is not None and identity.inode:
            draft.device, draft.inode = identity.device, identity.inode
        self.access(when, program, source, left)
        self.access(when, program, draft, Act.WRITE)
        inode = _inode(draft)
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
        for other in (draft, *self.inodes.get(_inode(draft), ())):
            other.explained = max(other.explained, when)

    # ---- small things

    def _refused(self, name: int, row: int, program: int, when: int) -> bool:
        """Whether there is nothing more to do: outside, or the call failed (which is noted)."""
        if name != NOWHERE and self.trace.error[row]:
            self._failed(name, row, program, when)
            return True
        return name == NOWHERE

    def _name(self, index: int) -> tuple[int, int]:
        """The name itself, no symlink at its end followed."""
        return (NOWHERE, self.names.lead(index).name) if index != NONE else (NOWHERE, NOWHERE)

    def _end_of_link(self, name: int, link: bytes) -> int:
        end = self.names.resolve(_beside(self.names.paths[name], link)).end
        return end if end != NOWHERE else OUTSIDE

    def _identity(self, row: int) -> Identity | None:
        number = self.trace.identity[row]
        return (
            self.trace.identities[number] if number != NONE and self.trace.identities[number].inode else None
        )

    def _is_current(self, draft: Draft) -> bool:
        return self.state(draft.name).current is draft and draft.removed_by is None

    def _kind_now(self, name: int) -> str:
        kind = self.files.fact(self.names.paths[name]).kind
        return kind if kind != "missing" else "file"


def _inode(draft: Draft) -> Inode:
    return (draft.device or 0, draft.inode or 0)


def _beside(path: bytes, content: bytes) -> bytes:
    """Where a symlink with this content at ``path`` leads."""
    return content if content.startswith(b"/") else path.rpartition(b"/")[0] + b"/" + content
