"""The spool: where open runs lie until they are taken in, and what their folders tell.

A run's folder is complete once ``run.json`` stands in it. ``result.json`` is written when the
command has ended; a run may still be open then, as long as a process that it left behind has a
segment mapped. ARCHITECTURE.md has the layout.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from probe_core.capture.living import Census, boot_id, is_alive
from probe_core.capture.place import default_spool
from probe_core.errors import SpoolError
from probe_core.model import Run, RunState
from probe_core.plugins import FOUND_BY

VERSION = 1  # of run.json
PART = 256 << 10  # bytes that are looked through at once
REMOVED = ".removed"  # ends the name of a folder that is being removed
CUT_SHORT = 60.0  # seconds without a change, after which nobody is at it any more
HALF_MADE = 86400.0  # seconds after which a folder without run.json will not become a run any more
JSON_MOST = 64 << 20  # bytes; a command line may have some 6 MB, and JSON makes six bytes of some


def _holds(file: Path, texts: Collection[bytes]) -> bool:
    """Tell whether one of ``texts`` stands in a file; what was reserved and never written is passed over."""
    longest, rest, at = max(map(len, texts), default=0), b"", 0
    with file.open("rb") as opened, suppress(OSError):
        number = opened.fileno()
        while (begin := os.lseek(number, at, os.SEEK_DATA)) >= at:  # OSError: nothing is left
            hole = os.lseek(number, begin, os.SEEK_HOLE)
            part = os.pread(number, min(PART, hole - begin), begin)
            text = part if begin != at else rest + part
            if any(one in text for one in texts):
                return True
            rest, at = part[-longest:], begin + len(part)
    return False


class Descriptor(NamedTuple):
    """A descriptor that the launcher inherited."""

    fd: int
    path: bytes
    device: int
    inode: int
    mode: int
    flags: int


class RunFolder:
    """One run's folder. Nothing is read before it is asked for; every answer is fresh."""

    def __init__(self, path: Path | str, census: Census | None = None) -> None:
        self.path = Path(path).absolute()
        self._census = census or Census()

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    @property
    def id(self) -> str:
        """The run's id: the folder's name."""
        return self.path.name

    @property
    def declarations(self) -> Path:
        """Where adapters leave what they declared."""
        return self.path / "declarations"

    def segments(self) -> list[Path]:
        """Name the segment files there are now, by host and number."""
        try:
            names = [path.name for path in self.path.iterdir() if path.name.startswith("segment-")]
        except OSError as error:
            raise SpoolError(self.path, _reason(error)) from None
        found = []
        for name in names:
            host, _, number = name.removeprefix("segment-").rpartition("-")
            if number.isascii() and number.isdigit() and len(number) < 10:
                found.append((host, int(number), name))
        return [self.path / name for _, _, name in sorted(found)]

    def may_be_found(self) -> bool:
        """Tell whether a program may have run whose engine finds its steps among the processes.

        By its name in the notes: what is left out then has no such name anywhere.
        """
        try:
            names = (self.path / FOUND_BY).read_bytes().split(b"\n")
        except OSError:
            return False
        wanted = {one for one in names if one and not any(other in one for other in names if other != one)}
        return any(_holds(segment, wanted) for segment in self.segments())

    def run(self) -> Run:
        """Tell what is known of the run. SpoolError when run.json or result.json is not one."""
        described = self._described()
        result = self._result()
        return Run(
            id=described["id"],
            name=described["name"],
            engine=described["engine"],
            command=tuple(os.fsencode(word) for word in described["command"]),
            directory=os.fsencode(described["directory"]),
            host=described["host"],
            user=described["user"],
            boot=described["boot"],
            started=described["started"],
            ended=result["ended"] if result else None,
            status=result["status"] if result else None,
            state=self._state(described, result),
            outer_run=described["outer_run"],
            outer_step=None if described["outer_step"] is None else os.fsencode(described["outer_step"]),
        )

    def descriptors(self) -> tuple[Descriptor, ...]:
        """Tell which descriptors the launcher inherited."""
        found = []
        for entry in self._described()["descriptors"]:
            match entry:
                case {"fd": int(fd), "path": str(path), "device": int(device), "inode": int(inode)}:
                    mode, flags = entry.get("mode", 0), entry.get("flags", -1)
                    found.append(Descriptor(fd, os.fsencode(path), device, inode, mode, flags))
                case _:
                    raise SpoolError(self.path / "run.json", "a descriptor in it is not described as one")
        return tuple(found)

    def root(self) -> tuple[int, int]:
        """Tell the root process: its pid and its start in clock ticks since boot."""
        described = self._described()
        return described["pid"], described["pid_started"]

    def root_folder(self) -> tuple[int, int] | None:
        """Tell device and inode of ``/`` as the launcher had it; None: it did not tell."""
        match self._described().get("root"):
            case {"device": int(device), "inode": int(inode)}:
                return device, inode
        return None

    def is_of_another_boot(self) -> bool:
        """Whether another kernel ran then. False where that is not known: without /proc, in a bare root."""
        return self._described()["boot"] not in ("", boot_id())

    def is_of_another_machine(self) -> bool:
        """Whether it was recorded by another kernel, on a host of another name."""
        return self.is_of_another_boot() and self._described()["host"] != os.uname().nodename

    def usage(self) -> tuple[int, int, int] | None:
        """Tell the command's user and system time (µs) and peak memory (KiB); None before its end."""
        result = self._result()
        return (result["user"], result["system"], result["memory"]) if result else None

    def is_open(self) -> bool:
        """Whether frames may still come: the root lives, or a process that has a segment mapped."""
        try:
            return self._is_open(self._described(), self._result())
        except SpoolError:
            if self.exists():
                raise
            return False  # it was taken in a moment ago

    def exists(self) -> bool:
        """Whether the run is here and complete."""
        return (self.path / "run.json").exists()

    def finish(self, status: int) -> None:
        """Write result.json for a root that was no launcher's (``--prepare``); ``status`` is 0..255."""
        result = {"status": status, "ended": time.time_ns(), "user": -1, "system": -1, "memory": -1, "pid": 0}
        aside = self.path / f"result.json.{os.getpid()}"
        try:
            aside.write_text(json.dumps(result))
            aside.rename(self.path / "result.json")
        except OSError as error:
            raise SpoolError(self.path, _reason(error)) from None

    def remove(self) -> None:
        """Remove the folder with all in it. Symbolic links are removed, never followed.

        It loses its name first: a run that is here is never one that is half removed.
        """
        try:
            found = self.path.lstat()
            if not stat.S_ISDIR(found.st_mode) or not _is_uuid(self.id):
                raise SpoolError(self.path, "it is no run's folder, and is left alone")
            going = self.path.with_name(self.id + REMOVED)
            self.path.rename(going)
            _remove_all(going)
        except OSError as error:
            raise SpoolError(self.path, _reason(error)) from None

    def _described(self) -> dict[str, Any]:
        path = self.path / "run.json"
        described = _read_json(path)
        if described.get("version") != VERSION:
            said = described.get("version")
            raise SpoolError(path, f"it is of version {said!r}, and this PROBE reads {VERSION}")
        _check(path, described, RUN_FIELDS)
        if described["id"] != self.id:
            raise SpoolError(path, f"it belongs to another run, {described['id']!r}")
        return described

    def _result(self) -> dict[str, Any] | None:
        path = self.path / "result.json"
        try:
            result = _read_json(path)
        except SpoolError:
            if not path.exists():
                return None
            raise
        _check(path, result, RESULT_FIELDS)
        return result

    def _is_open(self, described: dict[str, Any], result: dict[str, Any] | None) -> bool:
        if described["boot"] != boot_id():
            # Of another boot nothing lives; on another machine that cannot be seen.
            return result is None and described["host"] != os.uname().nodename
        if result is None and is_alive(described["pid"], described["pid_started"]):
            return True
        return self.id in self._census.runs_in_use()

    def _state(self, described: dict[str, Any], result: dict[str, Any] | None) -> RunState:
        if self._is_open(described, result):
            return RunState.OPEN
        if result is None:
            return RunState.LOST
        return RunState.FAILED if result["status"] else RunState.ENDED


