"""Read `strace -f -y -xx` into the sets of paths that a command touched: the truth to compare with.

Only what succeeded counts. Paths are absolute and canonical in their folder; names under /proc, /sys and /dev
are left out, as they are in a recording (docs/limits.md).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "open,openat,openat2,creat,execve,execveat,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "link,linkat,symlink,symlinkat,mkdir,mkdirat,truncate,chdir,fchdir,fork,vfork,clone,clone3"
)
OPTIONS = ("-f", "-y", "-qq", "-xx", "-s", "65536", "-e", f"trace={CALLS}", "-e", "signal=none")

_LINE = re.compile(r"^(\d+)\s+(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<([^>]*)>)?")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_AT = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>, \"((?:\\x[0-9a-f]{2})*)\"")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def canonical(path: bytes) -> bytes:
    """The path with its folder resolved; the last name is kept, as it may be gone or a link."""
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(folder), name)


def outside(path: bytes) -> bool:
    """Whether a recording leaves that path out."""
    return path.startswith((b"/proc", b"/sys", b"/dev", b"pipe:")) or b"\0" in path


@dataclass
class Touched:
    """Canonical paths by what was done to them."""

    read: set[bytes] = field(default_factory=set)
    either: set[bytes] = field(default_factory=set)  # opened for both: whether it was read too is not said
    written: set[bytes] = field(default_factory=set)
    removed: set[bytes] = field(default_factory=set)
    renamed: set[bytes] = field(default_factory=set)  # the old names; the new ones are written
    executed: set[bytes] = field(default_factory=set)


class _Log:
    def __init__(self, directory: bytes) -> None:
        self.start = directory
        self.places: dict[str, list[bytes]] = {}
        self.touched = Touched()

    def place(self, pid: str) -> list[bytes]:
        return self.places.setdefault(pid, [self.start])

    def call(self, pid: str, name: str, text: str, result: str, target: str | None) -> None:
        if name in ("clone", "clone3", "fork", "vfork") and result not in ("?", "-1"):
            shared = "CLONE_FS" in text and "CLONE_THREAD" in text
            self.places[result] = self.place(pid) if shared else list(self.place(pid))
            return
        if result.startswith("-") or result == "?":
            return
        paths = self._paths(pid, text)
        method = getattr(
            self, f"on_{name.rstrip('2')}".replace("openat", "open").replace("renameat", "rename"), None
        )
        if method is not None:
            method(pid, text, paths, target)

    def _paths(self, pid: str, text: str) -> list[bytes]:
        at = [(_bytes(folder), _bytes(path)) for folder, path in _AT.findall(text)]
        if not at:
            found = _TEXT.findall(text)
            at = [(self.place(pid)[0], _bytes(path)) for path in found]
        return [os.path.join(folder, path) for folder, path in at]

    def add(self, into: set[bytes], path: bytes) -> None:
        if not outside(path):
            into.add(canonical(path))

    def on_open(self, _pid: str, text: str, paths: list[bytes], target: str | None) -> None:
        path = paths[0]
        if target and "\\x" in target and outside(_bytes(target)):
            return
        if "O_DIRECTORY" in text or "O_PATH" in text or os.path.isdir(path):
            return
        if "O_WRONLY" in text or "O_RDWR" in text:
            if "O_TMPFILE" not in text:
                self.add(self.touched.written, path)
            if "O_RDWR" in text:
                self.add(self.touched.either, path)
        else:
            self.add(self.touched.read, path)

    def on_creat(self, _pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        self.add(self.touched.written, paths[0])

    def on_execve(self, _pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        self.add(self.touched.executed, paths[0])

    on_execveat = on_execve

    def on_made(self, _pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        self.add(self.touched.written, paths[-1])

    on_link = on_linkat = on_symlink = on_symlinkat = on_mkdir = on_mkdirat = on_truncate = on_made

    def on_rename(self, _pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        if not outside(paths[0]):
            self.touched.renamed.add(canonical(paths[0]))
            self.add(self.touched.written, paths[1])

    def on_unlink(self, _pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        self.add(self.touched.removed, paths[0])

    on_unlinkat = on_unlink
    on_rmdir = on_unlink

    def on_chdir(self, pid: str, _text: str, paths: list[bytes], _target: str | None) -> None:
        self.place(pid)[0] = os.path.normpath(paths[0])

    def on_fchdir(self, pid: str, text: str, _paths: list[bytes], _target: str | None) -> None:
        found = re.search(r"\d+<([^>]*)>", text)
        if found:
            self.place(pid)[0] = _bytes(found.group(1))


def read(log: Path, directory: Path) -> Touched:
    """Read a log that strace wrote with OPTIONS for a command started in ``directory``."""
    state = _Log(os.fsencode(directory))
    unfinished: dict[str, str] = {}
    for line in log.read_text("ascii", "replace").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        pid, text = found.groups()
        if text.endswith(" <unfinished ...>"):
            unfinished[pid] = text.removesuffix(" <unfinished ...>")
            _early_child(state, pid, text)
            continue
        resumed = _RESUMED.match(text)
        if resumed:
            text = unfinished.pop(pid, f"{resumed.group(1)}(") + resumed.group(2)
        call = _CALL.match(text)
        if call:
            state.call(pid, call.group(1), call.group(2), call.group(3), call.group(4))
    return state.touched


def _early_child(state: _Log, pid: str, text: str) -> None:
    """A child can run before its fork is seen to return: until then it starts where its parent stands."""
    if text.startswith(("fork", "vfork", "clone")):
        state.start = state.place(pid)[0]
