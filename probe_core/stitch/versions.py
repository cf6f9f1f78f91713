"""The versions of each path, as a fold over what was recorded: the ground that walk.py stands on."""

from __future__ import annotations

from collections.abc import Sequence

from probe_core.capture.trace import NONE, Identity, Trace
from probe_core.model import Act
from probe_core.stitch.drafts import ABSENT, NOWHERE, OUTSIDE, Draft, Names, State
from probe_core.stitch.files import FileFacts

# first, program, version, act, last, count, error
Access = tuple[int, int, Draft, int, int, int, int]
Inode = tuple[int, int]
_OPENS = frozenset((Act.READ, Act.INHERITED_READ))
_TOUCHES_CONTENT = frozenset((Act.READ, Act.EXECUTE, Act.LOAD, Act.INHERITED_READ))


class Versions:
    """States by canonical name, drafts by inode, and the accesses so far."""

    def __init__(self, trace: Trace, names: Names, files: FileFacts, program_of: Sequence[int]) -> None:
        self.trace, self.names, self.files, self.program_of = trace, names, files, program_of
        self.states: dict[int, State] = {}
        self.accesses: list[Access] = []
        self.inodes: dict[Inode, list[Draft]] = {}
        self.own_reads: set[tuple[int, int]] = set()  # (program, name): opened by itself
        self._open: dict[tuple[int, Inode], Draft] = {}  # write intervals
        self._nameless: dict[Inode, tuple[int, int]] = {}  # O_TMPFILE: who and when

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
            draft.opened |= act in _OPENS
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
        link = state.current.link if state is not None and state.current is not None else None
        if link is not None:
            target = self._end_of_link(name, link)
        elif target == NOWHERE or (state is not None and state.made):
            return NOWHERE, name  # no symlink, or one now, but not then
        return (name, NOWHERE) if link_itself or target == OUTSIDE else (name, target)

    # ---- for the parts of the walk

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


def inode_of(draft: Draft) -> Inode:
    return (draft.device or 0, draft.inode or 0)


def _beside(path: bytes, content: bytes) -> bytes:
    """Where a symlink with this content at ``path`` leads."""
    return content if content.startswith(b"/") else path.rpartition(b"/")[0] + b"/" + content
