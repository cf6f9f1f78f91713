"""Which processes live, and which runs they write to: read from /proc, for the processes one may see."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FRESH = 0.5  # seconds that a census counts for
MAPPED = re.compile(rb"/([0-9a-f-]{36})/segment-[^/\n]*$", re.MULTILINE)
NAMED = re.compile(rb"(?:^|\0)PROBE_RUN=[^\0]*/([0-9a-f-]{36})(?:\0|$)")
STARTING = 0.02  # seconds in which a program that an exec has just begun maps its segment
LOOKS = 6  # at most, while such programs are held up by others
RUNNING = (b"R", b"D")  # states of a program that has not come to its first instruction


@cache
def boot_id() -> str:
    """Give the kernel's boot id, as run.json has it; empty when it cannot be read."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started_at(pid: int) -> int | None:
    """Give a process' start in clock ticks since boot (field 22 of its stat); None when it has ended."""
    fields = _stat(pid)
    # A zombie has ended: it only waits to be reaped.
    return None if len(fields) < 20 or fields[0] in (b"Z", b"X") else int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Whether that very process lives; a pid alone may be somebody else's by now."""
    return pid > 0 and started_at(pid) == started


class Census:
    """Which runs have a segment mapped by some living process. One look at /proc serves many runs."""

    def __init__(self) -> None:
        self._taken = -FRESH
        self._runs: frozenset[str] = frozenset()

    def runs_in_use(self) -> frozenset[str]:
        """Give the ids of runs that somebody may still write to; at most half a second old."""
        now = time.monotonic()
        if now - self._taken >= FRESH:
            self._runs = _look()
            self._taken = now
        return self._runs


def _look() -> frozenset[str]:
    found, about = _mapped(os.listdir("/proc"))  # noqa: PTH208
    # Between an exec and its first instruction nothing is mapped. Static programs never have it; most wait.
    for _ in range(LOOKS - 1):
        if not about:
            break
        time.sleep(STARTING)
        more, about = _mapped(about)
        found |= more
        about = [pid for pid in about if _is_running(pid)]
    return frozenset(run.decode() for run in found)


def _mapped(pids: Iterable[str]) -> tuple[set[bytes], list[str]]:
    """Give the runs of which these processes have a segment mapped, and who may come to have one."""
    # By the run's id in the mapping's name: a container may have the folder mounted elsewhere.
    found: set[bytes] = set()
    about = []
    for pid in pids:
        if not pid.isdigit():
            continue
        try:
            with open(f"/proc/{pid}/maps", "rb") as file:  # noqa: PTH123
                maps = file.read()
            if b"/segment-" in maps:
                found.update(MAPPED.findall(maps))
            elif _is_starting(pid):
                about.append(pid)
        except OSError:  # ended, or not ours to see
            continue
    return found, about


def _is_starting(pid: str) -> bool:
    """Whether a process without a segment names a run, or is within an exec, where it names nothing."""
    with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
        environment = file.read()
    if environment:
        return NAMED.search(environment) is not None
    return _is_running(pid) and bool(Path(f"/proc/{pid}/exe").readlink())  # else the kernel's


def _is_running(pid: str) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] in RUNNING


def _stat(pid: int | str) -> list[bytes]:
    """Give the fields of a process' stat from the third on, behind its name; none when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 -- pathlib costs more than the file
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []
