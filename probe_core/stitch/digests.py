"""Content digests: SHA-256 of what lies on disk, when it is the version that is meant.

docs/explanation/digests.md says why SHA-256. What was made in the run is digested up to 1 GiB a file;
what was read only up to 64 MiB a file and 128 MiB (or 2,000 files) in all, so that the prompt does not
wait; the rest later, when somebody asks. A file is compared before and after it is read with the stat
that stitching saw, so a digest is never that of another version.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from probe_core.model import FileVersion
from probe_core.stitch.files import Fact, fact_of

OUTPUT_MOST = 1 << 30
INPUT_MOST = 64 << 20
INPUTS_MOST = 128 << 20
INPUTS_COUNT = 2000
INPUTS_ASKED = 20_000  # of the history, in one run
_CHUNK = 1 << 20


class KnownDigests(Protocol):
    """Digests that the history has: a file that did not change is not read again."""

    def known(self, volume: str, inode: int, size: int, modified: int, changed: int) -> str | None:
        """The digest of the content with this identity, or None."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A file whose digest is wanted: ``number`` is the caller's own."""

    number: int
    path: bytes
    fact: Fact
    volume: str
    made: bool  # in this run
    opened: bool = True  # by a program, not only executed or loaded


def digest_file(path: bytes, fact: Fact) -> str | None:
    """The digest of a regular file, if it is still the one that ``fact`` describes."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if fact_of(os.fstat(opened)) != fact:
            return None
        hasher = hashlib.sha256(usedforsecurity=False)
        while chunk := os.read(opened, min(_CHUNK, (fact.size or 0) + 1)):  # most files are small
            hasher.update(chunk)
        return f"sha256:{hasher.hexdigest()}" if fact_of(os.fstat(opened)) == fact else None
    except OSError:
        return None
    finally:
        os.close(opened)


def digest_version(version: FileVersion) -> str | None:
    """The digest of a version that is still on disk, whatever its size; None when it is not."""
    if version.digest is not None or version.kind != "file" or version.inode is None:
        return version.digest
    fact = Fact("file", version.size, version.modified, version.changed, version.device, version.inode)
    return digest_file(version.path, fact)


class Digester:
    """Grants wishes within the limits."""

    def __init__(self, known: KnownDigests | None = None) -> None:
        self._known = known

    def grant(self, wishes: Iterable[Wish]) -> dict[int, str]:
        """Digests by the wishes' numbers: all outputs, then inputs, the smallest first."""
        found: dict[int, str] = {}
        inputs: list[Wish] = []
        for wish in wishes:
            if wish.made:
                self._keep(found, wish, most=OUTPUT_MOST)
            else:
                inputs.append(wish)
        inputs.sort(key=lambda wish: (not wish.opened, wish.fact.size or 0, wish.path))
        self._inputs(found, inputs[:INPUTS_ASKED])
        return found

    def _inputs(self, found: dict[int, str], inputs: Iterable[Wish]) -> None:
        room, count = INPUTS_MOST, INPUTS_COUNT
        for wish in inputs:
            taken = self._keep(found, wish, most=min(INPUT_MOST, room) if count else 0)
            count -= taken > 0
            room -= taken

    def _remembered(self, wish: Wish) -> str | None:
        fact = wish.fact
        if self._known is None or fact.inode is None or fact.size is None:
            return None
        return self._known.known(wish.volume, fact.inode, fact.size, fact.modified or 0, fact.changed or 0)

    def _keep(self, found: dict[int, str], wish: Wish, *, most: int) -> int:
        """Find one digest: remembered, or taken if the file has at most ``most`` bytes. The bytes read."""
        digest, size = self._remembered(wish), 0
        if digest is None and most and (wish.fact.size or 0) <= most:
            digest, size = digest_file(wish.path, wish.fact), max(wish.fact.size or 0, 1)
        if digest is not None:
            found[wish.number] = digest
        return size


class ToldDigests:
    """Digests that adapters took while the file was there (``facts["digests"]`` of a declaration)."""

    def __init__(self, told: Iterable[Any]) -> None:
        self._by_path: dict[bytes, list[Mapping[str, Any]]] = {}
        for table in told:
            for path, entry in table.items() if isinstance(table, Mapping) else ():
                if isinstance(entry, Mapping) and isinstance(entry.get("digest"), str):
                    self._by_path.setdefault(os.fsencode(path), []).append(entry)

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def find(self, path: bytes, fact: Fact, *, alone: bool) -> tuple[str, int | None] | None:
        """Digest and size of the version with this identity. ``alone``: the path had no other version.

        What is known of both must agree; where nothing of the identity is known, only a version that
        stands alone takes it.
        """
        for entry in reversed(self._by_path.get(path, [])):
            pairs = [
                (entry.get("inode"), fact.inode), (entry.get("modified"), fact.modified),
                (entry.get("size"), fact.size),
            ]  # fmt: skip
            compared = [mine == theirs for mine, theirs in pairs if mine is not None and theirs is not None]
            if all(compared) and (compared or alone):
                size = entry.get("size")
                return entry["digest"], size if isinstance(size, int) else None
        return None
