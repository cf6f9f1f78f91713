"""Which recorded version a file named on the command line means.

A name is taken as it is typed: relative or absolute, through symbolic links or not, whether the file is
still there or not. Without a version asked for it means what is on disk now, if that was recorded; else
the newest recorded content, and a note says how the disk differs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe_core.errors import UnknownFile, UnknownRun, UnknownVersion
from probe_core.history import History, Kept
from probe_core.history.identifier import version_identifier

DIGEST_MOST = 256 << 20  # bytes: a larger file is not read to answer a question
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """The version that a question is about, and how it stands to the disk."""

    asked: bytes  # as typed
    kept: Kept
    disk: str  # same, changed, gone, unchecked, elsewhere (same content, recorded at another path)
    notes: tuple[str, ...] = ()  # sentences for the person who asked


def find_target(history: History, name: str | bytes | Path, version: str | None = None) -> Target:
    """Find the recorded version that ``name`` means.

    ``version``: a digest (6 digits of it are enough), a run (the version when that ended), or a number: 1
    is the newest recorded content, 2 the one before it. Raises UnknownFile or UnknownVersion.
    """
    asked = os.fsencode(name)
    typed = _absolute(asked)
    for path in dict.fromkeys((os.path.realpath(typed), typed)):
        found = history.versions_at(path)
        if found:
            if version is not None:
                kept = _asked_for(history, asked, found, version)
                return Target(asked, kept, "unchecked", tuple(_when_other(kept, _contents(found)[0])))
            return _as_on_disk(history, asked, path, found)
    return _by_content(history, asked, typed)


def contents(history: History, name: str | bytes | Path) -> list[Kept]:
    """Give the different contents recorded at a path, the newest first: what ``version`` counts."""
    typed = _absolute(os.fsencode(name))
    for path in dict.fromkeys((os.path.realpath(typed), typed)):
        if found := history.versions_at(path):
            return _contents(found)
    raise UnknownFile(_path(typed))


def _contents(found: list[Kept]) -> list[Kept]:
    """Keep of each content one version: the newest that a run made, else the newest."""
    best: dict[str, Kept] = {}
    for kept in found:
        key = version_identifier(kept.version, kept.run)
        known = best.get(key)
        if known is None or (known.version.made_by is None and kept.version.made_by is not None):
            best[key] = kept
    return list(best.values())


def _asked_for(history: History, asked: bytes, found: list[Kept], version: str) -> Kept:
    some = _contents(found)
    if version.isascii() and version.isdigit() and len(version) < 6:
        if 1 <= int(version) <= len(some):
            return some[int(version) - 1]
    elif digest := _DIGEST.match(version):
        fitting = [kept for kept in some if (kept.version.digest or "").startswith("sha256:" + digest[1])]
        if len(fitting) == 1:
            return fitting[0]
    try:
        run = history.find_run(version)
    except UnknownRun:
        run = ""
    in_run = [kept for kept in found if kept.run == run]
    if in_run:
        return in_run[0]
    known = tuple((kept.version.digest or version_identifier(kept.version, kept.run))[:19] for kept in some)
    raise UnknownVersion(_path(asked), version, known)


def _as_on_disk(history: History, asked: bytes, path: bytes, found: list[Kept]) -> Target:
    """Choose the recorded version that is on disk; where none is, the newest, with a note."""
    some = _contents(found)
    newest = some[0]
    try:
        status = _path(path).stat()
    except OSError:
        return Target(
            asked, newest, "gone", ("the file is no longer there; this is its newest recorded content",)
        )
    for kept in found:
        version = kept.version
        if (version.inode, version.size, version.modified) == (
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        ):
            same = version_identifier(version, kept.run)
            best = next((one for one in some if version_identifier(one.version, one.run) == same), kept)
            return Target(asked, best, "same", tuple(_when_other(best, newest)))
    sizes = {kept.version.size for kept in some if kept.version.digest}
    digest = _digest_of(path, status.st_size) if status.st_size in sizes else None
    for kept in some:
        if digest is not None and kept.version.digest == digest:
            return Target(asked, kept, "same", tuple(_when_other(kept, newest)))
    note = "the file has changed since it was recorded; this is its newest recorded content"
    if not _path(path).is_file():
        return Target(asked, newest, "unchecked")
    if digest is None:
        digest = _digest_of(path, status.st_size)
    elsewhere = history.versions_with_digest(digest) if digest and status.st_size else []
    if elsewhere:
        note += f" (what is there now was recorded as {os.fsdecode(elsewhere[0].version.path)})"
    return Target(asked, newest, "changed", (note,))


def _when_other(kept: Kept, newest: Kept) -> Iterator[str]:
    """Say that a newer content was recorded, when the question is not about that."""
    if kept is not newest and version_identifier(kept.version, kept.run) != version_identifier(
        newest.version, newest.run
    ):
        yield "this is not its newest recorded content; `--version 1` asks about that"


def _by_content(history: History, asked: bytes, typed: bytes) -> Target:
    """Find a file that no run touched by what is in it."""
    where = _path(typed)
    try:
        status = where.stat()
    except OSError:
        raise UnknownFile(where, "it does not exist either; is its name right?") from None
    digest = _digest_of(typed, status.st_size) if where.is_file() and status.st_size else None
    same = history.versions_with_digest(digest) if digest else []
    if not same:
        raise UnknownFile(where)
    kept = _contents(same)[0]
    note = (
        f"no recorded run touched this file, but its content was recorded as {os.fsdecode(kept.version.path)}"
    )
    return Target(asked, kept, "elsewhere", (note,))


def _digest_of(path: bytes, size: int) -> str | None:
    """Give the digest of what is on disk; None where it is too large, or cannot be read."""
    if size > DIGEST_MOST:
        return None
    try:
        with _path(path).open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _absolute(asked: bytes) -> bytes:
    """Give a name as an absolute one, without following links."""
    inside = asked if asked.startswith(b"/") else bytes(Path.cwd()) + b"/" + asked
    return os.path.normpath(b"/" + inside.lstrip(b"/"))


def _path(name: bytes) -> Path:
    return Path(os.fsdecode(name))
