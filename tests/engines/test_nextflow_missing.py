"""Where something is missing for recording Nextflow: the pipeline runs as it would, and a gap says what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nextflows
from conftest import Needs, absent
from nextflows import assert_same, observed, pipeline, seen, start
from probe_core.model import GapReason, RunState
from probe_nextflow.installation import install
from workflows import Workflow, environment, newest, record, run, write

OLDER = "24.10.0"


@pytest.fixture
def around(nextflow: Path, home: Path) -> dict[str, str]:
    """The variables of a recorded Nextflow."""
    return {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}


def isolated(command: str) -> list[str]:
    """Run a shell text where what it mounts is seen by itself alone; skip where that is not allowed."""
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
    if subprocess.run([*words, "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode:
        absent("mounting in a namespace of its own is not allowed here: run the tests as root")
    return [*words, command]


def assert_tasks_are_told_apart(workflow: Workflow, directory: Path, reason: str) -> None:
    """Each task's programs carry its name, and one gap says why no more is known."""
    tasks = {f"nextflow:{work.parent.name}/{work.name}" for work in (directory / "work").glob("??/*")}
    assert {step.name for step in workflow.graph.steps} == tasks != set()
    (gap,) = workflow.graph.gaps
    assert reason in gap.detail


def test_without_java(around: dict[str, str], tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    directory = pipeline("hello", tmp_path / "w")
    path = f"{Path(sys.executable).parent}:{tools}"
    plain = run([around["NEXTFLOW"], "run", "main.nf"], directory, **around, PATH=path)
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around, PATH=path)
    assert plain.returncode != 0
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert "java" in done.stderr
    assert workflow.graph.run.state is RunState.FAILED


def test_a_plugins_folder_that_cannot_be_written(around: dict[str, str], tmp_path: Path) -> None:
    directory, home = pipeline("tuples", tmp_path / "w"), tmp_path / "home"
    (home / "plugins").mkdir(parents=True)
    words = f"mount -t tmpfs -o ro none {home}/plugins && exec probe nextflow run main.nf"
    done = run(isolated(words), directory, **around | {"NXF_HOME": str(home)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert_tasks_are_told_apart(newest("nextflow"), directory, "nf-probe cannot be installed in")


def test_an_installation_without_maven(around: dict[str, str], tmp_path: Path) -> None:
    """The same package without the jar, before the installed one on Python's path."""
    import probe_nextflow

    installed = Path(probe_nextflow.__file__).parent
    shutil.copytree(installed, tmp_path / "python" / "probe_nextflow", ignore=shutil.ignore_patterns("*.jar"))
    directory = pipeline("tuples", tmp_path / "w")
    more = around | {"PYTHONPATH": str(tmp_path / "python")}
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **more)
    assert (done.returncode, done.stderr) == (0, "")
    assert_tasks_are_told_apart(workflow, directory, "built without Maven")
    on_path = {"PATH": f"{Path(around['NEXTFLOW']).parent}:{environment()['PATH']}"}
    talks = {"JAVA_TOOL_OPTIONS": "-Xlog:gc"}  # on standard output, before Nextflow does
    said = run(["probe", "doctor"], directory, **more, **on_path, **talks).stdout
    assert "nf-probe is not installed" in said
    assert ", version 2" in next(line for line in said.splitlines() if "engine nextflow" in line)


QSUB = """#!/bin/sh
for script; do :; done
( cd "$(dirname "$script")" &&
  env -i PATH="$PATH" HOME="$HOME" unshare --mount --propagation private \\
    sh -c "mount -t tmpfs none $HIDDEN && exec bash $script" > .command.log 2>&1 ) &
echo $$
"""


def test_a_node_that_has_neither_recorder_nor_run(
    around: dict[str, str], nextflow: Path, home: Path, tmp_path: Path
) -> None:
    """A batch system in name only: its node clears the environment and does not mount the spool."""
    isolated("true")
    tools = write(tmp_path / "tools", {"qsub": QSUB, "qstat": "#!/bin/sh\n", "qdel": "#!/bin/sh\n"})
    for tool in tools.iterdir():
        tool.chmod(0o755)
    configuration = "process.executor = 'sge'\nexecutor.pollInterval = '1s'\n"
    more = {"PATH": f"{tools}:{environment()['PATH']}", "HIDDEN": os.environ["PROBE_SPOOL"]}
    plain, recorded = pipeline("hello", tmp_path / "plain" / "w"), pipeline("hello", tmp_path / "rec" / "w")
    for directory in (plain, recorded):
        (directory / "nextflow.config").write_text(configuration)
    Path(more["HIDDEN"]).mkdir(parents=True, exist_ok=True)
    done = start(nextflow, home, plain, "run", "main.nf", **more)
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **around, **more)
    assert done.returncode == told.returncode == 0, told.stdout + told.stderr
    assert_same(seen(recorded, told), seen(plain, done))
    assert observed(workflow)[0] == 0
    unseen = [gap for gap in workflow.graph.gaps if gap.reason is GapReason.NOT_OBSERVED]
    assert len(unseen) == observed(workflow)[1] == len(list(recorded.glob("work/??/*")))


def test_a_run_that_cannot_be_opened(nextflow: Path, tmp_path: Path) -> None:
    """The plugin alone, and PROBE gone since it was installed: the pipeline goes on, and one line says so."""
    directory, home = pipeline("hello", tmp_path / "w"), tmp_path / "home"
    variables = environment(NXF_HOME=str(home))
    install({os.fsencode(name): os.fsencode(value) for name, value in variables.items()})
    (note,) = home.glob("plugins/nf-probe-*/classes/probe.properties")
    note.write_text("launcher=/nowhere/probe-record\n")
    (directory / "nextflow.config").write_text("plugins { id 'nf-probe@0.1.0' }\n")
    done = start(nextflow, home, directory, "run", "main.nf")
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "probe: this run is not recorded" in line]
    assert "/nowhere/probe-record" in line


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("PROBE_PROVE"), reason="only in make prove: it fetches another Nextflow"
)
@pytest.mark.parametrize("name", ["tuples", "shebangs", "nf-core-shell", "retry"])
def test_an_older_nextflow(needs: Needs, around: dict[str, str], tmp_path: Path, name: str) -> None:
    older = nextflows.fetched(needs, OLDER)
    more = around | {"NEXTFLOW": str(older), "NXF_HOME": str(tmp_path / "home")}
    plain, recorded = pipeline(name, tmp_path / "plain" / "w"), pipeline(name, tmp_path / "recorded" / "w")
    done = start(older, tmp_path / "home", plain, "run", "main.nf")
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(seen(recorded, told), seen(plain, done))
    assert_tasks_are_told_apart(workflow, recorded, "Nextflow 24.10 is older than 25.04")
    ran = {step.number for step in workflow.graph.steps}
    scripts = [one for one in workflow.graph.execs if any(b"/.command.sh" in word for word in one.arguments)]
    assert {one.step for one in scripts} == ran
