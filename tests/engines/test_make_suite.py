"""GNU make's own test suite under `probe make`: what passes natively passes recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Needs
from evidence import FOLDER

RUN = Path(__file__).parent / "upstream_make" / "run"


def compared(*scripts: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, RUN, *scripts], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="takes minutes: `make prove` runs it")
def test_makes_own_tests_pass_recorded(needs: Needs) -> None:
    needs("perl")
    needs("dpkg-source", package="dpkg-dev")
    done = compared("--table", FOLDER / "make-suite.md")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| recorded |" in done.stdout
