"""Run a workflow under `probe`, and look at what its steps did, for the tests of the engines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from probe_core.ask.question import Question
from probe_core.history import open_history
from probe_core.model import Act, RunGraph, RunState, Step

SCRIPTS = Path(sys.executable).parent
EXAMPLES = Path(__file__).parent.parent / "examples"
SERVICES = Path(__file__).parent / "services"
PATIENCE = 20  # seconds for a run to be taken in by another process

READS = frozenset({Act.READ, Act.INHERITED_READ})
WRITES = frozenset({Act.WRITE, Act.INHERITED_WRITE})
RUNS = frozenset({Act.EXECUTE})


def environment(**more: str) -> dict[str, str]:
    """The test's environment with this installation's programs first, and nothing of an outer recording."""
    outer = (
        "PROBE_RUN",
        "PROBE_STEP",
        "PROBE_MAKE",
        "LD_PRELOAD",
        "GNUMAKEFLAGS",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
    )
    kept = {name: value for name, value in os.environ.items() if name not in outer}
    return kept | {"PATH": f"{SCRIPTS}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"} | more


def run(command: Sequence[str], directory: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, its output kept."""
    return subprocess.run(
        command, cwd=directory, env=environment(**more), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, errors="surrogateescape", check=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Workflow:
    """What is known of a recorded workflow, by the names of its steps."""

    graph: RunGraph

    @cached_property
    def question(self) -> Question:
        """The run as the commands ask it."""
        from probe_core.plugins import engines

        return Question(self.graph, engines())

    @property
    def names(self) -> list[str]:
        """The steps' names, attempts marked, in no order that counts."""
        return sorted(
            step.name + (f" #{step.attempt}" if step.attempt > 1 else "") for step in self.graph.steps
        )

    def step(self, name: str) -> Step:
        """The one step of that name."""
        (found,) = [step for step in self.graph.steps if step.name == name]
        return found

    def around(self, step: Step) -> list[str]:
        """The names of the steps around one, the innermost first."""
        return [self.graph.steps[number].name for number in self.question.around(step.number)[1:]]

    def touched(self, step: Step | None, acts: frozenset[Act]) -> set[str]:
        """Paths that the step's own programs touched so; relative when in the run's directory."""
        table = self.graph.accesses
        rows = self.question.rows_by_step.get(None if step is None else step.number, ())
        found = set()
        for row in rows:
            if table.act[row] in acts and not table.error[row]:
                found.add(self.relative(self.graph.versions[table.version[row]].path))
        return found

    def relative(self, path: bytes) -> str:
        """A path as seen from the run's directory."""
        return os.fsdecode(path.removeprefix(self.graph.run.directory + b"/"))

    def reads(self, name: str) -> set[str]:
        """What a step read."""
        return self.touched(self.step(name), READS)

    def writes(self, name: str) -> set[str]:
        """What a step wrote."""
        return self.touched(self.step(name), WRITES)

    def programs(self, name: str) -> set[str]:
        """The base names of the programs that a step executed."""
        number = self.step(name).number
        return {os.fsdecode(one.program).rpartition("/")[2] for one in self.graph.execs if one.step == number}


def newest(engine: str | None = None) -> Workflow:
    """The newest run of the history, waited for until it is taken in; of this engine, if one is named."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            [SCRIPTS / "probe", "runs", "--json"], env=environment(), capture_output=True, check=False
        )
        with open_history() as history:
            for summary in history.runs():
                if summary.state != RunState.OPEN and engine in (None, summary.engine):
                    return Workflow(history.graph(summary.id))
        if time.monotonic() > deadline:
            raise AssertionError(f"no run was taken in: {done.stderr.decode()}")
        time.sleep(0.1)


def record(
    command: Sequence[str], directory: Path, **more: str
) -> tuple[Workflow, subprocess.CompletedProcess[str]]:
    """Run ``probe COMMAND…`` and give the workflow and how the command ended."""
    done = run(["probe", *command], directory, **more)
    return newest(), done


def example(name: str, to: Path) -> Path:
    """Copy an example workflow, without what someone may have left in it."""
    left = shutil.ignore_patterns("results", "reference", "aligned", "logs", ".snakemake", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / name, to, ignore=left))


def contents(directory: Path) -> dict[str, bytes]:
    """All files below a directory with their contents; Snakemake's own folder left out."""
    return dict(_contents(directory))


def _contents(directory: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_file() and not name.startswith((".snakemake", "logs")):
            yield name, path.read_bytes()


def write(directory: Path, files: Mapping[str, str]) -> Path:
    """Write some files, folders made as needed."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory
