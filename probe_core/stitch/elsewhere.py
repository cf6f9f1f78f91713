"""Runs of another machine or in another root: their files are not those of the same names here."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence

from probe_core.capture.containers import Mount, Start
from probe_core.capture.spool import RunFolder
from probe_core.stitch.files import MISSING, OUTSIDE, DiskFacts, Fact, Place, Volume

LIBRARY = re.compile(rb"/lib/libprobe-[0-9a-f]{16}\.so$")


class DistantFacts:
    """Names as they were recorded, and nothing behind them; only what is served over a network is looked at.

    Links there are not known, so a path with ``..`` is cut short by its text.
    """

    def __init__(self, here: DiskFacts, volume: str, *, shared: bool) -> None:
        """``shared``: network file systems are mounted here as they were there."""
        self._here, self._shared = here, shared
        self._volume = Volume(volume, b"/", b"/", False)
        self._containers: dict[bytes, Volume] = {}

    def outside(self, path: bytes) -> bool:
        """Kernel, devices, and the recorder's library, whose spool was another one."""
        return path.startswith(OUTSIDE) or LIBRARY.search(path) is not None or self._here.outside(path)

    def place(self, path: bytes) -> Place:
        """The path itself."""
        return self._here.place(path) if self._is_shared(path) else Place(posixpath.normpath(path), None)

    def fact(self, path: bytes) -> Fact:
        """Missing, as if it had been removed since."""
        return self._here.fact(path) if self._is_shared(path) else MISSING

    def absent(self, path: bytes) -> bool:
        """Asked only of what is served to both."""
        return self._is_shared(path) and self._here.absent(path)

    def volume(self, path: bytes) -> tuple[Volume, bytes]:
        """One volume for all that is there."""
        if self._is_shared(path):
            return self._here.volume(path)
        for prefix, volume in self._containers.items():
            if path.startswith(prefix):
                return volume, path[len(prefix) - 1 :]
        return self._volume, path

    def interpreter(self, path: bytes) -> bytes:
        """Not known."""
        return self._here.interpreter(path) if self._is_shared(path) else b""

    def mounts(self) -> Sequence[Mount]:
        """None of those here."""
        return ()

    def pid_space(self) -> str:
        """One that is not here."""
        return "-"

    def image_id(self, start: Start, program: bytes, directory: bytes) -> str | None:  # noqa: ARG002
        """Not known: the engine that has the image is there."""
        return None

    def add_container(self, prefix: bytes, volume: str) -> None:
        """From now on paths below ``prefix`` are a container's own, of a volume with this name."""
        self._containers[prefix.rstrip(b"/") + b"/"] = Volume(volume, prefix, b"/", False)

    def _is_shared(self, path: bytes) -> bool:
        return self._shared and self._here.volume(path)[0].remote


def facts_of(folder: RunFolder, here: DiskFacts) -> tuple[DiskFacts | DistantFacts, bytes]:
    """Give what to ask about the run's files, and where they are when that is not here."""
    run, root = folder.run(), folder.root_folder()
    if folder.is_of_another_machine():
        return DistantFacts(here, f"host {run.host}", shared=True), os.fsencode(f"on {run.host}")
    found = os.stat("/")  # noqa: PTH116
    if root in (None, (found.st_dev, found.st_ino)) or folder.is_of_another_boot():
        return here, b""
    assert root is not None
    volume = f"root {run.host}:{root[0]}:{root[1]}"
    return DistantFacts(here, volume, shared=False), b"in another root (a container or chroot)"
