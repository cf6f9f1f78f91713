"""What PROBE knows of a run: frozen types, imported by all, importing nothing of ours.

Times are ``int`` nanoseconds since the Unix epoch (UTC); ``None`` is "not known".
Paths are ``bytes`` as the kernel has them: absolute, without ``.``, ``..`` or doubled slashes.
Within a run, processes, execs, steps, versions and channels are numbered 0, 1, 2 …: the
number is the place in the run's list. Accesses are columns, not objects (10^6 of them are normal).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, overload


class RunState(StrEnum):
    """Where a run stands."""

    OPEN = "open"  # its root, or a process that still writes to it, lives
    ENDED = "ended"
    FAILED = "failed"  # the root's exit status was not 0
    LOST = "lost"  # the root ended without anyone seeing how (launcher killed)


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded invocation: of an engine or of a plain command (PROV: Activity)."""

    id: str  # a UUID, lower case with dashes
    name: str | None
    engine: str | None
    command: tuple[bytes, ...]
    directory: bytes
    host: str
    user: str
    boot: str = ""
    started: int | None = None
    ended: int | None = None
    status: int | None = None  # wait status as a shell shows it: 0..255, 128 + signal
    state: RunState = RunState.OPEN
    outer_run: str | None = None  # the run in which it was started, and
    outer_step: bytes | None = None  # the PROBE_STEP it was started under
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the engine told (JSON)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an engine declared of a step. File lists are absolute paths; ``facts`` is JSON."""

    key: bytes  # the PROBE_STEP its processes carry (a step without processes has its own)
    engine: str
    rule: str
    name: str  # for people: rule with wildcards, target, process (tag)
    attempt: int = 1
    inputs: tuple[bytes, ...] = ()
    outputs: tuple[bytes, ...] = ()
    order_only: tuple[bytes, ...] = ()
    logs: tuple[bytes, ...] = ()
    started: int | None = None
    ended: int | None = None
    status: int | None = None
    directory: bytes | None = None
    outer: bytes | None = None  # PROBE_STEP of the step it was declared under, if any
    facts: Mapping[str, Any] = field(default_factory=dict)  # wildcards, params, resources, code digest …


@dataclass(frozen=True, slots=True)
class Step:
    """One execution of a rule (PROV: Activity): what was declared, joined to what ran."""

    number: int
    key: bytes
    engine: str | None
    rule: str
    name: str
    attempt: int
    parent: int | None  # the step around it, in the same run
    started: int | None
    ended: int | None
    status: int | None
    declaration: Declaration | None  # None: processes carried the key, nobody declared it


@dataclass(frozen=True, slots=True)
class Process:
    """An operating-system process, from fork to exit."""

    number: int
    pid: int
    parent: int | None  # None: started by something unrecorded
    step: int | None  # the innermost step it began in
    started: int | None
    ended: int | None
    status: int | None  # 0..255, 128 + signal
    user_time: int | None  # µs
    system_time: int | None  # µs
    peak_memory: int | None  # KiB
    host: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable. ``digest`` is keyed: equal or not can be told, nothing else."""

    name: bytes
    digest: int
    value: bytes | None  # only from the allow-list


@dataclass(frozen=True, slots=True)
class Exec:
    """One program in a process, from exec to exec or exit: the thing that reads and writes."""

    number: int
    process: int
    previous: int | None  # the exec before it in the same process, or the one it was forked from
    forked: bool  # goes on with the program of ``previous`` after a fork
    step: int | None
    program: bytes  # absolute path of the executable
    arguments: tuple[bytes, ...]  # redacted
    directory: bytes
    started: int | None
    ended: int | None
    environment: int | None  # number in RunGraph.environments
    libraries: tuple[bytes, ...] = ()
    uid: int | None = None


