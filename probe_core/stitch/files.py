"""What the file system says after the fact: one stat a path, canonical names, volumes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from probe_core.capture.containers import Mount, Start, here, image_id

OUTSIDE = (b"/proc/", b"/sys/", b"/dev/")  # kernel and devices: no versions (docs: limits)


class Fact(NamedTuple):
    """What is at a canonical path now. Times in ns; ``kind`` "missing" when nothing is there."""

    kind: str
    size: int | None = None
    modified: int | None = None
    changed: int | None = None
    device: int | None = None
    inode: int | None = None


class Place(NamedTuple):
    """Where a recorded path leads: its canonical name, and what a symlink there points to at last."""

    path: bytes
    target: bytes | None  # None: not a symlink


class Volume(NamedTuple):
    """A mounted file system: its lasting name, where it is mounted, which folder of it, whether remote."""

    name: str
    mount: bytes
    root: bytes
    remote: bool


MISSING = Fact("missing")
WORTH_LISTING = 16  # names asked for in a folder, from which on its list is cheaper than asking for each
_UNLISTED: frozenset[bytes] = frozenset({b"not listed yet"})
NO_VOLUME = Volume("unknown", b"/", b"/", False)


class FileFacts(Protocol):
    """What stitching asks of the file system; tests give their own."""

    def outside(self, path: bytes) -> bool:
        """Whether the path is none of ours (kernel, devices, the recorder's own)."""

    def place(self, path: bytes) -> Place:
        """Follow the folders of ``path``, and look at its last name."""

    def fact(self, path: bytes) -> Fact:
        """What is at this canonical path."""

    def absent(self, path: bytes) -> bool:
        """Whether this is surely the canonical name of a path that is not there; False: `place` will tell."""

    def volume(self, path: bytes) -> tuple[Volume, bytes]:
        """The volume of a canonical path, and the path inside it."""

    def mounts(self) -> Sequence[Mount]:
        """The mounts of the machine that the run was on; none on another one."""

    def pid_space(self) -> str:
        """The name of that machine's namespace of pids, as /proc/self/ns/pid has it."""

    def image_id(self, start: Start, program: bytes, directory: bytes) -> str | None:
        """What a container's engine says of its image."""

    def add_container(self, prefix: bytes, volume: str) -> None:
        """From now on paths below ``prefix`` are a container's own, of a volume with this name."""

    def interpreter(self, path: bytes) -> bytes:
        """What follows ``#!`` in the file's first line; empty when it is no script."""


_KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device",
}  # fmt: skip


_TYPE = 0o170000  # S_IFMT


def kind_of(mode: int) -> str:
    """The model's word for a st_mode."""
    return _KINDS.get(mode & _TYPE, "file")


def fact_of(status: os.stat_result) -> Fact:
    """A Fact from lstat's answer."""
    return Fact(
        kind_of(status.st_mode),
        status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev, status.st_ino,
    )  # fmt: skip


