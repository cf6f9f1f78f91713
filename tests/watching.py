"""Whether programs can be watched through seccomp here, who watches, and a command that is watched."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from calls.frames import Frame, frames
from probe_core.capture.static import Watching, watching_here
from recording import LAUNCHER, environment

MANY = 200_000 if os.environ.get("PROBE_PROVE") else 60_000  # opens, in which something else can happen
STATIC, DISARMED, UNWATCHED, SERVES_FILES = 1, 11, 12, 13  # enum probe_reason
ATTEMPTED = 32768  # PROBE_ATTEMPTED


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


@dataclass
class Watched:
    """One command under the launcher, with the run's folder."""

    result: subprocess.CompletedProcess[str]
    run: Path

    @property
    def frames(self) -> list[Frame]:
        return frames(self.run)

    def of(self, *kinds: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.kind in kinds]

    def gaps(self) -> list[int]:
        return [frame.more["reason"] for frame in self.of("GAP")]


def command_of(place: Path, words: Sequence[str | Path], policy: str) -> list[str]:
    options = [f"--static={policy}"] if policy else []
    return [str(word) for word in (LAUNCHER, "--spool", place / "spool", "-q", *options, "--", *words)]


def only_run(place: Path) -> Path:
    (run,) = (place / "spool" / "runs").iterdir()
    return run


def watch(place: Path, *words: str | Path, policy: str = "watch", **more) -> Watched:
    """Run a command in ``place``, which has a file called input."""
    (place / "input").write_text("text\n")
    result = subprocess.run(
        command_of(place, words, policy), cwd=place, env=environment(more), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    return Watched(result, only_run(place))


def started(place: Path, *words: str | Path, policy: str = "watch") -> tuple[subprocess.Popen[str], int]:
    """Start a command, and give it with the pid of its worker."""
    (place / "input").write_text("text\n")
    process = subprocess.Popen(
        command_of(place, words, policy), cwd=place, env=environment(), stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: list(place.glob("spool/runs/*/run.json")))
    found = eventually(lambda: workers(only_run(place).name))
    return process, found[0]
