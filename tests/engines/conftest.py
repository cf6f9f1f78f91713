"""What the tests of the engines share."""

from __future__ import annotations

from pathlib import Path

import pytest

import nextflows
from conftest import Needs
from nextflows import home

__all__ = ["home", "nextflow"]
pytest.register_assert_rewrite("snakemakes")  # for it to tell what differs


@pytest.fixture(scope="session")
def nextflow(needs: Needs) -> Path:
    """Give the Nextflow to test with."""
    return nextflows.fetched(needs)
