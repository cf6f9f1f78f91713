"""Ninja's steps: the shells that it started, each with the build statement whose command it ran.

Found is every ninja that builds, also below cmake, meson or a script: its own arguments and directory tell
which build it is asked for.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared, Seen
from probe_core.model import Declaration
from probe_ninja.build import PHONY, Asked, Edge, called, edges, remembered
from probe_ninja.names import COMMANDS

NINJAS = frozenset(map(os.fsencode, COMMANDS))
NOT_FOUND = "the command of no build statement: the build file changed while ninja ran"


@dataclass(frozen=True)
class Build:
    """A ninja that was recorded: how it was called, and what it says of its build."""

    asked: Asked
    edges: list[Edge]
    note: str = NOT_FOUND  # of commands whose statement is not known
    name: str = "ninja"  # among others in the run

    def described(self) -> dict[str, Any]:
        """Give the build file with its digest."""
        place = Path(self.asked.directory, self.asked.build_file)
        try:
            digest = hashlib.sha256(place.read_bytes()).hexdigest()
        except OSError:
            return {"path": str(place), "digest": None}
        return {"path": str(place), "digest": f"sha256:{digest}"}


def declared(run_folder: Path) -> Declared | None:
    """Give what ninja says of its build, where it was in front, and how to find the steps of all ninjas."""
    asked = remembered(run_folder)
    if asked is None:
        return None
    build = Build(asked, [])
    facts = {"engine": "ninja", "workflow_files": [build.described()]}
    try:
        build = Build(asked, edges(asked))
        facts["version"] = asked.version()
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        return Declared(facts=facts, gaps=(_not_told(error),))
    facts["without_steps"] = [
        {
            "output": os.path.join(asked.directory, edge.outputs[0]),  # noqa: PTH118
            "inputs": _absolute_names(asked, edge.inputs),
            "order_only": _absolute_names(asked, edge.order_only),
        }
        for edge in build.edges
        if edge.rule == PHONY
    ]
    return Declared(facts=facts, find=lambda seen: found(seen, build), programs=NINJAS)


def _not_told(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    return f"ninja cannot be asked for its build: {said.strip()}"


def found(seen: Sequence[Seen], front: Build | None) -> Iterator[tuple[int, Declaration]]:
    """Give the steps of each ninja; ``front`` is the build of the one that the recorded command was."""
    by_number = {one.number: one for one in seen}
    children: dict[int, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: (one.started, one.number)):
        if one.parent is not None and one.programs:
            children.setdefault(one.parent, []).append(one)
    for ninja in sorted(seen, key=lambda one: (one.started, one.number)):
        asked = _asked(ninja, by_number)
        if asked is None or ninja.number not in children:
            continue
        # In front it is the first one; others run inside its steps.
        build, front = (_build(asked, ninja), None) if front is None else (front, None)
        yield from _steps(children[ninja.number], build)


def _asked(one: Seen, by_number: Mapping[int, Seen]) -> Asked | None:
    """Give what a process was asked to build; None where it is no ninja, or builds nothing."""
    programs = [(path, words) for path, words in one.programs if path.rpartition(b"/")[2] in NINJAS]
    if not programs:
        return None
    path, words = programs[-1]
    while not one.directory and one.parent is not None and one.parent in by_number:
        one = by_number[one.parent]
    return called(os.fsdecode(path), words, Path(os.fsdecode(one.directory or b"/")))


def _build(asked: Asked, ninja: Seen) -> Build:
    """Ask a ninja below another program; what is phony stands for what is behind it."""
    name = f"ninja {ninja.pid}"
    try:
        known = edges(asked)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        return Build(asked, [], _not_told(error), name)
    groups = {name: edge for edge in known if edge.rule == PHONY for name in edge.outputs}
    for edge in known:
        edge.inputs, more = _behind(edge.inputs, groups)
        edge.order_only = [*_behind(edge.order_only, groups)[0], *more]
    return Build(asked, known, name=name)


def _behind(names: Sequence[str], groups: Mapping[str, Edge]) -> tuple[list[str], list[str]]:
    """Give the names that are made or there, and what only comes before them, for names of groups."""
    usual: dict[str, None] = {}
    first: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(reversed(names))
    while waiting:
        name = waiting.pop()
        group = groups.get(name)
        if group is None:
            usual[name] = None
        elif name not in seen:
            seen.add(name)
            waiting += reversed(group.inputs)
            first |= dict.fromkeys(one for one in group.order_only if one not in groups)
    return list(usual), list(first)


def _steps(shells: Sequence[Seen], build: Build) -> Iterator[tuple[int, Declaration]]:
    """Match commands, those that ran twice in the order of the build's statements."""
    waiting: dict[str, list[Edge]] = {}
    for edge in build.edges:
        if edge.command and edge.rule != PHONY:
            waiting.setdefault(edge.command, []).append(edge)
    number = 0
    for one in shells:
        match one.programs[0][1]:
            case [_, b"-c", command]:
                number += 1
                fitting = waiting.get(os.fsdecode(command)) or _beginning(waiting, os.fsdecode(command))
                yield one.number, _declaration(number, fitting.pop(0) if fitting else None, build)


def _beginning(waiting: dict[str, list[Edge]], command: str) -> list[Edge]:
    """Give the edges of the one command that begins so: the recorder keeps long arguments in part."""
    found = [edges for text, edges in waiting.items() if edges and text.startswith(command)]
    return found[0] if len(found) == 1 and len(command) > 1000 else []


def _declaration(number: int, edge: Edge | None, build: Build) -> Declaration:
    asked = build.asked
    directory = os.fsencode(os.path.normpath(asked.directory))
    key = os.fsencode(f"{build.name}:{number}".replace(" ", ":"))
    facts: dict[str, Any] = {
        "scheduler": build.name,
        "chains_rebuild": True,
        "build_file": asked.build_file,
        "workflow_files": [str(Path(asked.directory, asked.build_file))],
    }
    if edge is None:
        return Declaration(
            key, "ninja", "unknown", "unknown", directory=directory,
            facts=facts | {"note": build.note, "phony": True},
        )  # fmt: skip
    return Declaration(
        key=key,
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
