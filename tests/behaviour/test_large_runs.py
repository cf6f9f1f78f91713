"""Taking large runs in: time and memory grow with what was recorded, and not faster.

`make prove` does it with 10⁶ and 10⁷ accesses, and with 10⁶ paths that are not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from evidence import PROVE, write_evidence
from probe_core.history import open_history

BIN = Path(sys.executable).parent
SMALL, LARGE = (10**6, 10**7) if PROVE else (10**5, 10**6)
PER_PROCESS = 1000
LOOK = f"""
import os, sys
paths = [f"/no/such/folder/of/files/{{number:08}}.txt" for number in range({PER_PROCESS})]
for _ in range(int(sys.argv[1]) // {PER_PROCESS}):
    if child := os.fork():
        os.waitpid(child, 0)
    else:
        for path in paths:
            os.access(path, 0)
        os._exit(0)
"""
DISTINCT = (
    "import os, sys\nfor i in range(int(sys.argv[1])): os.access(f'/no/such/{i // 1000:05}/{i:08}.txt', 0)"
)


class Taking(NamedTuple):
    """What taking one run in needed."""

    accesses: int
    seconds: float  # of CPU
    memory: float  # MB
    stored: float  # MB


def taken_in(script: str, number: int, place: Path) -> Taking:
    """Record ``number`` accesses into a spool of their own, and take them in."""
    place.mkdir()
    around = os.environ | {"PROBE_SPOOL": str(place / "spool"), "PROBE_HISTORY": str(place / "history")}
    command = [BIN / "probe-record", "-q", "--", sys.executable, "-S", "-c", script, str(number)]
    subprocess.run(command, env=around, check=True, cwd=place)
    asking = subprocess.Popen([BIN / "probe", "runs"], env=around, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(asking.pid, 0)
    asking.returncode = os.waitstatus_to_exitcode(status)
    assert asking.returncode == 0
    with open_history(place / "history") as history:
        graph = history.graph(history.find_run("@"))
    assert not graph.gaps
    accesses = sum(graph.accesses.count)
    assert accesses >= number
    stored = sum(path.stat().st_size for path in place.glob("history*"))
    return Taking(accesses, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, stored / 1e6)


@pytest.mark.slow
def test_ten_times_as_many_accesses_take_ten_times_as_long(tmp_path: Path) -> None:
    small, large = (taken_in(LOOK, number, tmp_path / str(number)) for number in (SMALL, LARGE))
    missing = taken_in(DISTINCT, SMALL, tmp_path / "distinct")
    times = large.accesses / small.accesses
    assert large.seconds <= 1.3 * times * small.seconds
    assert large.memory <= 1.1 * times * small.memory
    _tell(small, large, missing)


def _tell(small: Taking, large: Taking, missing: Taking) -> None:
    text = "| run | accesses | CPU s | peak MB | stored MB |\n|---|---|---|---|---|\n"
    named = {
        "1,000 paths by each process": small,
        "ten times as many processes": large,
        "distinct paths": missing,
    }
    for name, one in named.items():
        text += f"| {name} | {one.accesses:,} | {one.seconds:.1f} | {one.memory:.0f} | {one.stored:.1f} |\n"
    write_evidence(
        "taking-in-large", "Taking large runs in", "make prove T=tests/behaviour/test_large_runs.py",
        f"Accesses to paths that are not there, stitched and stored by `probe runs`.\n\n{text}",
    )  # fmt: skip