class DiskFacts:
    """The real file system; every path is asked once."""

    def __init__(self, ours: Iterable[bytes] = (), host: str = "") -> None:
        """``ours`` are folders to leave out (the spool)."""
        self._listed: dict[bytes, frozenset[bytes] | None] = {}  # folder: its names; None: ask `place`
        self._asked: dict[bytes, int] = {}
        self._unasked: tuple[bytes, ...] = ()
        self._outside = (*OUTSIDE, *(path.rstrip(b"/") + b"/" for path in ours))
        self._folders: dict[bytes, bytes] = {}
        self._facts: dict[bytes, Fact] = {}
        self._volumes: dict[bytes, tuple[Volume, bytes]] = {}
        self._mounts = read_mounts(host)
        self._here = host in ("", os.uname().nodename)

    def leave_alone(self, folders: Iterable[bytes]) -> None:
        """Ask nothing of what lies in these folders: an engine keeps some files a job there, for itself."""
        self._unasked = (*self._unasked, *(path.rstrip(b"/") + b"/" for path in folders))

    def outside(self, path: bytes) -> bool:
        return path.startswith(self._outside) or path in (b"/proc", b"/sys", b"/dev")

    def place(self, path: bytes) -> Place:
        folder, _, name = path.rpartition(b"/")
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder or b"/").rstrip(b"/")
        if name == b"..":
            real, name = os.path.split(os.path.realpath(path))
            real = real.rstrip(b"/")
        canonical = real + b"/" + name if name else real or b"/"
        canonical = path if canonical == path else canonical  # the same object, as there are many
        if self.fact(canonical).kind == "symlink":
            return Place(canonical, os.path.realpath(canonical))
        return Place(canonical, None)

    def fact(self, path: bytes) -> Fact:
        known = self._facts.get(path)
        if known is None:
            if path.startswith(self._unasked):
                return MISSING
            try:
                status = os.lstat(path)
                known = Fact(
                    _KINDS[status.st_mode & _TYPE], status.st_size, status.st_mtime_ns, status.st_ctime_ns,
                    status.st_dev, status.st_ino,
                )  # fmt: skip
            except (OSError, ValueError):
                known = MISSING
            self._facts[path] = known
        return known

    def absent(self, path: bytes) -> bool:
        folder, _, name = path.rpartition(b"/")
        names = self._listed.get(folder, _UNLISTED)
        if names is _UNLISTED:
            asked = self._asked[folder] = self._asked.get(folder, 0) + 1
            if asked < WORTH_LISTING:
                return False
            names = self._listed[folder] = self._names_in(folder)
        return names is not None and name not in names and name not in (b"", b"..")

    @staticmethod
    def _names_in(folder: bytes) -> frozenset[bytes] | None:
        if os.path.realpath(folder or b"/").rstrip(b"/") != folder:
            return None
        try:
            return frozenset(os.listdir(folder or b"/"))  # noqa: PTH208 - names are bytes
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except (OSError, ValueError):
            return None

    def volume(self, path: bytes) -> tuple[Volume, bytes]:
        folder, _, name = path.rpartition(b"/")
        if path in self._mounts:
            return self._mounts[path], self._mounts[path].root
        known = self._volumes.get(folder)
        if known is None:
            volume = self._mount_of(folder or b"/")
            inner = volume.root.rstrip(b"/") + folder[len(volume.mount.rstrip(b"/")) :] + b"/"
            known = self._volumes[folder] = (volume, inner)
        inside = known[1] + name
        return known[0], path if inside == path else inside  # the same object, as there are many

    def interpreter(self, path: bytes) -> bytes:
        try:
            with Path(os.fsdecode(path)).open("rb") as file:
                head = file.read(256)
        except OSError:
            return b""
        return head[2:].split(b"\n", 1)[0].strip() if head.startswith(b"#!") else b""

    def mounts(self) -> Sequence[Mount]:
        return here() if self._here else ()

    def pid_space(self) -> str:
        try:
            return str(Path("/proc/self/ns/pid").readlink()) if self._here else "-"
        except OSError:
            return "-"

    def image_id(self, start: Start, program: bytes, directory: bytes) -> str | None:
        return image_id(start, program, directory) if self._here else None

    def add_container(self, prefix: bytes, volume: str) -> None:
        self._mounts[prefix] = Volume(volume, prefix, b"/", False)

    def _mount_of(self, folder: bytes) -> Volume:
        while folder not in self._mounts and folder not in (b"", b"/"):
            folder = folder.rpartition(b"/")[0]
        return self._mounts.get(folder or b"/", NO_VOLUME)


_REMOTE = {
    "nfs",
    "nfs4",
    "lustre",
    "cifs",
    "smb3",
    "ceph",
    "gpfs",
    "beegfs",
    "9p",
    "afs",
    "glusterfs",
    "orangefs",
}


def read_mounts(host: str, table: bytes | None = None) -> dict[bytes, Volume]:
    """Mount point -> Volume, from /proc/self/mountinfo (or ``table``, its text)."""
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_bytes()
        except OSError:
            return {}
    names = _block_names()
    mounts: dict[bytes, Volume] = {}
    for line in table.splitlines():
        left, _, right = line.partition(b" - ")
        parts, rest = left.split(b" "), right.split(b" ")
        if len(parts) < 5 or len(rest) < 2:
            continue
        root, mount, kind, source = _plain(parts[3]), _plain(parts[4]), rest[0].decode(), _plain(rest[1])
        mounts[mount] = Volume(_volume_name(kind, source, mount, host, names), mount, root, kind in _REMOTE)
    return mounts


def _volume_name(kind: str, source: bytes, mount: bytes, host: str, names: dict[bytes, str]) -> str:
    text = os.fsdecode(source)
    if kind in _REMOTE:
        return f"{kind} {text}"
    identifier = names.get(os.path.realpath(source)) if source.startswith(b"/dev/") else None
    if identifier:
        return f"uuid {identifier}"
    if source.startswith(b"/dev/"):
        return f"{kind} {host}:{text}"
    return f"{kind} {host}:{os.fsdecode(mount)}"


def _block_names() -> dict[bytes, str]:
    """Device node -> UUID of the file system on it."""
    folder = b"/dev/disk/by-uuid"
    try:
        return {os.path.realpath(entry.path): os.fsdecode(entry.name) for entry in os.scandir(folder)}
    except OSError:
        return {}


def _plain(text: bytes) -> bytes:
    """mountinfo writes space, tab, newline and backslash as octal escapes."""
    if b"\\" not in text:
        return text
    for escape, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        text = text.replace(escape, char)
    return text
