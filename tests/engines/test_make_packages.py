"""Makefiles of Debian's source packages: recorded they build the same files, and their steps are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Needs, absent
from evidence import FOLDER

STUDY = Path(__file__).parents[1] / "studies" / "make_builds.py"
THREE = ("cpulimit", "lunzip", "tree")


def studied(place: Path, *packages: str | Path) -> subprocess.CompletedProcess[str]:
    """Build packages with and without a recorder; skipped where their sources cannot be had."""
    command = [sys.executable, STUDY, "--results", place, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "apt-get" in done.stderr and "CalledProcessError" in done.stderr:
        absent(f"sources of Debian's packages cannot be fetched: {done.stderr[-300:]}")
    return done


@pytest.mark.slow
@pytest.mark.parametrize("package", THREE)
def test_a_package_is_built_as_without_us(package: str, tmp_path: Path, needs: Needs) -> None:
    needs("dpkg-source", package="dpkg-dev")
    needs("g++")
    done = studied(tmp_path / "results", package)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 packages are built alike" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="takes minutes: `make prove` runs it")
def test_twenty_packages_are_built_as_without_us(tmp_path: Path, needs: Needs) -> None:
    needs("dpkg-source", package="dpkg-dev")
    done = studied(tmp_path / "results", "--table", FOLDER / "make-builds.md")
    assert done.returncode == 0, done.stdout + done.stderr
