"""`probe check` on thirty of Debian's source packages, a package a test; docs/evidence/make-check.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Needs
from evidence import FOLDER

SCRIPT = Path(__file__).with_name("make_packages.py")
PATIENCE = 400  # seconds for one package; the largest takes one minute on an idle core
proving = pytest.mark.skipif(
    not os.environ.get("PROBE_PROVE"), reason="fetches and builds packages for minutes: `make prove` runs it"
)
NAMES = SCRIPT.with_name("selection").read_text().split()


def study(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the study as a command."""
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@proving
@pytest.mark.slow
@pytest.mark.parametrize("package", NAMES)
def test_a_package(package: str, needs: Needs) -> None:
    needs("dpkg-source", package="dpkg-dev")
    done = study(package)
    assert done.returncode == 0, done.stdout + done.stderr


@proving
@pytest.mark.slow
def test_recall_and_precision_over_all_packages() -> None:
    done = study("--table", str(FOLDER / "make-check.md"))
    assert done.returncode == 0, done.stdout + done.stderr
