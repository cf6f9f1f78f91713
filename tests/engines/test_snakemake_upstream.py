"""Snakemake's own test suite passes by `--executor probe` what it passes by `--executor local`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evidence import FOLDER, PROVE
from workflows import environment

pytest.importorskip("snakemake")
pytest.importorskip("pytest_timeout", reason="pip install pytest-timeout pytest-mock")
pytest.importorskip("pytest_mock", reason="pip install pytest-timeout pytest-mock")
RUN = Path(__file__).parent / "upstream_snakemake" / "run"


@pytest.mark.slow
def test_the_suite_passes_alike() -> None:
    whole = ["--all", "--table", FOLDER / "snakemake-suite.md"] if PROVE else []
    done = subprocess.run(
        [sys.executable, RUN, *whole], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The sets of passing tests are equal." in done.stdout
