"""What recording asks of a folder that a cluster shares: metadata calls a job, counted by strace, and files.

Counted are calls that name a path below the workflow's folder, also those of the taking in. A call on a
descriptor that is open (fstat) is answered by the client and asks no server.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Needs
from probe_core.capture.spool import Spool
from workflows import run, write

pytest.importorskip("snakemake")

CALLS_MOST = 3  # a job
FILES_MOST = 10
FEW, MORE = 6, 26
SNAKEFILE = """rule all:
    input: expand("out/{n}", n=range(int(config["jobs"])))
rule one:
    output: "out/{n}"
    shell: "echo {wildcards.n} > {output}"
"""
DOORS = {
    "local": ["snakemake", "--executor", "local"],
    "bare": ["snakemake", "--executor", "probe"],
    "probe": ["probe", "snakemake"],
}
CALL = re.compile(r"\d+ +(?P<name>\w+)\((?:AT_FDCWD<(?P<at>[^>]*)>, )?\"(?P<path>[^\"]+)\"")


def calls(needs: Needs, door: str, jobs: int, place: Path) -> int:
    """How many calls name a path below the workflow's folder."""
    folder = write(place / f"{door}-{jobs}", {"Snakefile": SNAKEFILE})
    log = place / f"{door}-{jobs}.log"
    words = [
        *DOORS[door],
        "-j1",
        "--quiet",
        "all",
        "--scheduler",
        "greedy",
        "--config",
        f"jobs={jobs}",
        "--",
        "all",
    ]
    traced = [needs("strace"), "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file", "-o", str(log), *words]
    done = run(traced, folder)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "out").iterdir())) == jobs
    inside = os.fspath(folder)
    found = 0
    for line in log.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        path = call["path"] if call["path"].startswith("/") else f"{call['at'] or inside}/{call['path']}"
        found += path.startswith(inside + "/") and "resumed>" not in line
    return found


def test_calls_on_the_workflows_folder(needs: Needs, tmp_path: Path) -> None:
    jobs = MORE - FEW
    each = {
        door: (calls(needs, door, MORE, tmp_path) - calls(needs, door, FEW, tmp_path)) / jobs
        for door in DOORS
    }
    assert each["local"] > 10  # or else nothing was counted
    added = {door: round(number - each["local"], 1) for door, number in each.items() if door != "local"}
    assert max(added.values()) <= CALLS_MOST, added


def test_files_do_not_grow_with_the_jobs(tmp_path: Path) -> None:
    counts = {}
    for jobs in (FEW, MORE):
        folder = write(tmp_path / str(jobs), {"Snakefile": SNAKEFILE})
        spool = tmp_path / f"spool-{jobs}"
        words = ["snakemake", "-j1", "--quiet", "all", "--config", f"jobs={jobs}", "--", "all"]
        done = run(["probe", "record", "--keep", *words], folder, PROBE_SPOOL=str(spool))
        assert done.returncode == 0, done.stderr
        assert {path.name for path in folder.iterdir()} == {"Snakefile", "out", ".snakemake"}
        (kept,) = Spool(spool).runs()
        counts[jobs] = [path.relative_to(spool) for path in spool.rglob("*") if path.is_file()]
        assert kept.run().engine == "snakemake"
    assert len(counts[MORE]) == len(counts[FEW]) <= FILES_MOST, counts


IMPORTS = """import contextlib, importlib, sys, time
import snakemake.cli, snakemake.executors.local
for delegate in ("slurm", "cluster_generic"):  # Snakemake imports them anyway, where they are installed
    with contextlib.suppress(ImportError):
        importlib.import_module(f"snakemake_executor_plugin_{delegate}")
kinds = ("executor_plugin_probe", "executor_plugin_probe_slurm", "executor_plugin_probe_cluster_generic",
         "logger_plugin_probe")
ours = [name for name in sys.modules if "plugin_probe" in name]
for name in ours:
    del sys.modules[name]
began = time.process_time()
for kind in kinds:
    importlib.import_module(f"snakemake_{kind}")
print(time.process_time() - began)
"""


def test_importing_the_plugins_is_quick() -> None:
    """Snakemake imports every plugin at every start, used or not."""
    command = [sys.executable, "-c", IMPORTS]
    took = [float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(3)]
    assert min(took) < 0.030, took
