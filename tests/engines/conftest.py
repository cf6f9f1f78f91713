"""What the tests of the engines share."""

from __future__ import annotations

from pathlib import Path

import pytest

import nextflows
from conftest import Needs
from correct_workflows import variant_calling
from nextflows import home

__all__ = ["home", "nextflow"]
pytest.register_assert_rewrite("snakemakes")  # for it to tell what differs


@pytest.fixture(scope="session")
def nextflow(needs: Needs) -> Path:
    """Give the Nextflow to test with."""
    return nextflows.fetched(needs)


@pytest.fixture
def pipeline(needs: Needs, tmp_path: Path) -> Path:
    """The example with the lambda phage data in place."""
    return variant_calling(tmp_path / "w", needs)
