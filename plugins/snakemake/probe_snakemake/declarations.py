"""Read what the executor left in a run's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared, declared_lines, together
from probe_core.model import Declaration
from probe_snakemake import FOLDER

# What stands in fields of the declaration; all else a line tells is a fact.
_FIELDS = frozenset(
    (
        "note",
        "key",
        "outer",
        "rule",
        "name",
        "attempt",
        "inputs",
        "outputs",
        "logs",
        "started",
        "ended",
        "status",
    )
) | {"directory"}


@dataclass
class _Reading:
    starts: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)


def declared(run_folder: Path) -> Declared | None:
    """Give the jobs of all Snakemakes of a run; None when none declared anything."""
    folder = run_folder / "declarations" / FOLDER
    if not folder.is_dir():
        return None
    reading = _Reading()
    for file in sorted(folder.glob("*.jsonl")):
        _read(file, reading)
    steps: list[Declaration] = []
    executed = {_job(one) for one in reading.starts.values()}
    followed = {key: one for key, one in reading.states.items() if _job(one) not in executed}
    for key, start in (reading.starts | followed).items():
        try:
            steps.append(_declaration(start, reading.ends.get(key, {}), reading.settled))
        except (KeyError, TypeError, ValueError, AttributeError):
            reading.gaps.append(f"the declaration of step {key} cannot be understood")
    return Declared(tuple(steps), reading.facts, tuple(reading.gaps))


def _read(file: Path, reading: _Reading) -> None:
    who = f"Snakemake process {file.stem}"
    lines, gaps = declared_lines(file, who)
    reading.gaps += gaps
    for line in lines:
        match line:
            case {"note": "run", "facts": dict(facts)}:
                reading.facts = together((reading.facts, facts))
            case {"note": "unseen", "what": str(what)}:
                reading.gaps += [what] if what not in reading.gaps else []
            case {"note": "settled", "outputs": list(outputs), "at": int(at)}:
                reading.settled |= dict.fromkeys(map(str, outputs), at)
            case {"note": "start", "key": str(key)}:
                reading.starts[key] = line
            case {"note": "state", "key": str(key)}:
                reading.states[key] = line
            case {"note": "end", "key": str(key)}:
                reading.ends[key] = line
            case _:
                reading.gaps.append(f"a line that {who} wrote cannot be understood")


def _job(start: dict[str, Any]) -> str:
    """Tell which job a line is about, whoever wrote it: the executor or the logger."""
    return json.dumps([start.get(name) for name in ("rule", "name", "outputs")], default=str)


def _declaration(start: dict[str, Any], end: dict[str, Any], settled: dict[str, int]) -> Declaration:
    facts = {name: value for name, value in start.items() if name not in _FIELDS and value is not None}
    if digests := end.get("digests"):
        facts["digests"] = digests
    if times := [settled[name] for name in start.get("outputs", ()) if name in settled]:
        facts["settled"] = max(times)
    outer = start.get("outer")
    return Declaration(
        key=os.fsencode(start["key"]),
        engine="snakemake",
        rule=start["rule"],
        name=start["name"],
        attempt=start.get("attempt", 1),
        inputs=_paths(start.get("inputs", ())),
        outputs=_paths(start.get("outputs", ())),
        logs=_paths(start.get("logs", ())),
        started=start.get("started"),
        ended=end.get("ended"),
        status=end.get("status"),
        directory=os.fsencode(start["directory"]),
        outer=os.fsencode(outer) if outer else None,
        facts=facts,
    )


def _paths(names: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(name) for name in names)
