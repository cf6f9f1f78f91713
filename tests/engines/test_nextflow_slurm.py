"""Nextflow on a real Slurm of one node: its tasks run on another host, and are recorded there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Needs, absent
from nextflows import assert_same, observed, pipeline, seen, start
from workflows import record

SLURM = Path(__file__).parents[1] / "services" / "slurm"
CONFIGURATION = """process.executor = 'slurm'
process.memory = '100 MB'
executor.pollInterval = '1s'
"""


@pytest.fixture
def cluster(needs: Needs, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the variables of a cluster's clients; it ends with the test."""
    for daemon, package in (("munged", "munge"), ("slurmd", "slurmd"), ("slurmctld", "slurmctld")):
        if not shutil.which(daemon, path="/usr/sbin:/sbin:/usr/bin"):
            needs(daemon, package=package)
    place = tmp_path / "slurm"
    done = subprocess.run([SLURM, "start", place], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 3:
        absent(done.stderr)
    assert done.returncode == 0, done.stderr
    yield {"SLURM_CONF": str(place / "slurm.conf")}
    subprocess.run([SLURM, "stop", place], capture_output=True, check=False, timeout=60)


@pytest.mark.slow
def test_tasks_on_a_node_are_recorded(
    cluster: dict[str, str], nextflow: Path, home: Path, tmp_path: Path
) -> None:
    plain, recorded = pipeline("shebangs", tmp_path / "plain" / "w"), tmp_path / "recorded" / "w"
    (plain / "nextflow.config").write_text(CONFIGURATION)
    shutil.copytree(plain, recorded)
    done = start(nextflow, home, plain, "run", "main.nf", **cluster)
    assert done.returncode == 0, done.stdout + done.stderr
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow), **cluster}
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **around)
    assert told.returncode == 0, told.stdout + told.stderr
    assert_same(seen(recorded, told), seen(plain, done))

    assert observed(workflow) == (2, 2)
    assert not [gap.detail for gap in workflow.graph.gaps]
    assert "in.txt" in workflow.reads("PYTHON (1)")
    steps = [one for one in workflow.graph.steps if one.declaration and "native_id" in one.declaration.facts]
    jobs = [str(one.declaration.facts["native_id"]) for one in steps if one.declaration]
    assert sorted(jobs) == ["3", "4"]  # the first two were the plain run's
    processes = workflow.graph.processes
    assert "node1" in {processes[one.process].host for one in workflow.graph.execs if one.step is not None}
