"""File versions while they are put together: the versions of each path, and who shares content."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from probe_core.stitch.files import FileFacts

ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))
NOWHERE = -1
OUTSIDE = -2  # target of a symlink that leads out of what is kept


class Draft:
    """One version. ``made_by`` and the like are programs of the Tree."""

    __slots__ = (
        "changed", "content", "device", "explained", "first_read", "holders", "inode", "kind", "link",
        "made_at", "made_by", "modified", "name", "number", "opened", "ordinal", "read_at", "removed_at",
        "removed_by", "size", "writers",
    )  # fmt: skip

    def __init__(self, name: int, ordinal: int, kind: str, made_by: int | None, made_at: int | None) -> None:
        self.name, self.ordinal, self.kind = name, ordinal, kind
        self.made_by, self.made_at = made_by, made_at
        self.removed_by: int | None = None
        self.removed_at: int | None = None
        self.size: int | None = None
        self.modified: int | None = None
        self.changed: int | None = None
        self.device: int | None = None
        self.inode: int | None = None
        self.content: Draft | None = None  # the version whose bytes these are (rename, link)
        self.link: bytes | None = None  # where a symlink made in this run leads
        self.first_read: int | None = None  # or executed, or loaded
        self.opened = False  # read by a program, not only executed or loaded
        self.read_at: int | None = None  # newest read by an exec that does not write it
        self.writers: dict[int, None] = {} if made_by is None else {made_by: None}  # in order
        self.holders: list[int] = []  # execs whose standard output (or the like) it was
        self.explained = made_at or 0  # newest recorded act that changes the ctime
        self.number = -1


class State:
    """The versions of one canonical path so far; ``current`` None before the first is known."""

    __slots__ = ("current", "drafts", "folds", "made", "name")

    def __init__(self, name: int) -> None:
        self.name = name
        self.drafts: list[Draft] = []
        self.current: Draft | None = None
        self.made = False  # some version was made in this run
        self.folds: list[tuple[int, int, int]] = []  # exec, act, last: repeated reads still going on

    def add(self, kind: str, made_by: int | None, made_at: int | None) -> Draft:
        """A new current version: ordinal 0 only when it was found there."""
        first = 0 if made_by is None else 1
        ordinal = self.drafts[-1].ordinal + 1 if self.drafts else first
        draft = Draft(self.name, ordinal, kind, made_by, made_at)
        self.drafts.append(draft)
        self.made |= made_by is not None
        self.current = draft
        return draft


class Lead(NamedTuple):
    """Where a path of the trace leads, by canonical names' numbers; NOWHERE: outside."""

    name: int
    target: int  # of a symlink; else NOWHERE

    @property
    def end(self) -> int:
        """The name reached at last; NOWHERE when that is outside."""
        if self.target == OUTSIDE:
            return NOWHERE
        return self.name if self.target == NOWHERE else self.target


class Names:
    """Canonical paths, numbered; each path of the trace is resolved once."""

    def __init__(self, paths: Sequence[bytes], files: FileFacts) -> None:
        self.paths: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._trace, self._files = paths, files
        self._leads: list[Lead | None] = [None] * len(paths)

    def number(self, canonical: bytes) -> int:
        """The number of a canonical path."""
        found = self._numbers.get(canonical)
        if found is None:
            found = self._numbers[canonical] = len(self.paths)
            self.paths.append(canonical)
        return found

    def known(self, among: Mapping[bytes, object]) -> list[bytes]:
        """Those of ``among`` that are canonical names by now."""
        return [path for path in self._numbers if path in among]

    def lead(self, index: int) -> Lead:
        """Resolve one path of the trace."""
        found = self._leads[index]
        if found is None:
            found = self._leads[index] = self.resolve(self._trace[index])
        return found

    def leads(self, indexes: Iterable[int]) -> Sequence[Lead | None]:
        """Resolve many paths of the trace; what comes back is by path."""
        leads, trace, resolve = self._leads, self._trace, self.resolve
        for index in indexes:
            if leads[index] is None:
                leads[index] = resolve(trace[index])
        return leads

    def resolve(self, path: bytes) -> Lead:
        """Resolve any absolute path."""
        files = self._files
        if not path.startswith(b"/") or files.outside(path):
            return Lead(NOWHERE, NOWHERE)
        canonical, end = files.place(path)
        if canonical != path and files.outside(canonical):
            return Lead(NOWHERE, NOWHERE)
        if end is None:
            return Lead(self.number(canonical), NOWHERE)
        target = OUTSIDE if files.outside(end) else self.number(end)
        return Lead(self.number(canonical), target)
