"""Where the history lies, and what kind of file system that is."""

from __future__ import annotations

import os
import re
from pathlib import Path

from probe_core.errors import HistoryError

# File systems that several hosts share: their locks and shared mappings cannot carry SQLite's WAL.
SHARED = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "ceph", "afs"),
        *("ncpfs", "9p", "virtiofs", "orangefs", "panfs", "pvfs2", "glusterfs", "fuse.glusterfs"),
        *("fuse.sshfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.juicefs"),
    }
)
_OCTAL = re.compile(rb"\\([0-7]{3})")


def default_place() -> str:
    """Give PROBE_HISTORY, else ``$XDG_DATA_HOME/probe/history.sqlite`` (``~/.local/share`` where unset)."""
    named = os.environ.get("PROBE_HISTORY")
    if named:
        return named
    base = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return str(folder / "probe" / "history.sqlite")


def history_file(place: str | Path | None) -> Path:
    """Give the file that ``place`` names; raise HistoryError where it is none."""
    name = str(place) if place is not None else default_place()
    if re.match(r"[a-z][a-z0-9+]+://", name):
        raise HistoryError(name, "only a file can be a history in this version of PROBE")
    return Path(name).expanduser().absolute()


def make_file(path: Path) -> None:
    """Make an empty file for the history, and its folder, for the owner alone; leave what exists."""
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise HistoryError(str(path), "it is not a regular file") from None
    except OSError as error:
        raise HistoryError(str(path), f"it cannot be made ({error.strerror})") from error


def file_system(path: Path) -> str:
    """Name the type of the file system that ``path`` lies on, as mountinfo calls it; "" = not known."""
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return ""
    target, best, found = os.path.realpath(os.fsencode(path)), -1, b""
    for line in mounts:
        before, _, after = line.partition(b" - ")
        point = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), before.split(b" ")[4])
        holds = point == b"/" or target == point or target.startswith(point + b"/")
        if holds and len(point) >= best:
            best, found = len(point), after.split(b" ")[0]
    return found.decode("ascii", "replace")


def is_shared(path: Path) -> bool:
    """Tell whether ``path`` lies on a file system that several hosts share."""
    return file_system(path) in SHARED
