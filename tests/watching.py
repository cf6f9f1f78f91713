"""Whether programs can be watched through seccomp here, and who watches."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from probe_core.capture.static import Watching, watching_here


@cache
def can_watch() -> bool:
    """Whether ``--static=watch`` watches here."""
    return watching_here().kernel


@cache
def can_watch_harmlessly() -> bool:
    """Whether ``--static=auto`` watches here."""
    here: Watching = watching_here()
    return here.kernel and here.harmless


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""


def workers(run: str) -> list[int]:
    """Give the pids of those who watch a program of this run (its id): they have its segment mapped."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if _name(process) != "probe-watch":
            continue
        try:
            if f"/{run}/segment-" in (process / "maps").read_text():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def keepers() -> set[int]:
    """Give the pids of all keepers that live."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        if _name(process) == "probe-keeper" and "\nState:\tZ" not in (process / "status").read_text():
            found.add(int(process.name))
    return found


def eventually(what, seconds: float = 10.0):
    """Give the first true answer of ``what()``; its last one when the time is over."""
    until = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < until:
        time.sleep(0.01)
    return answer
