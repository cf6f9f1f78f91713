"""Snakemake's executors for clusters, as they are, under `probe snakemake`: recorded on the node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import absent
from probe_core.capture.spool import Spool
from probe_core.history import open_history
from workflows import SERVICES, Workflow, contents, environment, newest, record, run, write

pytest.importorskip("snakemake")
own_slurm = pytest.mark.skipif(
    not os.environ.get("PROBE_PROVE"), reason="takes a Slurm of its own: `make prove`"
)
GENERIC = ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", "sh", "--jobs", "2"]
GENERIC += ["--seconds-between-status-checks", "1", "--latency-wait", "2"]
SLURM = ["-j", "3", "--seconds-between-status-checks", "1", "--latency-wait", "3"]
SLURM += ["--default-resources", "slurm_partition=main", "mem_mb=500", "runtime=5"]
SLURM += ["--{0}-init-seconds-before-status-checks", "1", "--{0}-no-account"]
SLURM += ["--{0}-status-command", "squeue"]

WORKFLOW = {
    "Snakefile": """localrules: all, near
rule all:
    input: "near.txt", "far.txt", "run.txt"
rule near:
    input: "a.txt"
    output: "near.txt"
    shell: "cp {input} {output}"
rule a:
    input: "in.txt"
    output: "a.txt"
    log: "logs/a.log"
    shell: "cat {input} hidden.txt > {output}; uname -n > {log}"
rule far:
    input: "a.txt"
    output: "far.txt"
    group: "both"
    shell: "cp {input} {output}"
rule run_:
    input: "a.txt"
    output: "run.txt"
    run:
        open(output[0], "w").write(open(input[0]).read() + open("hidden.txt").read())
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


def check_workflow(directory: Path, host: str) -> None:
    """Look at what was recorded of WORKFLOW: every rule's own files, wherever it ran."""
    workflow = newest("snakemake")
    assert workflow.names == ["a", "all", "far", "near", "run_"]
    assert workflow.reads("a") >= {"in.txt", "hidden.txt"}
    assert workflow.writes("a") >= {"a.txt", "logs/a.log"}
    assert workflow.reads("far") >= {"a.txt"}
    assert workflow.writes("near") >= {"near.txt"}
    assert workflow.reads("run_") >= {"a.txt", "hidden.txt"}
    assert workflow.writes("run_") >= {"run.txt"}
    declaration = workflow.step("a").declaration
    assert declaration is not None
    assert declaration.facts["cluster"]["host"] == host
    assert declaration.status == 0
    near = workflow.step("near").declaration
    assert near is not None
    assert "cluster" not in near.facts
    assert {Path(one["path"]).name for one in workflow.graph.run.facts["workflow_files"]} == {"Snakefile"}


def plain(tmp_path: Path) -> dict[str, bytes]:
    """What the workflow makes by the local executor."""
    directory = write(tmp_path / "plain", WORKFLOW)
    assert run(["snakemake", "--cores", "2"], directory).returncode == 0
    return contents(directory)


@pytest.mark.slow
@pytest.mark.parametrize("door", ["probe snakemake", "probe-cluster-generic"])
def test_a_cluster_of_any_kind(tmp_path: Path, door: str) -> None:
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    directory = write(tmp_path / "w", WORKFLOW)
    if door == "probe snakemake":
        done = run(["probe", "snakemake", *GENERIC], directory)
    else:
        words = [word.replace("cluster-generic", "probe-cluster-generic") for word in GENERIC]
        done = run(["snakemake", *words], directory)
    assert done.returncode == 0, done.stderr
    assert contents(directory) == plain(tmp_path)
    check_workflow(directory, os.uname().nodename)


