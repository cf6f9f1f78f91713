"""The reader on foreign, cut, crashed and random segments, in a process of its own: a crash is a failure."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

DAMAGE = Path(__file__).parent / "damage.py"


def test_no_damage_crashes_or_hangs_the_reader() -> None:
    seconds = 60 if os.environ.get("PROBE_PROVE") else 2
    seed = random.randrange(1 << 30)
    done = subprocess.run(
        [sys.executable, DAMAGE, str(seconds), str(seed)],
        capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"seed {seed}, status {done.returncode}:\n{done.stdout}{done.stderr}"
