"""What the unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe_core.history import History, open_history


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A history of the test's own."""
    with open_history(tmp_path / "history.sqlite") as opened:
        yield opened
