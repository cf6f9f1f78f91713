"""Run one workflow by `--executor local` and by `--executor probe`, and compare all that Snakemake leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows import contents, run, write

ROOT = Path(__file__).parent.parent
CWLTOOL = ROOT / ".cache" / "cwltool"
VOLATILE = ("starttime", "endtime", "job_hash")  # job_hash is Python's hash of an object
_VARYING = re.compile(
    r"\[\w{3} \w{3} +\d+ .*?\]|Elapsed time.*|[0-9a-f-]{36}|--executor \w+|Date: .*|T\d{6}\.\d+"
    r"|/tmp/tmp\w+|tmp\w{8}|Waiting at most \d+ seconds for missing files:\n.*\n"  # as a service is quick
)
_ORDER = re.compile(r"\d+ of \d+ steps|Select jobs|Execute \d+ jobs|reason:|/log/")


@dataclass(frozen=True)
class Side:
    """What one executor left of a workflow."""

    directory: Path
    done: subprocess.CompletedProcess[str]

    @property
    def output(self) -> str:
        """What it wrote on its standard output, its own directory called HERE."""
        return self.done.stdout.replace(str(self.directory), "HERE")

    @property
    def log(self) -> list[str]:
        """Snakemake's log without what differs from run to run, and without an order that jobs lack."""
        text = _VARYING.sub("", self.done.stderr.replace(str(self.directory), "HERE"))
        return sorted(line for line in text.splitlines() if line.strip() and not _ORDER.search(line))

    @property
    def metadata(self) -> dict[str, dict[str, Any]]:
        """What Snakemake keeps of each output, but for times."""
        found = {}
        for file in (self.directory / ".snakemake" / "metadata").glob("*"):
            known = json.loads(file.read_text())
            found[file.name] = {name: value for name, value in known.items() if name not in VOLATILE}
        return found

    @property
    def benchmarks(self) -> dict[str, tuple[list[str], int]]:
        """By benchmark file its columns and how many lines of values it has."""
        found = {}
        for file in self.directory.glob("benchmarks/*"):
            lines = file.read_text().splitlines()
            if file.suffix == ".jsonl":
                found[file.name] = (sorted({name for line in lines for name in json.loads(line)}), len(lines))
            else:
                found[file.name] = (lines[0].split("\t"), len(lines) - 1)
        return found

    @property
    def logs(self) -> dict[str, str]:
        """The jobs' own log files; those of notebooks hold times and are told by name alone."""
        files = {file.name: file for file in self.directory.glob("logs/*")}
        return {name: "" if name.endswith(".ipynb") else file.read_text() for name, file in files.items()}


@dataclass(frozen=True)
class Pair:
    """The same workflow by both executors."""

    local: Side
    probe: Side
    words: tuple[str, ...]
    variables: Mapping[str, str]

    def assert_alike(self, *, log: bool = True) -> None:
        """Nothing that Snakemake gives back or leaves may differ."""
        assert self.probe.done.returncode == self.local.done.returncode, self.probe.done.stderr
        assert self.probe.output == self.local.output
        if log:
            assert self.probe.log == self.local.log
        assert contents_of(self.probe) == contents_of(self.local)
        assert self.probe.logs == self.local.logs
        assert self.probe.benchmarks == self.local.benchmarks
        assert self.probe.metadata == self.local.metadata

    def assert_nothing_left_to_do(self) -> None:
        """To either executor what the other did is up to date: no rerun trigger fires."""
        for side, executor in ((self.local, "probe"), (self.probe, "local")):
            words = [*self.words, "--executor", executor]
            done = run(words, side.directory, **self.variables)
            assert done.returncode == 0, done.stderr
            assert "Nothing to be done" in done.stdout + done.stderr, done.stderr


def contents_of(side: Side) -> dict[str, bytes]:
    """The files that a workflow left, but for measurements."""
    return {
        name: text for name, text in contents(side.directory).items() if not name.startswith("benchmarks/")
    }


def by_both(tmp_path: Path, files: Mapping[str, str], *words: str, **variables: str) -> Pair:
    """Run ``snakemake WORDS…`` on ``files`` by both executors, each in a fresh directory."""
    command = ["snakemake", "--scheduler", "greedy", *words]
    sides = []
    for executor in ("local", "probe"):
        directory = write(tmp_path / executor / "w", files)
        sides.append(Side(directory, run([*command, "--executor", executor], directory, **variables)))
    return Pair(*sides, words=tuple(command), variables=variables)


def cwltool() -> str:
    """Give the folder of cwltool, installed apart: it insists on an old version of what our tests use."""
    if found := shutil.which("cwltool"):
        return str(Path(found).parent)
    if not (CWLTOOL / "bin" / "cwltool").exists():
        subprocess.run([sys.executable, "-m", "venv", CWLTOOL], check=True)
        quiet = {"PIP_QUIET": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        subprocess.run(
            [CWLTOOL / "bin" / "pip", "install", "cwltool >= 3.1"], check=True, env=os.environ | quiet
        )
    return str(CWLTOOL / "bin")
