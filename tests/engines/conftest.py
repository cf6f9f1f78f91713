"""What the tests of the engines share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import nextflows
from conftest import Needs
from nextflows import home
from workflows import example

__all__ = ["home", "nextflow"]
READS = Path("/usr/share/doc/bowtie2/examples")
pytest.register_assert_rewrite("snakemakes")  # for it to tell what differs


@pytest.fixture(scope="session")
def nextflow(needs: Needs) -> Path:
    """Give the Nextflow to test with."""
    return nextflows.fetched(needs)


@pytest.fixture
def pipeline(needs: Needs, tmp_path: Path) -> Path:
    """The example with the lambda phage data in place."""
    for program in ("bwa", "samtools", "bcftools"):
        needs(program)
    needs(str(READS), package="bowtie2-examples")
    directory = example("variant-calling", tmp_path / "w")
    (directory / "data").mkdir()
    for file in (READS / "reference/lambda_virus.fa.gz", *(READS / "reads").glob("*.fq.gz")):
        shutil.copy(file, directory / "data")
    return directory
