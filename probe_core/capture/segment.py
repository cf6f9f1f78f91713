"""One segment file: its header checked, its used part copied, so that no writer can disturb the reading."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from probe_core.capture.native import ffi, lib
from probe_core.errors import SegmentError

MAGIC = b"PROBESEG"
HEADER = ffi.sizeof("struct probe_segment")
CLOCK_STEP = 10_000_000  # ns: two readings of the clocks differ by less unless the clock was set


@dataclass(slots=True)
class Snapshot:
    """What a segment held at one moment. ``content`` is the file up to its first free unit."""

    path: Path
    content: bytes
    header_size: int
    host: str
    boot: str
    key: bytes
    number: int
    clock: int  # ns from CLOCK_MONOTONIC to Unix time
    lost: int  # frames that found no room
    missing: int  # bytes that were cut off


class NewerSegmentError(SegmentError):
    """Written by a newer PROBE: what it holds must not be thrown away as unreadable."""


def take_snapshot(path: Path) -> Snapshot:
    """Read a segment; SegmentError, with the offset of what is wrong, when it is not one."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise SegmentError(path, (error.strerror or str(error)).lower()) from None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise SegmentError(path, "it is not a regular file")
        return _snapshot(path, file, found.st_size)
    except OSError as error:
        raise SegmentError(path, (error.strerror or str(error)).lower()) from None
    finally:
        os.close(file)


def _snapshot(path: Path, file: int, size: int) -> Snapshot:
    start = _read(file, lib.PROBE_HEADER_SIZE)
    if not start.startswith(MAGIC[: len(start)]):
        raise SegmentError(path, f"it is not a segment (it begins with {start[:8]!r})", 0)
    if len(start) < HEADER:
        raise SegmentError(path, f"its header is cut off after {len(start)} of {HEADER} bytes", len(start))
    header = ffi.from_buffer("struct probe_segment *", start)
    _check(path, header, size)
    # `next` may pass the size; a damaged one may say anything, and unused units are zero.
    end = min(header.next, size) if header.next >= header.header_size else size
    boot = bytes(header.boot).hex()
    return Snapshot(
        path=path,
        content=_read(file, end),
        header_size=header.header_size,
        host=os.fsdecode(ffi.string(header.host, 64)),
        boot="-".join((boot[:8], boot[8:12], boot[12:16], boot[16:20], boot[20:])),
        key=bytes(header.key),
        number=header.number,
        clock=_wrapped(header.realtime - header.monotonic),
        lost=header.lost,
        missing=max(0, header.size - size),
    )


def _check(path: Path, header: ffi.CData, size: int) -> None:
    offset = 8
    if header.version.to_bytes(4, "little") == lib.PROBE_VERSION.to_bytes(4, "big"):
        raise SegmentError(path, "it was written by a machine with the other order of bytes", offset)
    if header.version > lib.PROBE_VERSION:
        versions = f"it is of version {header.version}, and this PROBE reads {lib.PROBE_VERSION}"
        raise NewerSegmentError(path, f"{versions}; use a newer one", offset)
    if header.version != lib.PROBE_VERSION:
        raise SegmentError(path, f"there is no version {header.version}", offset)
    offset = 12
    if not lib.PROBE_HEADER_SIZE <= header.header_size <= max(size, lib.PROBE_HEADER_SIZE):
        raise SegmentError(path, f"its header cannot have {header.header_size} bytes", offset)


def _wrapped(number: int) -> int:
    """Keep what a damaged header says within 64 bits."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _read(file: int, size: int) -> bytes:
    """Read ``size`` bytes from the beginning, or what there is."""
    first = os.pread(file, size, 0)
    if len(first) == size or not first:
        return first
    parts = [first]
    read = len(first)
    while read < size and (part := os.pread(file, size - read, read)):
        parts.append(part)
        read += len(part)
    return b"".join(parts)


def align_clocks(snapshots: list[Snapshot]) -> None:
    """Give segments of one host the same clock unless it was set meanwhile: so times keep their order."""
    for before, after in pairwise(snapshots):
        if abs(after.clock - before.clock) < CLOCK_STEP:
            after.clock = before.clock
