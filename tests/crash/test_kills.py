"""Programs are killed at random moments, and at every instruction of a note: what they did is read back.

Some hundreds in `make test`, thousands in `make prove`, whose table is docs/evidence/kills.md.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crash.kills import Outcome, Scene
from evidence import PROVE, write_evidence

TIMED = [
    # mode, calls (none: until killed), µs until the kill at most, whom, kills in `make prove`
    ("plain", None, 2000, "one", 600),
    ("lengthy", None, 4000, "one", 300),
    ("folds", None, 2000, "one", 300),
    ("writes", None, 2000, "one", 500),
    ("threads", None, 2500, "one", 500),
    ("forks", None, 5000, "group", 500),
    ("forks", None, 5000, "one", 300),
    ("execs", None, 5000, "one", 500),
]
STEPPED = [
    # mode, calls, instructions to go over, a kill at every so many of them in `make test`, in `make prove`
    ("plain", "1", 20000, 151, 5),
    ("folds", "2", 20000, 151, 5),
    ("writes", "1", 20000, 151, 7),
    ("forks", "1", 20000, 151, 7),
    ("vforks", "1", 20000, 97, 2),
]
table: list[str] = []


def told(how: str, outcome: Outcome) -> None:
    assert outcome.kills
    assert outcome.acknowledged
    faults = ", ".join(f"{reason} {count}" for reason, count in sorted(outcome.faults.items())) or "none"
    table.append(
        f"| {how} | {outcome.kills:,} | {outcome.acknowledged:,} | {outcome.read:,} | {faults} |"
    )


@pytest.mark.parametrize(("mode", "calls", "most", "whom", "kills"), TIMED)
def test_at_random_moments(
    mode: str, calls: str | None, most: int, whom: str, kills: int, tmp_path: Path
) -> None:
    outcome, left = Outcome(), kills if PROVE else 20
    for number in range(0, left, 20):
        scene = Scene(tmp_path / str(number))
        seed = str(random.randrange(1 << 30))
        victim = (mode, *([calls] if calls else []))
        killed = scene.kill("time", str(min(20, left - number)), seed, str(most), whom, victim=victim)
        outcome += scene.judge(killed)
    told(f"{mode}, {whom}", outcome)


@pytest.mark.parametrize(("mode", "calls", "most", "seldom", "often"), STEPPED)
def test_at_every_instruction(
    mode: str, calls: str, most: int, seldom: int, often: int, tmp_path: Path
) -> None:
    """A note is some hundred instructions: kills behind them, whatever state that leaves."""
    scene = Scene(tmp_path)
    stride = often if PROVE else seldom
    first = random.randrange(stride)
    killed = scene.kill("step", str(first), str(most), str(stride), victim=(mode, calls), stepped=True)
    outcome = scene.judge(killed)
    assert outcome.faults["torn"] or not PROVE, "the sweep went over a frame that was being written"
    told(f"{mode}, behind one in {stride} instructions", outcome)


def test_the_table() -> None:
    text = f"""
Each row: programs that were killed (SIGKILL) while they opened, made, removed and looked up files; calls that
had returned by then (told by the program itself through shared memory); calls that were read from the log;
what was told as a fault. All that had returned were read, and none that had not been begun
(`tests/crash/kills.py`).

| programs | kills | calls returned | calls read | faults |
|---|---|---|---|---|
{chr(10).join(table)}
"""
    write_evidence("kills", "Killed programs", "make prove T=tests/crash/test_kills.py", text)
