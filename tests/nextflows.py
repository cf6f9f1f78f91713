"""The Nextflow that tests run, and what can be compared of two runs of one pipeline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Needs, absent
from workflows import Workflow, run

ROOT = Path(__file__).parent.parent
PLACE = Path(__file__).parent / "engines" / "nextflow"
PIPELINES = PLACE / "pipelines"
VERSION = "25.04.4"  # the newest that Maven Central has in all its parts
# Of these it has the main part, which runs with the others of 25.04.4: the oldest that has the plugin's
# interface, and the newest.
IN_PART = ("25.04.0", "25.05.0-edge")
NUMBERED = re.compile(r"^(### name: .*) \(\d+\)'$", re.M)  # in the order in which the tasks before ended
WORK = re.compile(r"\b[0-9a-f]{2}/[0-9a-f]{30}\b")
SHORT = re.compile(r"\b[0-9a-f]{2}/[0-9a-f]{6}\b")
# A tip is drawn by lot; the warning depends on who is interrupted first.
CHANCE = re.compile(r"Tip: |WARN: Got an interrupted exception")
OURS = re.compile(
    r"^( *# beforeScript directive\n(?= *export PROBE_))?( *export (LD_PRELOAD|PROBE_RUN|PROBE_STEP)=.*\n)",
    re.M,
)


def fetched(needs: Needs, version: str = VERSION) -> Path:
    """Give the nextflow to test with: the user's own (``NEXTFLOW=/path``), else one from Maven Central."""
    own = os.environ.get("NEXTFLOW")
    if own and version == VERSION:
        return Path(needs(own))
    needs("java", package="default-jdk-headless")
    cache = ROOT / ".cache" / f"nextflow-{version}"
    if not (cache / "nextflow.jsa").exists():
        maven = needs("mvn", package="maven", why="it fetches Nextflow")
        parts = VERSION if version in IN_PART else version
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={cache / 'lib'}"]
        goal += [f"-Dnextflow={version}", f"-Dparts={parts}"]
        subprocess.run([maven, "-B", "-q", "-f", PLACE / "pom.xml", *goal], check=True, timeout=300)
        _share_classes(_launcher(cache, version))
    return _launcher(cache, version)


def _launcher(cache: Path, version: str) -> Path:
    path = cache / "nextflow"
    text = (PLACE / "nextflow").read_text().replace("VERSION", version)
    if not path.exists() or path.read_text() != text:  # another session may be recording it
        path.write_text(text)
        path.chmod(0o755)
    return path


def _share_classes(launcher: Path) -> None:
    """Have Java keep the classes of a first run as it needs them: later starts take half the time."""
    place, archive = launcher.parent / "first", launcher.parent / "aside.jsa"
    shutil.copytree(PIPELINES / "tuples", place, dirs_exist_ok=True)
    options = f"-XX:ArchiveClassesAtExit={archive} -Xlog:disable"
    more = {"JAVA_TOOL_OPTIONS": options, "NXF_HOME": str(place / "home")}
    subprocess.run(
        [launcher, "-q", "run", "main.nf"], cwd=place, env=os.environ | more, check=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    archive.rename(archive.with_name("nextflow.jsa"))
    shutil.rmtree(place)


def plugin_is_built() -> None:
    """Skip where this installation lacks nf-probe."""
    from probe_nextflow.installation import JAR

    if not JAR.exists():
        absent("nf-probe was not built: sudo apt-get install maven default-jdk-headless, and make build")


def pipeline(name: str, to: Path) -> Path:
    """Copy one of the small pipelines."""
    return Path(shutil.copytree(PIPELINES / name, to))


@dataclass(frozen=True)
class Seen:
    """What can be seen of a run from outside, without what is never the same twice."""

    status: int
    console: Counter[str]
    errors: str
    files: dict[str, str]
    tasks: Counter[tuple[str, ...]]


def assert_same(one: Seen, other: Seen) -> None:
    """Say of the first thing that differs how it does."""
    assert (one.status, one.console, one.errors) == (other.status, other.console, other.errors)
    assert one.files == other.files
    assert list(one.tasks - other.tasks) == list(other.tasks - one.tasks) == []


def seen(directory: Path, done: subprocess.CompletedProcess[str]) -> Seen:
    """Look at a run's exit status, console, files, and its tasks' own files."""
    tasks = [file.parent for file in sorted((directory / "work").rglob(".command.sh"))]
    return Seen(
        done.returncode,
        Counter(_plain(line, directory) for line in done.stdout.splitlines() if not CHANCE.match(line)),
        _plain(done.stderr, directory),
        {
            str(path.relative_to(directory)): _content(path, directory)
            for path in sorted(directory.rglob("*"))
            if path.relative_to(directory).parts[0] not in ("work", ".nextflow", ".nextflow.log")
            and not path.is_dir()
        },
        Counter(_task(task, directory) for task in tasks),
    )


def _task(task: Path, directory: Path) -> tuple[str, ...]:
    return tuple(
        f"{path.relative_to(task)}: {_content(path, directory)}"
        for path in sorted(task.rglob("*"))
        if not path.is_dir() or path.is_symlink()
    )


def _content(path: Path, directory: Path) -> str:
    if path.name == ".command.trace":  # times and sizes
        return ""
    if path.is_symlink():
        return "-> " + _plain(str(path.readlink()), directory)
    text = path.read_text(errors="surrogateescape")
    if path.name == ".command.run":  # three exports are ours, and the blank line behind them
        text = re.sub(r"\n *(?=\n)", "", OURS.sub("", text))
        text = NUMBERED.sub(r"\1", text)
    if path.name == "index.csv":  # in the order in which tasks ended
        text = "".join(sorted(text.splitlines(keepends=True)))
    return _plain(text, directory)


def _plain(text: str, directory: Path) -> str:
    text = text.replace(str(directory), "DIRECTORY")
    text = re.sub(r"\[\w+_\w+\] DSL2", "[NAME] DSL2", text)
    text = re.sub(r"nxf\.\w{10}", "nxf.X", text)
    return SHORT.sub("TASK", WORK.sub("TASK", text))


def observed(workflow: Workflow) -> tuple[int, int]:
    """Count the tasks of which the script was seen running, and those that ran one."""
    ran, saw = 0, 0
    for step in workflow.graph.steps:
        if step.declaration is None or not step.declaration.facts.get("runs_command", True):
            continue
        ran += 1
        arguments = [one.arguments for one in workflow.graph.execs if one.step == step.number]
        saw += any(word.endswith(b"/.command.sh") for words in arguments for word in words)
    return saw, ran


@pytest.fixture(scope="session")
def home(needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Nextflow's own folder for this session; needs the plugin."""
    plugin_is_built()
    return tmp_path_factory.mktemp("nextflow-home")


def start(
    program: Path, home: Path, directory: Path, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a pipeline as a user would, without PROBE."""
    return run([str(program), *words], directory, NXF_HOME=str(home), NXF_ANSI_LOG="false", **more)
