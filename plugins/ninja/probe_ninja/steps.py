"""Ninja's steps: the shells that it started, each with the build statement whose command it ran."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared, Seen
from probe_core.model import Declaration
from probe_ninja.build import PHONY, Asked, Edge, edges, remembered

NOT_FOUND = "the command of no build statement: the build file changed while ninja ran"
NINJAS = frozenset({b"ninja", b"ninja-build", b"samu"})


def declared(run_folder: Path) -> Declared | None:
    """Give what ninja says of its build; None where no ninja was recorded."""
    asked = remembered(run_folder)
    if asked is None:
        return None
    facts = {"engine": "ninja", "workflow_files": [_described(asked)]}
    try:
        known = edges(asked)
        facts["version"] = subprocess.run(
            [asked.program, "--version"], capture_output=True, check=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Declared(facts=facts, gaps=(f"ninja cannot be asked for its build: {said.strip()}",))
    facts["without_steps"] = [
        {
            "output": os.path.join(asked.directory, edge.outputs[0]),  # noqa: PTH118
            "inputs": _absolute_names(asked, edge.inputs),
            "order_only": _absolute_names(asked, edge.order_only),
        }
        for edge in known
        if edge.rule == PHONY
    ]
    return Declared(facts=facts, find=lambda seen: _found(seen, asked, known))


def _described(asked: Asked) -> dict[str, Any]:
    place = Path(asked.directory, asked.build_file)
    try:
        return {"path": str(place), "digest": "sha256:" + hashlib.sha256(place.read_bytes()).hexdigest()}
    except OSError:
        return {"path": str(place), "digest": None}


def _found(seen: Sequence[Seen], asked: Asked, known: list[Edge]) -> Iterator[tuple[int, Declaration]]:
    """Match commands, those that ran twice in the order of the build's statements."""
    waiting: dict[str, list[Edge]] = {}
    for edge in known:
        if edge.command:
            waiting.setdefault(edge.command, []).append(edge)
    ninjas = [one for one in seen if any(_name(path) in NINJAS for path, _ in one.programs)]
    if not ninjas:
        return
    ninja = min(ninjas, key=lambda one: one.started)  # others run inside its steps
    number = 0
    for one in sorted(seen, key=lambda one: (one.started, one.number)):
        if one.parent != ninja.number or not one.programs:
            continue
        match one.programs[0][1]:
            case [_, b"-c", command]:
                number += 1
                fitting = waiting.get(os.fsdecode(command)) or _beginning(waiting, os.fsdecode(command))
                yield one.number, _declaration(number, fitting.pop(0) if fitting else None, asked)


def _name(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def _beginning(waiting: dict[str, list[Edge]], command: str) -> list[Edge]:
    """Give the edges of the one command that begins so: the recorder keeps long arguments in part."""
    found = [edges for text, edges in waiting.items() if edges and text.startswith(command)]
    return found[0] if len(found) == 1 and len(command) > 1000 else []


def _declaration(number: int, edge: Edge | None, asked: Asked) -> Declaration:
    directory = os.fsencode(os.path.normpath(asked.directory))
    facts: dict[str, Any] = {"scheduler": "ninja", "chains_rebuild": True, "build_file": asked.build_file}
    if edge is None:
        return Declaration(
            b"ninja:%d" % number, "ninja", "unknown", "unknown", directory=directory,
            facts=facts | {"note": NOT_FOUND, "phony": True},
        )  # fmt: skip
    return Declaration(
        key=b"ninja:%d" % number,
        engine="ninja",
        rule=edge.rule,
        name=edge.outputs[0],
        inputs=_absolute(asked, edge.inputs),
        outputs=_absolute(asked, edge.outputs),
        order_only=_absolute(asked, edge.order_only),
        directory=directory,
        facts=facts | {"rule": edge.rule},
    )


def _absolute_names(asked: Asked, names: Sequence[str]) -> list[str]:
    return [os.fsdecode(path) for path in _absolute(asked, names)]


def _absolute(asked: Asked, names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(os.path.normpath(os.path.join(asked.directory, name))) for name in names)  # noqa: PTH118
