"""What the reader makes of the segments of one host: images and columns of events.

An *image* is an exec as the recorder saw it begin (a START frame) or a forked child that went on with
its parent's program (FORKED). Events are in time order; paths are interned, absolute, with ``.`` and
doubled slashes removed and ``..`` kept (only the file system can tell what that means behind a link).
Times are Unix nanoseconds, from the segment's own pair of clocks.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import NamedTuple

NONE = 0xFFFFFFFF  # no path, no identity


class Kind(IntEnum):
    """``enum probe_kind`` of libprobe/record.h; a test holds them equal."""

    START = 2
    FORKED = 3
    STEP = 4
    ENVIRON = 5
    LIBRARIES = 6
    DESCRIPTOR = 7
    DIRECTORY = 8
    EXIT = 9
    READ = 16
    LOOKUP = 17
    LIST = 18
    LOAD = 19
    WRITE = 20
    CLOSE = 21
    REMOVE = 22
    RENAME = 23
    LINK = 24
    SYMLINK = 25
    MAKE = 26
    CHANGE = 27
    METADATA = 28
    PLACE = 29
    EXEC = 32
    EXEC_FAILED = 33
    FORK = 34
    WAIT = 35
    PIPE = 40
    REMOTE = 41
    LANGUAGE = 42
    INSIDE = 43
    MOUNTS = 44
    GAP = 48


class Detail(IntFlag):
    """``enum probe_detail``; a test holds them equal."""

    AT = 1
    AT_SECOND = 2
    CREATED = 4
    EXCLUSIVE = 8
    TRUNCATED = 16
    APPENDED = 32
    BOTH = 64
    NO_NAME = 128
    NO_FOLLOW = 256
    IS_DIRECTORY = 512
    NEXT_IMAGE = 1024
    SPAWNED = 2048
    CUT = 4096
    CLOSE_ON_EXEC = 8192
    SHARED = 16384
    ATTEMPTED = 32768


class Identity(NamedTuple):
    """What fstat said of a descriptor (or lstat of a new name). Times in ns; times, size: -1 = not asked.

    A tuple, because a big run has some 10^5 of them.
    """

    descriptor: int
    mode: int
    flags: int
    links: int
    device: int
    inode: int
    size: int
    modified: int
    changed: int
    position: int


@dataclass(slots=True)
class Image:
    """One program in one process, from START or FORKED on."""

    id: int  # block.exec
    pid: int
    parent_pid: int
    forked: bool
    parent_id: int  # FORKED: the id of the image it was forked from; else 0
    started: int
    program: bytes  # AT_EXECFN made absolute; FORKED: empty
    directory: bytes
    arguments: tuple[bytes, ...]
    uid: int
    step: bytes | None = None  # None: the same as its parent's
    environment: int | None = None  # index into Trace.environments
    libraries: tuple[bytes, ...] = ()
    arguments_cut: bool = False


@dataclass(slots=True)
class Fault:
    """Something in a segment that could not be read; becomes a Gap.

    ``reason``: torn (claimed, never committed), lost (no room for it), truncated (``count`` bytes are
    missing), bad block, bad frame, bad text, unknown kind, unknown directory (of a relative path), no start
    (an image whose START is torn), or "unreadable: …" for a file that is no segment.
    """

    segment: str
    offset: int
    reason: str
    count: int = 1
    image: int | None = None  # index into Trace.images


@dataclass(slots=True)
class Trace:
    """All committed frames of one host in one run. Event columns have equal length.

    START and FORKED are events too (path: the program), each the first of its image; STEP, ENVIRON, LIBRARIES
    and DIRECTORY are not: what they say stands in ``images`` and in the paths.
    ``path``/``second`` index ``paths`` (NONE: none). ``identity`` indexes ``identities``.
    ``image`` indexes ``images``. ``value`` is, by kind: EXIT, WAIT: the wait status; FORK: flags;
    GAP: the reason; EXEC: number of arguments; else 0. ``pid``: EXEC, EXEC_FAILED, FORK, WAIT, EXIT, GAP:
    that process, else 0. ``user``/``system``/``memory`` of EXIT and WAIT stand in ``usage`` under the
    event's row. EXEC and EXEC_FAILED: path = target, ``second`` = interned raw interpreter line (not a path),
    ``arguments`` under the row where they were noted. LOAD: the name as asked for is interned raw when it has
    no slash. DESCRIPTOR and PIPE: a text without a leading slash is interned raw. SYMLINK: path is the raw
    content, ``second`` the new name. GAP: ``path`` the text, raw unless it begins with a slash;
    REMOTE, INSIDE, MOUNTS: the text, raw. A relative
    path whose directory is not known is NONE, and a Fault says so.
    """

    host: str
    boot: str
    images: list[Image] = field(default_factory=list)
    paths: list[bytes] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    environments: list[tuple[tuple[bytes, int, bytes | None], ...]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    kind: array[int] = field(default_factory=lambda: array("B"))
    error: array[int] = field(default_factory=lambda: array("B"))
    detail: array[int] = field(default_factory=lambda: array("H"))
    when: array[int] = field(default_factory=lambda: array("q"))
    last: array[int] = field(default_factory=lambda: array("q"))
    count: array[int] = field(default_factory=lambda: array("I"))
    image: array[int] = field(default_factory=lambda: array("I"))
    path: array[int] = field(default_factory=lambda: array("I"))
    second: array[int] = field(default_factory=lambda: array("I"))
    identity: array[int] = field(default_factory=lambda: array("I"))
    value: array[int] = field(default_factory=lambda: array("i"))
    pid: array[int] = field(default_factory=lambda: array("I"))
    usage: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    arguments: dict[int, tuple[bytes, ...]] = field(default_factory=dict)
    key: bytes = b""  # of the environment digests (SipHash-2-4), from the segment

    def __len__(self) -> int:
        return len(self.kind)
