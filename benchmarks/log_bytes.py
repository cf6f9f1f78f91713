"""Count what a recording takes on disk, frame by frame, as libprobe/record.h has them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER, UNIT, BLOCK, MAGIC = 16384, 1024, 40, 0x4B4C4250
END, FIRST_ACCESS, LAST_FOLDABLE, LAST_ACCESS = 1, 16, 19, 28


@dataclass
class LogSize:
    """Accesses (repeated ones each time), the bytes of their frames, and the bytes of all frames."""

    accesses: int = 0
    access_bytes: int = 0
    all_bytes: int = 0


def log_size(run: Path) -> LogSize:
    """Add up the segments of one run's folder."""
    found = LogSize()
    for path in run.glob("segment-*"):
        content = path.read_bytes()
        (filled,) = struct.unpack_from("<Q", content, 168)
        at = HEADER
        while at < min(filled, len(content)):
            magic, size, used = struct.unpack_from("<III", content, at)
            if magic != MAGIC:
                at += UNIT
                continue
            _count_block(content[at : at + min(size, used)], found)
            at += size
    return found


def _count_block(block: bytes, found: LogSize) -> None:
    at = BLOCK
    while at + 8 <= len(block):
        size, kind = struct.unpack_from("<iB", block, at)
        if size >= 0 or kind == END:
            return
        found.all_bytes -= size
        if FIRST_ACCESS <= kind <= LAST_ACCESS:
            found.access_bytes -= size
            times = struct.unpack_from("<I", block, at + 16)[0] if kind <= LAST_FOLDABLE else 1
            found.accesses += times
        at -= size
