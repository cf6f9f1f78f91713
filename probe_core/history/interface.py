"""What a history is to the rest of PROBE, whatever database stands behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from probe_core.model import Channel, Exec, FileVersion, Run, RunGraph, RunState, Step

# volume, inode, size, modified, changed: what a digest is cached by. Times in ns.
Identity = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list: what it was, and how much is known of it."""

    id: str
    name: str | None
    engine: str | None
    command: tuple[bytes, ...]
    directory: bytes
    host: str
    started: int | None
    ended: int | None
    status: int | None
    state: RunState
    outer_run: str | None
    steps: int
    processes: int
    files: int  # paths whose content was read or written
    gaps: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file version as the history keeps it: the version and the run in whose graph it is numbered."""

    run: str
    version: FileVersion


@dataclass(frozen=True, slots=True)
class Rows:
    """Accesses of one exec, or to one version: columns of equal length, in time order."""

    exec: array[int]
    version: array[int]
    act: array[int]


class History(ABC):
    """The store of all runs that were taken in. Every method may raise HistoryError."""

    place: str  # what `--history` would name it by

    @abstractmethod
    def store(self, graph: RunGraph) -> None:
        """Keep a run. One with the same id is replaced as a whole: afterwards there is the old or the new."""

    @abstractmethod
    def forget(self, run_id: str) -> None:
        """Remove a run and what only it referred to. An unknown id is UnknownRun."""

    @abstractmethod
    def runs(self, limit: int | None = None) -> list[RunSummary]:
        """List the newest runs first, those inside other runs included."""

    @abstractmethod
    def find_run(self, name: str) -> str:
        """Give the id of the run called ``name``, or raise UnknownRun.

        ``name`` is an id, ``@`` (the latest that was not started inside another run), ``@-1`` (the one
        before it) and so on, a run's name (the newest so called), or a prefix that only one id has.
        """

    @abstractmethod
    def graph(self, run_id: str) -> RunGraph:
        """Give all that is known of a run, exactly as it was stored. An unknown id is UnknownRun."""

    # What lineage asks: small answers out of large runs.

    @abstractmethod
    def versions_at(self, path: bytes) -> list[Kept]:
        """Give the versions recorded at a path, the newest first; those that were missing are left out."""

    @abstractmethod
    def versions_with_digest(self, content: str) -> list[Kept]:
        """Give the versions with this content (a digest) at whatever path, newest first."""

    @abstractmethod
    def versions_made_with(self, contents: Iterable[str]) -> list[Kept]:
        """Give the versions with any of these contents (digests) that a recorded run made, newest first."""

    @abstractmethod
    def versions_with_identity(self, version: FileVersion) -> list[Kept]:
        """Give the versions of the same state of the same file (volume, inode, size, times), newest first.

        Only those that a run made, or whose digest is not known: others are found by their digest.
        """

    @abstractmethod
    def run(self, run_id: str) -> Run:
        """Give a run without its contents."""

    @abstractmethod
    def steps(self, run_id: str) -> list[Step]:
        """Give a run's steps."""

    @abstractmethod
    def step(self, run_id: str, number: int) -> Step:
        """Give one of a run's steps."""

    @abstractmethod
    def execs(self, run_id: str, numbers: Iterable[int]) -> dict[int, Exec]:
        """Give some of a run's execs."""

    @abstractmethod
    def execs_of_step(self, run_id: str, step: int | None) -> list[int]:
        """Give the execs whose innermost step this is (None: those of the run itself)."""

    @abstractmethod
    def execs_forked_from(self, run_id: str, numbers: Iterable[int]) -> list[int]:
        """Give the execs that go on, after a fork, with the program (and memory) of these."""

    @abstractmethod
    def channels(self, run_id: str) -> list[Channel]:
        """Give a run's channels."""

    @abstractmethod
    def versions(self, run_id: str, numbers: Iterable[int]) -> dict[int, FileVersion]:
        """Give some of a run's file versions."""

    @abstractmethod
    def versions_made_by(self, run_id: str, execs: Sequence[int]) -> list[FileVersion]:
        """Give the versions that these execs made."""

    @abstractmethod
    def accesses_by(self, run_id: str, execs: Iterable[int]) -> Rows:
        """Give the accesses of some execs."""

    @abstractmethod
    def accesses_to(self, run_id: str, versions: Iterable[int]) -> Rows:
        """Give the accesses to some versions."""

    # The digest cache, for stitching.

    @abstractmethod
    def known_digests(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        """Give the digests known for these states of files."""

    @abstractmethod
    def known(self, volume: str, inode: int, size: int, modified: int, changed: int) -> str | None:
        """Give the digest known for one state of a file: `known_digests` for a single one, quickly."""

    @abstractmethod
    def learn_digests(self, digests: Mapping[Identity, str]) -> None:
        """Remember the digests of these states of files."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database; closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