class Proof(StrEnum):
    """How sure it is that a version is the content that was read or written."""

    PROVED = "proved"  # ctime is older than the open, or the write was recorded
    ASSUMED = "assumed"  # nothing speaks against it, but nothing was asked in time
    CHANGED = "changed"  # changed since by a writer that was not recorded (a Gap says so)
    GONE = "gone"  # no longer there when asked


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The content of a path during an interval (PROV: Entity)."""

    number: int
    path: bytes
    ordinal: int  # 0 = as found at the beginning of the run, then 1, 2 … per recorded write
    kind: str  # file, directory, symlink, fifo, socket, device, missing
    digest: str | None  # "sha256:…"; None: not (yet) known
    size: int | None
    modified: int | None
    changed: int | None
    device: int | None
    inode: int | None
    volume: str  # the mounted file system's name; see DESIGN "Volume"
    volume_path: bytes  # the path inside it
    made_by: int | None  # exec that wrote it; None: it was there before
    made_at: int | None
    removed_by: int | None = None
    removed_at: int | None = None
    proof: Proof = Proof.ASSUMED


class Act(IntEnum):
    """What an exec did with a file version. Stored: never renumber."""

    READ = 1
    WRITE = 2  # made this version (opened for writing, renamed here, linked, truncated)
    REMOVE = 3
    LIST = 4
    LOOKUP = 5  # stat and its like, of something that is there
    MISSING = 6  # a look-up or open that failed: the version's kind is "missing"
    EXECUTE = 7  # the program itself, or the interpreter of a script
    LOAD = 8  # a library
    METADATA = 9
    RENAME_FROM = 10  # the old name of a rename; the new name is a WRITE
    INHERITED_READ = 11  # through a descriptor that it was born with
    INHERITED_WRITE = 12


class Versions(Sequence[FileVersion]):
    """File versions by number. Those that were only missing come last, and are made when they are asked for.

    A run may look for 10⁶ paths that are nowhere: as objects they would take 200 MB, and seconds.
    """

    __slots__ = ("absent", "place", "told")

    def __init__(
        self, told: list[FileVersion], absent: Sequence[bytes], place: Callable[[bytes], tuple[str, bytes]]
    ) -> None:
        """``place`` gives the volume of an absent path, and the path inside it."""
        self.told, self.absent, self.place = told, absent, place

    def __len__(self) -> int:
        return len(self.told) + len(self.absent)

    @overload
    def __getitem__(self, at: int) -> FileVersion: ...
    @overload
    def __getitem__(self, at: slice) -> list[FileVersion]: ...
    def __getitem__(self, at: int | slice) -> FileVersion | list[FileVersion]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        if number < len(self.told):
            return self.told[number]
        path = self.absent[number - len(self.told)]
        nothing = (None,) * 6
        return FileVersion(
            number, path, 0, "missing", *nothing, *self.place(path), None, None, None, None, Proof.ASSUMED
        )

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


@dataclass(slots=True)
class Accesses:
    """Columns of equal length; row i is one access. Ordered by ``first``."""

    exec: array[int] = field(default_factory=lambda: array("I"))
    version: array[int] = field(default_factory=lambda: array("I"))
    act: array[int] = field(default_factory=lambda: array("B"))
    first: array[int] = field(default_factory=lambda: array("q"))
    last: array[int] = field(default_factory=lambda: array("q"))
    count: array[int] = field(default_factory=lambda: array("I"))
    error: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        return len(self.exec)


@dataclass(frozen=True, slots=True)
class Channel:
    """A pipe, socket or inherited descriptor that carries data between execs."""

    number: int
    kind: str  # pipe, socket, remote
    name: str  # "pipe:[12345]", "host:port"
    writers: tuple[int, ...]  # execs
    readers: tuple[int, ...]


class GapReason(StrEnum):
    """Why something was not seen. One sentence and one remedy each are in ``stitch.gaps``."""

    STATIC = "static"
    PRIVILEGED = "privileged"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    IO_URING = "io_uring"
    NAMESPACE = "namespace"
    ROOT_CHANGED = "root-changed"
    NO_ROOM = "no-room"
    RAW_CALL = "raw-call"
    TOO_LONG = "too-long"
    DISARMED = "disarmed"  # a set-uid program ran without its privilege, because of the watching
    UNWATCHED = "unwatched"  # what watched a static program was killed
    SERVES_FILES = "serves-files"  # a watched program serves a file system: files are left alone
    PAST_LIBC = "past-libc"  # a program ended, or became another, by its own system calls
    CONTAINER = "container"  # what ran in a container was not seen
    TORN = "torn"  # a frame was being written when its process died
    NOT_ENTERED = "not-entered"  # a program that should have answered the preload did not
    UNRECORDED_WRITER = "unrecorded-writer"
    UNKNOWN_DESCRIPTOR = "unknown-descriptor"  # inherited, and its file could not be named
    NOT_OBSERVED = "not-observed"  # a declared step without any process
    LAUNCHER_LOST = "launcher-lost"
    ELSEWHERE = "elsewhere"  # recorded on another machine or in another root: its files are not here
    UNREADABLE_SEGMENT = "unreadable-segment"
    NOT_RECORDED = "not-recorded"  # the engine could not be told, or recording did not start


@dataclass(frozen=True, slots=True)
class Gap:
    """Something we know that we did not see."""

    reason: GapReason
    about: bytes  # a program, path, or nothing
    exec: int | None
    step: int | None
    detail: str  # one sentence
    remedy: str  # what to do about it


@dataclass(slots=True)
class RunGraph:
    """All that is known of one run: what stitching makes and the history keeps."""

    run: Run
    steps: list[Step] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    execs: list[Exec] = field(default_factory=list)
    versions: Sequence[FileVersion] = field(default_factory=list)
    accesses: Accesses = field(default_factory=Accesses)
    channels: list[Channel] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    environments: list[tuple[Variable, ...]] = field(default_factory=list)