def test_a_cluster_job_that_fails(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_cluster_generic")
    files = {"Snakefile": 'rule bad:\n    output: "bad"\n    shell: "touch {output}; exit 5"\n'}
    workflow, done = record(["snakemake", *GENERIC], write(tmp_path / "w", files))
    assert done.returncode == 1
    assert workflow.step("bad").status == 5


@contextmanager
def started(**more: str) -> Iterator[Path]:
    """A Slurm of one node on this machine."""
    pytest.importorskip(
        "snakemake_executor_plugin_slurm", reason="pip install snakemake-executor-plugin-slurm"
    )
    # Not below pytest's folder: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        began = subprocess.run(
            [SERVICES / "slurm", "start", folder], env=environment(**more), stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
        if began.returncode == 3:
            absent(began.stderr.strip() + ": sudo apt-get install slurmctld slurmd slurm-client munge")
        assert began.returncode == 0, began.stderr
        try:
            yield Path(folder)
        finally:
            subprocess.run([SERVICES / "slurm", "stop", folder], check=False)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A Slurm for this module."""
    with started() as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("door", ["probe snakemake", "probe-slurm"])
def test_slurm(slurm: Path, tmp_path: Path, door: str) -> None:
    if door != "probe snakemake" and not os.environ.get("PROBE_PROVE"):
        pytest.skip("the second door is tried by `make prove`")
    directory = write(tmp_path / "w", WORKFLOW)
    name = "slurm" if door == "probe snakemake" else door
    words = ["--executor", name, *(word.format(name) for word in SLURM)]
    command = ["probe", "snakemake", *words] if name == "slurm" else ["snakemake", *words]
    done = run(command, directory, SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stderr
    assert contents(directory) == plain(tmp_path)
    check_workflow(directory, "node1")
    declaration = newest("snakemake").step("a").declaration
    assert declaration is not None
    assert declaration.facts["cluster"]["job"].isdigit()


def test_slurm_jobs_without_snakemake(slurm: Path, tmp_path: Path) -> None:
    """An array of jobs, and one that is cancelled, belong to the run that waits for them."""
    write(tmp_path / "w", {"job.sh": "#!/bin/sh\ncat in.txt > out.$SLURM_ARRAY_TASK_ID\n", "in.txt": "in\n"})
    command = ["sbatch", "--wait", "--array=1-3", "--output=/dev/null", "job.sh"]
    workflow, done = record(["record", "--", *command], tmp_path / "w", SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stderr
    made = {workflow.relative(one.path) for one in workflow.graph.versions if one.made_by is not None}
    assert made >= {"out.1", "out.2", "out.3"}
    command = ["sh", "-c", "job=$(sbatch --parsable --wrap 'cat in.txt > begun; sleep 60') && "
               "until [ -s begun ]; do sleep 0.1; done; scancel $job; sleep 1"]  # fmt: skip
    workflow, done = record(["record", "--", *command], tmp_path / "w", SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stderr
    assert "begun" in {
        workflow.relative(one.path) for one in workflow.graph.versions if one.made_by is not None
    }


HIDDEN = {
    "Snakefile": WORKFLOW["Snakefile"]
    + """rule cancelled:
    input: "a.txt"
    output: "cancelled.txt"
    shell: "cat in.txt > begun-cancelled.txt; scancel $SLURM_JOB_ID; sleep 60"
rule killed:
    input: "a.txt"
    output: "killed.txt"
    shell: "cat in.txt > begun-killed.txt; kill -KILL $PPID"
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


@own_slurm
@pytest.mark.slow
def test_nodes_that_do_not_see_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job is a run of its own there, and is brought home, also in the grace time after scancel.

    Of one whose Snakemake is killed its host and path are a gap.
    """
    (tmp_path / "hidden").mkdir()
    monkeypatch.setenv("PROBE_SPOOL", str(tmp_path / "hidden" / "spool"))
    directory = write(tmp_path / "w", HIDDEN)
    targets = ["a.txt", "cancelled.txt", "killed.txt"]
    with started(SLURM_NODE_HIDES=str(tmp_path / "hidden")) as folder:
        words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM), "--keep-going", *targets]
        done = run(["probe", "snakemake", *words], directory, SLURM_CONF=str(folder / "slurm.conf"))
    assert done.returncode == 1, done.stderr
    newest("snakemake")  # waits until they are taken in
    with open_history() as history:
        runs = [Workflow(history.graph(one.id)) for one in history.runs()]
    (outer,) = [one for one in runs if one.graph.run.outer_run is None]
    found = {name: one for one in runs for name in one.names if one is not outer}
    assert set(found) == {"a", "cancelled"}
    assert {one.graph.run.outer_run for one in found.values()} == {outer.graph.run.id}
    assert found["a"].reads("a") >= {"in.txt", "hidden.txt"}
    assert found["cancelled"].writes("cancelled") >= {"begun-cancelled.txt"}
    assert found["cancelled"].step("cancelled").status == 128 + signal.SIGTERM
    (gap,) = [gap.detail for gap in outer.graph.gaps if "was recorded on node1" in gap.detail]
    left = Path(gap.rpartition(", in ")[2])
    assert (left / "run.json").exists()
    assert [one.suffix for one in (directory / ".snakemake" / "probe").iterdir()] == [".told"]
    shutil.rmtree(left)


TWO = {
    "Snakefile": """rule all:
    input: "left.txt", "right.txt"
rule side:
    input: "in.txt"
    output: "{side}.txt"
    params: other=lambda wildcards: {"left": "right", "right": "left"}[wildcards.side]
    threads: 3
    shell:
        "touch begun-{wildcards.side}; n=0; until [ -e begun-{params.other} ]; do "
        "n=$((n + 1)); [ $n -lt 300 ] || exit 9; sleep 0.1; done; cat {input} hidden.txt > {output}"
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


@own_slurm
@pytest.mark.slow
def test_two_nodes_at_once(tmp_path: Path) -> None:
    """Each of two jobs waits until the other runs; they find room only on a node each."""
    directory = write(tmp_path / "w", TWO)
    with started(SLURM_NODES="2") as folder:
        words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM)]
        command = ["timeout", "150", "probe", "record", "--keep", "snakemake", *words]
        done = run(command, directory, SLURM_CONF=str(folder / "slurm.conf"))
    assert done.returncode == 0, done.stderr
    workflow = newest("snakemake")
    hosts = set()
    for side in ("left", "right"):
        name = f"side (side={side})"
        assert workflow.reads(name) >= {"in.txt", "hidden.txt"}
        assert workflow.writes(name) >= {f"{side}.txt", f"begun-{side}"}
        declaration = workflow.step(name).declaration
        assert declaration is not None
        hosts.add(declaration.facts["cluster"]["host"])
    assert hosts == {"node1", "node2"}
    assert {one.host for one in workflow.graph.processes} >= hosts
    (kept,) = [one for one in Spool.default().runs() if one.id == workflow.graph.run.id]
    for host in hosts:
        files = [one for one in kept.path.rglob("*") if host in one.name]
        assert 1 <= len(files) <= 2, files


