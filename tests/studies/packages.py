"""Debian's source packages with handwritten Makefiles: fetched once, built with and without a recorder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from probe_core.ask.check import check  # noqa: E402
from probe_core.hooks import Finding  # noqa: E402
from workflows import Workflow, newest, run  # noqa: E402

PATIENCE = 300  # seconds for one build; the largest takes ten on an idle core

# Names of source packages, a line each. Those with a configure of their own run it first.
PACKAGES = Path(__file__).with_name("selection").read_text().split()


@dataclass(frozen=True)
class Fault:
    """One finding, without what differs from run to run; paths relative to the package's folder."""

    lint: str
    target: str
    path: str

    def __str__(self) -> str:
        return f"{self.lint} {self.target}: {self.path}"


@dataclass(frozen=True)
class Built:
    """A recorded build: how it ended, its steps, its findings."""

    place: Path
    status: int
    said: str
    workflow: Workflow | None = None
    findings: dict[Fault, Finding] = field(default_factory=dict)

    @property
    def is_one_make(self) -> bool:
        """Tell whether one make in the package's folder made all targets."""
        assert self.workflow is not None
        told = [step.declaration for step in self.workflow.graph.steps if step.declaration is not None]
        here = os.fsencode(self.place)
        return all(one.facts.get("level") == "0" and one.directory == here for one in told)

    def name(self, path: bytes) -> str:
        """Give a path relative to the package."""
        return os.path.relpath(os.fsdecode(path), self.place)

    def target(self, step: int) -> str:
        """Give a step's target as a path relative to the package."""
        assert self.workflow is not None
        told = self.workflow.graph.steps[step]
        base = os.fsdecode(told.declaration.directory or b"") if told.declaration else ""
        return os.path.relpath(os.path.join(base, told.rule), self.place)


def suite() -> ModuleType:
    """The script that fetches sources, as a module."""
    place = TESTS / "engines/upstream_make/run"
    loader = SourceFileLoader("upstream_make_run", str(place))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def fresh(package: str, place: Path) -> Path:
    """Lay an untouched copy of the package, configured where it has a script for that."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(suite().source(package), place, symlinks=True)
    if (place / "configure").exists():
        done = native(["sh", "./configure"], place)
        if done.returncode:
            raise RuntimeError(f"{package}: ./configure failed: {done.stderr[-300:]}")
    return place


def native(command: Sequence[str], place: Path) -> subprocess.CompletedProcess[str]:
    """Run a command without a recorder."""
    return run(["timeout", str(PATIENCE), *command], place)


def make(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Build a package without a recorder."""
    return native(["make", *(words or ("-j2",))], place)


def recorded(place: Path) -> Built:
    """Build a package recorded, one recipe at a time in make's own order, and lint the run."""
    done = run(["timeout", str(PATIENCE), "probe", "make"], place)
    if done.returncode:
        return Built(place, done.returncode, done.stderr)
    workflow = newest("make")
    built = Built(place, 0, done.stderr, workflow)
    for one in check(workflow.graph):
        if one.step is not None and one.path is not None:
            built.findings[Fault(one.lint, built.target(one.step), built.name(one.path))] = one
    return built
