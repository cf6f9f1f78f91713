"""Taking a run in: stitched, stored, and its folder with the raw frames removed from the spool.

Whoever comes first does it: what the launcher starts when the command has ended, else the next `probe`
command. A lock in the run's folder keeps two of them apart: who asks waits for who is at it. What fails
leaves the folder as it is, to be tried again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from probe_core.capture.living import boot_id, is_alive
from probe_core.errors import ProbeError, SpoolError
from probe_core.history.missing import told
from probe_core.model import RunGraph, RunState

if TYPE_CHECKING:
    from probe_core.capture.spool import RunFolder, Spool
    from probe_core.history.interface import History, Identity
    from probe_core.hooks import Engine

LOCK = "taking-in"
SETTLED = 2 * 10**9  # ns since the last change, after which the same times mean the same content
KEPT = "taken-in"  # stands in a folder that was kept after its run had been taken in
PAUSE = 0.03  # seconds between two looks at a lock that another process holds


class Onlooker(Protocol):
    """Who is told how the taking in goes on, to tell somebody who waits for it."""

    def takes_in(self, folder: RunFolder) -> None:
        """Say that this process takes this run in now."""

    def waits(self, folder: RunFolder, seconds: float) -> None:
        """Say that another process is at it, and for how long this one has waited."""

    def goes_on(self) -> None:
        """Say that the run of the last call is done."""


def take_in(
    folder: RunFolder,
    history: History,
    engines: Sequence[Engine] | None = None,
    *,
    keep: bool = False,
    lock: int | None = None,
    onlooker: Onlooker | None = None,
) -> RunGraph | None:
    """Stitch a run, store it, and remove its folder (not with ``keep``).

    A run that some process may still write to is stored as open; its folder stays, to be taken in again.
    None: another process is taking it in (with an ``onlooker``: was, until a moment ago), or has just done
    so. ``lock``: the descriptor that holds the run's lock already; it is closed. ``engines``: those
    installed, unless given.
    Raises SpoolError, SegmentError or HistoryError; the folder is then as it was.
    """
    with _locked(folder, lock, onlooker) as mine:
        if not mine:
            return None
        if onlooker is not None:
            onlooker.takes_in(folder)
        graph = _stitched(folder, history, engines)
        history.store(graph)
        if graph.run.state is RunState.OPEN:
            return graph
        if keep:
            _mark(folder)
        else:
            folder.remove()
        return graph


def take_in_all(
    spool: Spool,
    history: History,
    engines: Sequence[Engine] | None = None,
    *,
    onlooker: Onlooker | None = None,
) -> list[ProbeError]:
    """Take in every run of the spool that has ended. Gives what stood in the way, one error a run.

    A run whose launcher is still about to take it in itself is left to it. With an ``onlooker`` those that
    another process takes in are waited for.
    """
    faults: list[ProbeError] = []
    spool.sweep()
    for folder in spool.runs():
        try:
            if not (folder.path / KEPT).exists() and not folder.is_open() and not _awaits_its_root(folder):
                take_in(folder, history, engines, onlooker=onlooker)
        except ProbeError as error:
            if folder.exists():  # else somebody else took it in meanwhile
                faults.append(error)
        except Exception as error:  # one broken run must not stand in the way of an answer about others
            faults.append(
                SpoolError(folder.path, f"its run cannot be taken in ({error!r})".replace("\n", " "))
            )
        finally:
            if onlooker is not None:
                onlooker.goes_on()
    return faults


def wait_for_others(spool: Spool, onlooker: Onlooker) -> None:
    """Wait until no other process takes a run of the spool in.

    Before the history is opened: who takes in behind is last in line for the processor, and may hold the
    database for longer than anybody would wait for that.
    """
    for folder in spool.runs():
        try:
            lock = _opened(folder) if (folder.path / LOCK).exists() else None
        except (FileNotFoundError, SpoolError):
            continue  # gone, or not ours to lock: taking in tells it
        if lock is not None:
            try:
                _wait(lock, folder, onlooker)
            finally:
                os.close(lock)
                onlooker.goes_on()


def _stitched(folder: RunFolder, history: History, engines: Sequence[Engine] | None) -> RunGraph:
    from probe_core.stitch import stitch

    known = _Known(history)
    graph = stitch(folder, _installed(folder) if engines is None else engines, known=known)
    known.learn(graph)
    return graph


class _Known:
    """The history's digests as stitching asks for them; remembers what it could not tell, to learn that."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._missed: set[Identity] = set()

    def known(self, volume: str, inode: int, size: int, modified: int, changed: int) -> str | None:
        found = self._history.known(volume, inode, size, modified, changed)
        if found is None:
            self._missed.add((volume, inode, size, modified, changed))
        return found

    def learn(self, graph: RunGraph) -> None:
        """Keep the digests that had to be taken; not of files so new that a write may share their times."""
        before = time.time_ns() - SETTLED
        new: dict[Identity, str] = {}
        for one in told(graph.versions):
            if (
                one.digest
                and one.inode is not None
                and one.size is not None
                and 0 < (one.changed or 0) < before
            ):
                identity = (one.volume, one.inode, one.size, one.modified or 0, one.changed or 0)
                if identity in self._missed:
                    new[identity] = one.digest
        if new:
            self._history.learn_digests(new)


def _installed(folder: RunFolder) -> Sequence[Engine]:
    """Give the installed engines; none, and without looking for them, where there is nothing of an engine.

    Empty folders say nothing.
    """
    if not any(files for _, _, files in os.walk(folder.declarations)) and not folder.may_be_found():
        return []
    from probe_core.plugins import engines

    return list(engines().values())


def _awaits_its_root(folder: RunFolder) -> bool:
    """Tell whether the root process still lives: it takes the run in, with the options it was given."""
    return folder.run().boot == boot_id() and is_alive(*folder.root())


@contextmanager
def _locked(folder: RunFolder, lock: int | None, onlooker: Onlooker | None) -> Iterator[bool]:
    """Hold the run's lock; False: somebody else holds it, or the run is gone."""
    held = lock is not None
    if lock is None:
        try:
            lock = _opened(folder)
        except FileNotFoundError:
            yield False
            return
    try:
        held = held or (_lock(lock) if onlooker is None else _wait(lock, folder, onlooker))
        yield held and folder.exists() and not (onlooker and _is_done(folder))
    finally:
        os.close(lock)


def _opened(folder: RunFolder) -> int:
    """Open the run's lock, without taking it. FileNotFoundError when there is no such run."""
    try:
        return os.open(folder.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SpoolError(folder.path, f"its run cannot be locked ({error.strerror})") from error


def _lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait(lock: int, folder: RunFolder, onlooker: Onlooker) -> bool:
    """Take the lock when nobody has it any more; by looking again and again, so that it can be told of."""
    began = time.monotonic()
    while not _lock(lock):
        onlooker.waits(folder, time.monotonic() - began)
        time.sleep(PAUSE)
    return True


def _is_done(folder: RunFolder) -> bool:
    """Tell whether somebody who was waited for took it in and kept the folder."""
    return (folder.path / KEPT).exists()


def _mark(folder: RunFolder) -> None:
    try:
        (folder.path / KEPT).touch(mode=0o600)
    except OSError as error:
        raise SpoolError(folder.path, f"it cannot be marked as taken in ({error.strerror})") from error
