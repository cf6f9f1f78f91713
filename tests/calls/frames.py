"""Reads the frames of a run's folder, one dict each, independently of the package's own reader.

Small and slow on purpose: it checks the recorder by what record.h says, not by what the reader makes of it.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEADER, UNIT, MAGIC = 16384, 1024, 0x4B4C4250
AT, AT_SECOND, SHARED = 1, 2, 16384
KINDS = {
    1: "END", 2: "START", 3: "FORKED", 4: "STEP", 5: "ENVIRON", 6: "LIBRARIES", 7: "DESCRIPTOR",
    8: "DIRECTORY", 9: "EXIT", 16: "READ", 17: "LOOKUP", 18: "LIST", 19: "LOAD", 20: "WRITE", 21: "CLOSE",
    22: "REMOVE", 23: "RENAME", 24: "LINK", 25: "SYMLINK", 26: "MAKE", 27: "CHANGE", 28: "METADATA",
    29: "PLACE", 32: "EXEC", 33: "EXEC_FAILED", 34: "FORK", 35: "WAIT", 40: "PIPE", 41: "REMOTE", 48: "GAP",
}  # fmt: skip


@dataclass
class Frame:
    """One committed frame: its head, its fields by name, its texts."""

    kind: str
    exec: int
    pid: int
    tid: int
    error: int
    detail: int
    time: int
    last: int
    order: int
    texts: list[str] = field(default_factory=list)
    more: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return self.texts[0] if self.texts else ""


Later = list[tuple[Frame, bytes]]


def _texts(data: bytes) -> list[str]:
    parts = data.split(b"\0")
    return [part.decode(errors="surrogateescape") for part in parts[:-1]]


def _shared(frame: Frame, data: bytes, earlier: dict[int, Frame]) -> None:
    """What PROBE_SHARED says: the path of an earlier frame, or of its folder."""
    count, place = struct.unpack_from("<II", data, 16)
    other = earlier[place * 8]
    assert other.exec == frame.exec
    frame.more = {**other.more, "count": count}
    frame.texts = list(other.texts)
    if len(data) > 24:
        frame.texts = [other.path[: other.path.rindex("/") + 1] + _texts(data[24:])[0]]
    assert frame.detail & AT == other.detail & AT
    frame.detail &= ~SHARED


def _fields(frame: Frame, data: bytes) -> None:
    names: tuple[str, ...] = ()
    layout, at = "", 16
    match frame.kind:
        case "READ" | "LOOKUP" | "LIST" | "LOAD":
            names, layout = (("count", "pad", "directory"), "IIQ") if frame.detail & AT else (("count",), "I")
        case "START" | "FORKED":
            names = ("own_pid", "parent", "parent_exec", "environ", "libraries", "arguments", "uid")
            layout = "IIQQQII"
        case "ENVIRON" | "LIBRARIES":
            names, layout = ("id", "count", "pad"), "QII"
        case "DESCRIPTOR" | "WRITE" | "CLOSE" | "CHANGE" | "PIPE":
            names = ("descriptor", "mode", "flags", "links", "device", "inode", "size", "modified", "changed",
                     "position", "directory")  # fmt: skip
            layout = "iIIIQQqqqqQ"
        case "REMOVE" | "RENAME" | "LINK" | "SYMLINK" | "MAKE" | "METADATA":
            names, layout = ("directory", "directory_second", "device", "inode"), "QQQQ"
        case "DIRECTORY":
            names, layout = ("key",), "Q"
        case "EXEC" | "EXEC_FAILED":
            names, layout = ("child", "arguments", "directory"), "IIQ"
        case "FORK":
            names, layout = ("child", "flags"), "II"
        case "EXIT" | "WAIT":
            names, layout = ("child", "status", "user", "system", "memory"), "Iiqqq"
        case "GAP":
            names, layout = ("reason", "child"), "II"
    frame.more = dict(zip(names, struct.unpack_from("<" + layout, data, at), strict=True))
    at += struct.calcsize("<" + layout)
    if frame.kind == "ENVIRON":
        frame.texts = _variables(data[at:], frame.more["count"])
    else:
        frame.texts = _texts(data[at:])


def _variables(data: bytes, count: int) -> list[str]:
    found = []
    for _ in range(count):
        data = data[8:]
        name, data = data.split(b"\0", 1)
        value, data = data.split(b"\0", 1)
        found.append((name + value).decode(errors="surrogateescape"))
    return found


def _block(data: bytes, at: int, number: int, foldable: dict[int, Frame], later: Later) -> Iterator[Frame]:
    _, size, used, pid, tid, _, image, base = struct.unpack_from("<IIIIIIQq", data, at)
    offset, end = 40, min(used, size)
    while offset + 8 <= end:
        length, kind = struct.unpack_from("<iB", data, at + offset)
        if length >= 0 or KINDS.get(kind) == "END":
            if length > 0:  # torn
                offset += length
                continue
            return
        _, kind, error, detail, when, last = struct.unpack_from("<iBBHII", data, at + offset)
        order = number << 40 | (at + offset)
        ticks = base + (when << 8)
        frame = Frame(KINDS[kind], image, pid, tid, error, detail, ticks, last, order)
        content = data[at + offset : at + offset - length]
        if 16 <= kind <= 19:
            foldable[at + offset] = frame
        if 16 <= kind <= 19 and detail & SHARED:
            later.append((frame, content))
        else:
            _fields(frame, content)
        yield frame
        offset -= length


def segments(folder: Path) -> list[Path]:
    """The segment files of a run, by number."""
    return sorted(folder.glob("segment-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))


def frames(folder: Path) -> list[Frame]:
    """All committed frames, in time order (equal times: as they stand)."""
    found: list[Frame] = []
    for number, path in enumerate(segments(folder)):
        data = path.read_bytes()
        (filled,) = struct.unpack_from("<Q", data, 168)
        at = HEADER
        foldable: dict[int, Frame] = {}
        later: Later = []
        while at < min(filled, len(data)):
            magic, size = struct.unpack_from("<II", data, at)
            if magic != MAGIC:
                at += UNIT
                continue
            found.extend(_block(data, at, number, foldable, later))
            at += size
        for frame, content in sorted(later, key=lambda one: len(one[1]) == 24):
            _shared(frame, content, foldable)  # first those that have a name of their own
    return sorted(found, key=lambda frame: (frame.time, frame.order))


def lost(folder: Path) -> int:
    """How many frames found no room."""
    return sum(int(struct.unpack_from("<Q", path.read_bytes()[:200], 176)[0]) for path in segments(folder))


if __name__ == "__main__":
    for frame in frames(Path(sys.argv[1])):
        print(
            f"{frame.exec:x}",
            frame.pid,
            frame.kind,
            frame.error,
            f"{frame.detail:x}",
            frame.texts,
            frame.more,
        )
