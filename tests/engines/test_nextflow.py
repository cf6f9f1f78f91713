"""Nextflow, as it is, under `probe nextflow` and with the plugin alone: what is known of its tasks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import Needs
from nextflows import observed, pipeline, start
from probe_core.model import RunState, Step
from probe_nextflow.installation import install
from workflows import WRITES, Workflow, environment, newest, record, run, write


@pytest.fixture
def around(nextflow: Path, home: Path) -> dict[str, str]:
    """The variables of a recorded Nextflow."""
    return {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}


def task(workflow: Workflow, name: str, attempt: int = 1) -> Step:
    """Give the one step of that name and attempt."""
    (found,) = [one for one in workflow.graph.steps if (one.name, one.attempt) == (name, attempt)]
    return found


def test_what_a_step_carries(around: dict[str, str], tmp_path: Path) -> None:
    directory = pipeline("tuples", tmp_path / "w")
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout
    made, used = task(workflow, "MAKE (x)").declaration, task(workflow, "USE (x)").declaration
    assert made is not None
    assert used is not None
    assert (made.engine, made.rule, made.facts["tag"], made.attempt, made.status) == (
        "nextflow",
        "MAKE",
        "x",
        1,
        0,
    )
    work = Path(made.facts["work_dir"])
    assert work.parent.parent == directory / "work"
    assert made.key == f"nextflow:{work.parent.name}/{work.name}".encode()
    assert made.facts["hash"] == work.parent.name + work.name
    assert made.facts["module"] == str(directory / "main.nf")
    assert "seq 3 > x.txt" in made.facts["code"]["text"]
    assert made.facts["code"]["digest"].startswith("sha256:")
    assert made.facts["directives"]["executor"] == "local"
    assert made.facts["native_id"] > 0
    assert set(made.outputs) == {bytes(work / name) for name in ("x.txt", "x.log", "versions.yml")}
    assert {bytes(work / name) for name in ("x.txt", "x.log")} <= set(used.inputs)
    assert used.facts["staged"]["x.txt"] == str(work / "x.txt")
    assert {str(work / "x.txt")[len(str(directory)) + 1 :]} <= workflow.reads("USE (x)")

    facts = workflow.graph.run.facts
    assert (facts["engine"], facts["success"]) == ("nextflow", True)
    assert {"path": str(directory / "main.nf")}.items() <= facts["workflow_files"][0].items()
    assert str(directory / "results/x.sum") in {one["target"] for one in facts["published"]}
    assert workflow.reads("publish results/x.sum") == {
        os.path.relpath(Path(used.facts["work_dir"]) / "x.sum", directory)
    }
    assert workflow.writes("publish results/x.sum") == {"results/x.sum"}


def test_retries_and_failures_are_kept(around: dict[str, str], tmp_path: Path) -> None:
    workflow, done = record(["nextflow", "run", "main.nf"], pipeline("retry", tmp_path / "r"), **around)
    assert done.returncode == 0
    assert (task(workflow, "FLAKY").status, task(workflow, "FLAKY", 2).status) == (3, 0)

    failing = pipeline("failing", tmp_path / "f")
    (failing / "nextflow.config").write_text("plugins { id 'nf-probe' }\n")  # whichever version is there
    workflow, done = record(["nextflow", "run", "main.nf"], failing, **around)
    assert done.returncode == workflow.graph.run.status == 1
    assert workflow.graph.run.state is RunState.FAILED
    bad = task(workflow, "BAD")
    assert bad.status == 5
    assert workflow.graph.run.facts["failed_in"] == [os.fsdecode(bad.key)]
    assert any(path.endswith("/good.txt") for path in workflow.reads("BAD"))


def test_cached_tasks_name_the_step_that_made_them(around: dict[str, str], tmp_path: Path) -> None:
    directory = pipeline("exec", tmp_path / "w")
    before, _ = record(["nextflow", "run", "main.nf"], directory, **around)
    shutil.rmtree(directory / "results")
    again, done = record(["nextflow", "run", "main.nf", "-resume"], directory, **around)
    assert done.returncode == 0
    assert before.graph.run.id != again.graph.run.id
    for name in ("READ", "WRITE"):
        made, cached = [
            next(one for one in some.graph.steps if one.name.startswith(name)) for some in (before, again)
        ]
        assert cached.declaration is not None
        assert cached.declaration.facts["made_by"]["step"] == os.fsdecode(made.key)
        assert cached.declaration.outputs == (made.declaration.outputs if made.declaration else None)
    assert not again.graph.gaps
    # The engine's own writing belongs to the task that it did itself; why goes on into the earlier run.
    told = json.loads(run(["probe", "why", "--json", "results/numbers.txt"], directory).stdout)
    assert {"publish results/numbers.txt", "WRITE"} <= {
        one["name"].split(" (")[0] for one in told["makers"] if one["kind"] == "step"
    }


def test_the_plugin_alone_records(nextflow: Path, home: Path, tmp_path: Path) -> None:
    directory = pipeline("shebangs", tmp_path / "w")
    install(
        {os.fsencode(name): os.fsencode(value) for name, value in environment(NXF_HOME=str(home)).items()}
    )
    (directory / "nextflow.config").write_text("plugins { id 'nf-probe@0.1.0' }\n")
    done = start(nextflow, home, directory, "run", "main.nf")
    assert done.returncode == 0, done.stdout
    workflow = newest("nextflow")
    assert workflow.graph.run.state is RunState.ENDED
    assert workflow.graph.run.command[:2] == (b"nextflow", b"run")
    assert observed(workflow) == (2, 2)
    assert not workflow.graph.gaps
    assert "in.txt" in workflow.reads("PYTHON (1)")
    (step,) = [one for one in workflow.graph.steps if one.name == "PERL (1)"]
    assert step.declaration is not None
    assert {os.path.relpath(os.fsdecode(path), directory) for path in step.declaration.inputs} == {
        path for path in workflow.reads("PERL (1)") if path.endswith("upper.txt")
    }


def test_without_the_plugin_tasks_are_told_apart(around: dict[str, str], tmp_path: Path) -> None:
    directory = pipeline("tuples", tmp_path / "w")
    forbidden = around | {"NXF_PLUGINS_DEFAULT": "false"}
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **forbidden)
    assert done.returncode == 0, done.stdout
    assert (done.stderr, len(list((directory / "results").iterdir()))) == ("", 2)
    tasks = {f"nextflow:{work.parent.name}/{work.name}" for work in (directory / "work").glob("??/*")}
    assert {step.name for step in workflow.graph.steps} == tasks
    assert any("NXF_PLUGINS_DEFAULT=false" in gap.detail for gap in workflow.graph.gaps)


def test_the_users_own_preload_stays(around: dict[str, str], tmp_path: Path, needs: Needs) -> None:
    library = next(Path("/lib").glob("*-linux-gnu/libm.so.6"))
    directory = write(
        tmp_path / "w",
        {
            "main.nf": "process SHOW {\n    output:\n    path 'out.txt'\n\n"
            "    script:\n    'echo $LD_PRELOAD > out.txt'\n}\n\nworkflow { SHOW().view { f -> f.text } }\n",
            "nextflow.config": f"env.LD_PRELOAD = '{library}'\n",
        },
    )
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    words = next(line for line in done.stdout.splitlines() if "libm" in line).split(":")
    assert (len(words), words[1]) == (2, str(library))
    assert observed(workflow) == (1, 1)
    libraries = {path for one in workflow.graph.execs if one.step == 0 for path in one.libraries}
    assert bytes(library) in libraries or bytes(library.resolve()) in libraries


def test_a_killed_nextflow_leaves_what_it_told(around: dict[str, str], tmp_path: Path) -> None:
    directory = write(
        tmp_path / "w",
        {
            "main.nf": "process WAIT {\n    output:\n    path 'out.txt'\n\n"
            "    script:\n    'echo begun > out.txt; sleep 5'\n}\n\nworkflow { WAIT() }\n"
        },
    )
    began = subprocess.Popen(
        ["probe", "nextflow", "run", "main.nf"], cwd=directory, env=environment(**around),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(directory.glob("work/*/*/out.txt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    (told,) = Path(os.environ["PROBE_SPOOL"]).glob("runs/*/declarations/nextflow/*.jsonl")
    os.kill(int(told.stem), signal.SIGKILL)
    assert began.wait(30) == -signal.SIGKILL
    workflow = newest()
    assert any("did not tell how the workflow ended" in gap.detail for gap in workflow.graph.gaps)
    step = task(workflow, "WAIT")
    assert any(path.endswith("/out.txt") for path in workflow.touched(step, WRITES))
