"""What PROBE needs to know of toyflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared, Engine, Finding, Preparation, hook
from probe_core.model import Declaration, Step


class Toyflow:
    """The engine: recorded as it is, told of by its own log."""

    name = "toyflow"
    commands: tuple[str, ...] = ("toyflow",)

    def surroundings(self, run_folder: Path, environment: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """Have the log written into the run's folder, and each step's key put where PROBE looks for it."""
        del environment
        log = run_folder / "declarations" / "toyflow.jsonl"
        return {b"TOYFLOW_LOG": os.fsencode(log), b"TOYFLOW_TAG": b"PROBE_STEP"}

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Run it as it was typed."""
        return Preparation(tuple(command), self.surroundings(run_folder, environment))

    def declared(self, run_folder: Path) -> Declared | None:
        """Read the log."""
        log = run_folder / "declarations" / "toyflow.jsonl"
        if not log.exists():
            return None
        steps = [json.loads(line) for line in log.read_text().splitlines()]
        flows = sorted({step["flow"] for step in steps})
        return Declared([declaration(step) for step in steps], {"workflow_files": flows})

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """Say which line of the flow to change."""
        if step is None or step.declaration is None or finding.path is None:
            return None
        side = "before" if finding.lint == "undeclared-input" else "behind"
        facts = step.declaration.facts
        name = os.path.relpath(os.fsdecode(finding.path), os.fsdecode(step.declaration.directory or b"/"))
        return f"write {name} {side} the -> in {Path(facts['flow']).name}:{facts['line']}"


def declaration(step: Mapping[str, Any]) -> Declaration:
    """Give one logged step as PROBE has it."""
    base = Path(step["directory"])
    return Declaration(
        key=f"toyflow:{step['tag']}".encode(),
        engine="toyflow",
        rule=step["name"],
        name=step["name"],
        inputs=tuple(os.fsencode(base / name) for name in step["inputs"]),
        outputs=tuple(os.fsencode(base / name) for name in step["outputs"]),
        started=step["started"],
        ended=step["ended"],
        status=step["status"],
        directory=os.fsencode(base),
        facts={"flow": step["flow"], "line": step["line"]},
    )


@hook
def probe_engine() -> Engine:
    """Give toyflow."""
    return Toyflow()