class Spool:
    """The folder that holds runs, and the key of their environment digests."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @classmethod
    def default(cls, environ: Mapping[str, str] | None = None) -> Spool:
        """Choose as probe-record does: PROBE_SPOOL, the user's state folder, else below /tmp.

        SpoolError when only /tmp is left and the place there is not the user's own.
        """
        return cls(default_spool(environ))

    def runs(self) -> list[RunFolder]:
        """List the complete runs by their start, the oldest first; none when there is no spool."""
        census = Census()
        found: list[tuple[int, str, RunFolder]] = []
        try:
            with os.scandir(self.folder / "runs") as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SpoolError(self.folder, _reason(error)) from None
        for name in names:
            folder = RunFolder(self.folder / "runs" / name, census)
            if _is_uuid(name) and (started := _started(folder)) is not None:
                found.append((started, name, folder))
        return [folder for _, _, folder in sorted(found, key=lambda item: item[:2])]

    def sweep(self) -> None:
        """Remove what killed processes left: folders half removed, and those that never became a run.

        Nothing is said of what stays.
        """
        import shutil

        now, census = time.time(), Census()
        with suppress(OSError), os.scandir(self.folder / "runs") as entries:
            for entry in entries:
                age = now - entry.stat(follow_symlinks=False).st_mtime
                going = entry.name.endswith(REMOVED) and _is_uuid(entry.name.removesuffix(REMOVED))
                if (going and age > CUT_SHORT) or (age > HALF_MADE and _is_half_made(entry, census)):
                    shutil.rmtree(entry.path, ignore_errors=True)

    def run(self, run_id: str) -> RunFolder:
        """Give the folder of one run by its full id, whether it exists or not."""
        return RunFolder(self.folder / "runs" / run_id)


TEXT, OPTIONAL, NUMBER = (str,), (str, type(None)), (int,)
RUN_FIELDS: dict[str, tuple[type, ...]] = {
    "id": TEXT, "name": OPTIONAL, "engine": OPTIONAL, "command": (list,), "directory": TEXT, "host": TEXT,
    "boot": TEXT, "user": TEXT, "pid": NUMBER, "pid_started": NUMBER, "started": NUMBER,
    "outer_run": OPTIONAL, "outer_step": OPTIONAL, "descriptors": (list,),
}  # fmt: skip
RESULT_FIELDS: dict[str, tuple[type, ...]] = {
    "status": NUMBER, "ended": NUMBER, "user": NUMBER, "system": NUMBER, "memory": NUMBER,
}  # fmt: skip


def _check(path: Path, found: dict[str, Any], fields: Mapping[str, tuple[type, ...]]) -> None:
    for name, types in fields.items():
        if name not in found:
            raise SpoolError(path, f"'{name}' is missing in it")
        if not isinstance(found[name], types) or isinstance(found[name], bool):
            raise SpoolError(path, f"'{name}' in it is {found[name]!r:.60}")
        for text in found[name] if name == "command" else [found[name]]:
            if name == "command" and not isinstance(text, str):
                raise SpoolError(path, f"'{name}' in it holds {text!r:.60}")
            if isinstance(text, str) and not _is_path_text(text):
                raise SpoolError(path, f"'{name}' in it holds text that no program was given")


def _is_path_text(text: str) -> bool:
    """Whether the text stands for bytes: JSON can hold surrogates that stand for none."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _read_json(path: Path) -> dict[str, Any]:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, "rb") as file:
            content = file.read(JSON_MOST + 1)
        if len(content) > JSON_MOST:
            raise SpoolError(path, "it is too long")
        found = json.loads(content)
    except OSError as error:
        raise SpoolError(path, _reason(error)) from None
    except (ValueError, RecursionError):
        raise SpoolError(path, "it is not JSON") from None
    if not isinstance(found, dict):
        raise SpoolError(path, "it does not describe a run")
    return found


