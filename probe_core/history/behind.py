"""Taking in behind the prompt: apart from the terminal, in turn, with its complaints in the spool's log.

The launcher starts it for a large run (launch-behind.c), and `start` for a root that was no launcher's. Both
keep this, and tests/behaviour/test_behind.py holds both to it:

- whoever starts it has locked ``FOLDER/taking-in`` (flock, without waiting) and hands the lock on, open, as
  descriptor N: ``--lock=N FOLDER`` are its last words. So a `probe` command meanwhile waits. Where somebody
  else has the lock, nothing is started;
- lock and log are made for their owner alone (0600), and no link is followed;
- it is in a session of its own, in ``/``, reads nothing (/dev/null), writes both its streams at the end of
  ``SPOOL/taking-in.log``, and has nothing else open.

When it is killed the lock is free and the run where it was: the next `probe` command takes it in.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probe_core.capture.spool import RunFolder

LOG = "taking-in.log"  # in the spool
TURN = "taking-in.turn"
LOG_MOST = 256 << 10  # bytes, after which the log begins anew
NICE = 5


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Go last in line for the processor, and one at a time: each may need hundreds of megabytes."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    try:
        turn = _private(folder.parent.parent / TURN)
    except OSError:  # a spool that is full, or read-only by now: taking in tells it
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(turn, fcntl.LOCK_EX)
            if os.fstat(2).st_size > LOG_MOST and os.path.samestat(os.fstat(2), _log_of(folder).stat()):
                os.ftruncate(2, 0)
        yield
    finally:
        os.close(turn)


def start(folder: RunFolder) -> bool:
    """Have a run taken in by a process of its own; False: somebody is at it. OSError: it did not start."""
    import subprocess

    from probe_core.history.intake import LOCK

    lock, log = _private(folder.path / LOCK), _private(_log_of(folder.path), os.O_APPEND)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        subprocess.Popen(
            [sys.executable, "-P", "-m", "probe_core.history.finish", f"--lock={lock}", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
            cwd="/",
        )
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
        os.close(log)
    return True


def complaints(spool: Path, most: int = 3) -> list[str]:
    """Give the newest lines that taking in behind has left in the spool's log."""
    try:
        with (spool / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            return file.read().decode("utf-8", "backslashreplace").splitlines()[-most:]
    except OSError:
        return []


def _private(path: Path, more: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | more, 0o600)


def _log_of(folder: Path) -> Path:
    return folder.parent.parent / LOG