ENDINGS = {
    "Snakefile": """rule all:
    input: "bad.txt", "big.txt", "cancelled.txt"
rule bad:
    output: "bad.txt"
    shell: "cat in.txt > {output}; exit 5"
rule big:
    output: "big.txt"
    resources: mem_mb=300
    shell: "cat in.txt > begun-big.txt; python3 -c 'import time; a = b\\"x\\" * (900 << 20); time.sleep(60)'"
rule cancelled:
    output: "cancelled.txt"
    shell: "cat in.txt > begun-cancelled.txt; scancel $SLURM_JOB_ID; sleep 60"
""",
    "in.txt": "in\n",
}


@pytest.mark.slow
def test_slurm_failures_memory_and_cancelling(slurm: Path, tmp_path: Path) -> None:
    """What a job had done before it failed, was killed or cancelled is there; how it ended too."""
    directory = write(tmp_path / "w", ENDINGS)
    words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM), "--keep-going"]
    workflow, done = record(["snakemake", *words], directory, SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 1, done.stderr
    assert {name: workflow.step(name).status for name in ("bad", "big", "cancelled")} == {
        "bad": 5,
        "big": None,  # killed with its Snakemake, which could not tell
        "cancelled": 128 + signal.SIGTERM,
    }
    for name in ("big", "cancelled"):
        assert workflow.reads(name) >= {"in.txt"}
        assert workflow.writes(name) >= {f"begun-{name}.txt"}
        declaration = workflow.step(name).declaration
        assert declaration is not None
        assert declaration.facts["cluster"]["host"] == "node1"


ARRAY = {
    "Snakefile": """rule all:
    input: expand("part-{i}.txt", i=[1, 2, 3])
rule part:
    input: "in.txt"
    output: "part-{i}.txt"
    shell: "cat {input} hidden.txt > {output}"
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


@pytest.mark.slow
def test_slurm_arrays(slurm: Path, tmp_path: Path) -> None:
    """Each task of an array that the executor submits is a step."""
    directory = write(tmp_path / "w", ARRAY)
    words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM), "--slurm-array-jobs", "all"]
    command = ["timeout", "150", "probe", "snakemake", *words]
    done = run(command, directory, SLURM_CONF=str(slurm / "slurm.conf"))
    if "unrecognized arguments: --slurm-array-jobs" in done.stderr:
        pytest.skip("this snakemake-executor-plugin-slurm has no job arrays")
    assert done.returncode == 0, done.stderr
    workflow = newest("snakemake")
    clusters = []
    for name in ("part (i=1)", "part (i=2)", "part (i=3)"):
        assert workflow.reads(name) >= {"in.txt", "hidden.txt"}
        declaration = workflow.step(name).declaration
        assert declaration is not None
        clusters.append(declaration.facts["cluster"])
    assert len({one["array"] for one in clusters}) == 1
    assert len({one["job"] for one in clusters}) == 3


def provenance(workflow: Workflow) -> dict[str, tuple[set[str], set[str], set[str]]]:
    """By step what it read and made below the workflow's directory, and the programs it ran."""
    found = {}
    for step in workflow.graph.steps:
        files = [workflow.reads(step.name), workflow.writes(step.name)]
        own = [{name for name in one if not name.startswith(("/", ".snakemake"))} for one in files]
        found[step.name] = (own[0], own[1], workflow.programs(step.name))
    return found


def digests(workflow: Workflow) -> dict[str, set[str]]:
    """By path below the workflow's directory the digests of what was made."""
    found: dict[str, set[str]] = {}
    for one in workflow.graph.versions:
        name = workflow.relative(one.path)
        if one.made_by is not None and one.digest and not name.startswith(("/", ".snakemake", "logs/")):
            found.setdefault(name, set()).add(one.digest)
    return found


@pytest.mark.slow
def test_the_same_provenance_here_and_on_slurm(slurm: Path, pipeline: Path, tmp_path: Path) -> None:
    """The variant-calling example: outputs as by the local executor, provenance as on one machine."""
    if not os.environ.get("PROBE_PROVE"):
        pytest.skip("a dozen jobs one after another on Slurm: `make prove`")
    plain, far = (Path(shutil.copytree(pipeline, tmp_path / name)) for name in ("plain", "far"))
    assert run(["snakemake", "--cores", "2"], plain).returncode == 0
    here, done = record(["snakemake", "--cores", "2"], pipeline)
    assert done.returncode == 0, done.stderr
    words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM)]
    command = ["timeout", "400", "probe", "snakemake", *words]
    done = run(command, far, SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stderr
    there = newest("snakemake")
    assert contents(far) == contents(pipeline) == contents(plain)
    assert provenance(there) == provenance(here)
    assert digests(there) == digests(here)
    hosts = {process.host for process in there.graph.processes}
    assert "node1" in hosts


DYING = {
    "Snakefile": """rule dies:
    output: "out.txt"
    shell: "cat in.txt > begun.txt; sleep 300; cp in.txt {output}"
""",
    "in.txt": "in\n",
}


@own_slurm
@pytest.mark.slow
def test_a_node_that_dies(tmp_path: Path) -> None:
    """What the job had done is in the history, though nobody could tell its end."""
    directory = write(tmp_path / "w", DYING)
    with started() as folder:
        words = ["--executor", "slurm", *(word.format("slurm") for word in SLURM)]
        around = environment(SLURM_CONF=str(folder / "slurm.conf"))
        command = ["timeout", "240", "probe", "snakemake", *words]
        process = subprocess.Popen(
            command, cwd=directory, env=around, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (directory / "begun.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        subprocess.run([SERVICES / "slurm", "kill", folder], check=True)
        _, said = process.communicate(timeout=260)
    assert process.returncode == 1, said
    workflow = newest("snakemake")
    assert workflow.reads("dies") >= {"in.txt"}
    assert workflow.writes("dies") == {"begun.txt"}
    assert workflow.step("dies").status is None