def _started(folder: RunFolder) -> int | None:
    """When it started; None when it is not complete. A broken one stands where its file's time says."""
    path = folder.path / "run.json"
    try:
        started = _read_json(path).get("started")
    except SpoolError:
        started = None
    if isinstance(started, int):
        return started
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return None


def _is_half_made(entry: os.DirEntry[str], census: Census) -> bool:
    """Whether its launcher was killed before run.json stood there, and nobody writes to it."""
    if not _is_uuid(entry.name) or not entry.is_dir(follow_symlinks=False):
        return False
    return not os.path.lexists(f"{entry.path}/run.json") and entry.name not in census.runs_in_use()


def _remove_all(folder: Path) -> None:
    """As shutil.rmtree, whose import would take longer: each folder is opened relative to the one above."""
    for _, folders, files, descriptor in os.fwalk(folder, topdown=False):
        for name in files:
            os.unlink(name, dir_fd=descriptor)
        for name in folders:
            try:
                os.rmdir(name, dir_fd=descriptor)
            except NotADirectoryError:  # a link to one
                os.unlink(name, dir_fd=descriptor)
    folder.rmdir()


def _is_uuid(name: str) -> bool:
    parts = name.split("-")
    digits = set("0123456789abcdef")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and digits.issuperset("".join(parts))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
