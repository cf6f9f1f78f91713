"""A file system on paper for stitching: what would be on disk after the run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from probe_core.stitch.files import MISSING, OUTSIDE, Fact, Place, Volume
from segments import EPOCH

PAPER = Volume("paper", b"/", b"/", False)


@dataclass
class PaperFiles:
    """Facts by canonical path, symlinks by path; folders are taken as they are."""

    facts: dict[bytes, Fact] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)
    scripts: dict[bytes, bytes] = field(default_factory=dict)
    volume_of_all: Volume = PAPER

    def file(
        self, path: str, *, inode: int = 1, size: int = 1, modified: int | None = None,
        changed: int | None = None, kind: str = "file",
    ) -> PaperFiles:  # fmt: skip
        """Put a file there; long unchanged unless told."""
        old = EPOCH - 3600 * 10**9
        modified = old if modified is None else modified
        changed = modified if changed is None else changed
        self.facts[os.fsencode(path)] = Fact(kind, size, modified, changed, 0x801, inode)
        return self

    def link(self, path: str, target: str) -> PaperFiles:
        self.links[os.fsencode(path)] = os.fsencode(target)
        self.facts[os.fsencode(path)] = Fact("symlink", len(target), 1, 1, 0x801, 7)
        return self

    def outside(self, path: bytes) -> bool:
        return path.startswith(OUTSIDE)

    def place(self, path: bytes) -> Place:
        path = os.path.normpath(path)
        target = self.links.get(path)
        if target is None:
            return Place(path, None)
        folder = path.rpartition(b"/")[0] + b"/"
        return Place(path, os.path.normpath(target if target.startswith(b"/") else folder + target))

    def fact(self, path: bytes) -> Fact:
        return self.facts.get(path, MISSING)

    def absent(self, path: bytes) -> bool:
        return os.path.normpath(path) == path and path not in self.facts

    def volume(self, path: bytes) -> tuple[Volume, bytes]:
        return self.volume_of_all, path

    def interpreter(self, path: bytes) -> bytes:
        return self.scripts.get(path, b"")
