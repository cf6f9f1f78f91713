"""What the tests of watching share: they are skipped where nothing can be watched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from calls.recorded import program
from recording import LAUNCHER
from watching import can_watch


@pytest.fixture(autouse=True)
def _allowed() -> None:
    if not can_watch():
        pytest.skip("the kernel or the surroundings forbid watching here")


@pytest.fixture
def static() -> Path:
    return program("watched", "-static", "-pthread")


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody can reach, with the launcher in it."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o777)
    shutil.copy(LAUNCHER, place / "probe-record")
    yield place
    shutil.rmtree(place)
