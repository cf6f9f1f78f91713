"""Takes a run in, killed on the way, again and again: ``python killed_intake.py RUN COUNT SEED FOLDER``.

A process of its own, as it forks. RUN is a run's folder that is copied for each trial. It ends with 0 when,
after each kill, the next taking in left the history as one that was not disturbed, and the spool empty; it
prints at which stage how many were killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from probe_core.capture.spool import RunFolder, Spool
from probe_core.history import open_history
from probe_core.history.intake import take_in, take_in_all
from probe_core.model import RunGraph


def forked(work: Callable[[], None], after: float | None = None) -> int:
    """Do it in a child, killed ``after`` seconds; how it ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Trial:
    """One copy of the run in a spool of its own, and its history."""

    def __init__(self, run: Path, below: Path) -> None:
        shutil.rmtree(below, ignore_errors=True)
        self.id, self.spool, self.place = run.name, below / "spool", below / "history.sqlite"
        self.folder = self.spool / "runs" / run.name
        shutil.copytree(run, self.folder)

    def take_in(self) -> None:
        with open_history(self.place) as history:
            take_in(RunFolder(self.folder), history, [])

    def take_in_all(self) -> None:
        with open_history(self.place) as history:
            assert take_in_all(Spool(self.spool), history, []) == []

    def leave_alone(self) -> None:
        """Let what is left grow old: until then somebody might be at it."""
        for path in (self.spool / "runs").iterdir():
            assert path.name == f"{self.id}.removed"
            os.utime(path, (1, 1))

    def stage(self) -> str:
        """How far it had come when it was killed."""
        if not self.folder.exists():
            return "while removing" if list((self.spool / "runs").iterdir()) else "after removing"
        if not self.place.exists():
            return "before the history"
        with open_history(self.place) as history:
            stored = bool(history.runs())
        if not stored:
            return "before storing"
        return "after storing"

    def graph(self) -> RunGraph:
        with open_history(self.place) as history:
            assert [run.id for run in history.runs()] == [self.id]
            return history.graph(self.id)


def main(run: Path, count: int, seed: int, below: Path) -> None:
    rng, stages = random.Random(seed), Counter[str]()
    undisturbed = Trial(run, below / "undisturbed")
    began = time.monotonic()
    assert forked(undisturbed.take_in) == 0
    whole = time.monotonic() - began
    graph = undisturbed.graph()
    for _ in range(count):
        trial = Trial(run, below / "trial")
        killed = forked(trial.take_in, rng.uniform(0, whole * 1.1)) == -signal.SIGKILL
        stages[trial.stage() if killed else "it had ended"] += 1
        assert forked(trial.take_in_all) == 0
        assert trial.graph() == graph
        trial.leave_alone()
        assert forked(trial.take_in_all) == 0
        assert list((trial.spool / "runs").iterdir()) == []
    print(*(f"{stage}: {number}" for stage, number in sorted(stages.items())), sep=", ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
