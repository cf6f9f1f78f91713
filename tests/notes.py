"""Single frames for synthetic segments, laid out by the very record.h that the recorder is compiled from."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cffi

from probe_core.capture.trace import Detail, Identity, Kind

RECORD_H = Path(__file__).parents[1] / "libprobe" / "record.h"
ffi = cffi.FFI()
ffi.cdef(RECORD_H.read_text())
record = ffi.dlopen(None)  # only its constants are used

HEADER, UNIT, TICK = 16384, 1024, 256
EPOCH = 1_700_000_000_000_000_000 // TICK * TICK  # the default time of the first call
UPTIME = 5_000_000_000_000 // TICK * TICK  # CLOCK_MONOTONIC at EPOCH
FOLDABLE = {Kind.READ, Kind.LOOKUP, Kind.LIST, Kind.LOAD}
BEGIN = {Kind.START, Kind.FORKED}
ATTRIBUTES = {Kind.STEP, Kind.ENVIRON, Kind.LIBRARIES, Kind.DIRECTORY}  # of images: no rows

Text = str | bytes | os.PathLike[str]
Usage = tuple[int, int, int]  # user µs, system µs, peak KiB
Environment = tuple[tuple[bytes, int, bytes | None], ...]


def as_bytes(text: Text) -> bytes:
    return os.fsencode(text)


def absolute(path: bytes, directory: bytes | None) -> bytes | None:
    """Join and tidy as the Trace promises: no ``.`` or doubled slashes, ``..`` kept; None: not known."""
    if not path.startswith(b"/"):
        if directory is None:
            return None
        path = directory + b"/" + path
    return b"/" + b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


def identity(
    *, descriptor: int = 3, mode: int = 0o100644, flags: int = 0, links: int = 1, device: int = 0x801,
    inode: int = 0, size: int = 0, modified: int = -1, changed: int = -1, position: int = 0,
) -> Identity:  # fmt: skip
    return Identity(descriptor, mode, flags, links, device, inode, size, modified, changed, position)


NO_FILE = identity(descriptor=-1, mode=0, links=0, device=0)


@dataclass(slots=True)
class Note:
    """One frame to be."""

    kind: Kind
    image: int
    thread: int
    at: int
    detail: int = 0
    error: int = 0
    last: int = 0  # 0: not repeated
    count: int = 1
    texts: tuple[bytes, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    identity: Identity | None = None
    payload: bytes | None = None  # instead of texts

    def frame(self, base: int) -> bytes:
        """The frame's bytes, committed."""
        tail = b"".join(text + b"\0" for text in self.texts) if self.payload is None else self.payload
        body = self._body()
        size = (len(body) + len(tail) + 7) // 8 * 8
        last = (self.last - base) // TICK if self.last else 0
        head = struct.pack(
            "=iBBHII", -size, self.kind, self.error, self.detail, (self.at - base) // TICK, last
        )
        return (head + body[16:] + tail).ljust(size, b"\0")

    def _body(self) -> bytes:
        if self.kind in FOLDABLE:
            body = bytes(16) + struct.pack("=I", self.count)
            if self.detail & Detail.AT:
                body += struct.pack("=4xQ", self.fields["directory"])
            return body
        if self.kind in (Kind.STEP, Kind.PLACE):
            return bytes(16)
        made = ffi.new(f"struct {STRUCTS[self.kind]} *")
        values = dict(self.fields)
        if self.identity is not None and self.kind not in NAMES:
            values |= self.identity._asdict()
        for name, value in values.items():
            setattr(made, name, value)
        return bytes(ffi.buffer(made))


NAMES = {Kind.REMOVE, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.MAKE, Kind.METADATA}
STRUCTS = (
    dict.fromkeys(NAMES, "probe_names")
    | dict.fromkeys((Kind.WRITE, Kind.CLOSE, Kind.CHANGE, Kind.DESCRIPTOR, Kind.PIPE), "probe_identity")
    | dict.fromkeys((Kind.START, Kind.FORKED), "probe_start")
    | dict.fromkeys((Kind.ENVIRON, Kind.LIBRARIES), "probe_set")
    | dict.fromkeys((Kind.EXEC, Kind.EXEC_FAILED), "probe_exec")
    | dict.fromkeys((Kind.EXIT, Kind.WAIT), "probe_exit")
    | {Kind.FORK: "probe_child", Kind.GAP: "probe_gap", Kind.DIRECTORY: "probe_directory"}
)
