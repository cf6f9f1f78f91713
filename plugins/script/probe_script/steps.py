"""The steps of a script: what its shell started, in order; a pipeline is one step."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probe_core.ask.wording import command_of
from probe_core.hooks import Declared, Seen
from probe_core.model import Declaration
from probe_script.plugin import SHELLS

NAME = 100  # letters of a command that stand in a step's name


def declared(left: Path) -> Declared | None:
    """Give what is known of the script that ``left`` names; None where no script was recorded."""
    try:
        script = json.loads(left.read_text())["script"]
    except FileNotFoundError:
        return None
    try:
        digest: str | None = "sha256:" + hashlib.sha256(Path(script).read_bytes()).hexdigest()
    except OSError:
        digest = None
    facts = {"engine": "script", "workflow_files": [{"path": script, "digest": digest}]}
    return Declared(facts=facts, find=lambda seen: _found(seen, script))


@dataclass(slots=True)
class _Command:
    """A command of the script, or a pipeline of several: the processes that the shell started for it."""

    processes: list[Seen]
    pipes: set[int] = field(default_factory=set)


def _found(seen: Sequence[Seen], script: str) -> Iterator[tuple[int, Declaration]]:
    ran = [one for one in seen if one.parent is None and one.programs]
    if not ran:
        return
    shell = min(ran, key=lambda one: one.started)
    children = _children(seen)
    for number, command in enumerate(_commands(shell, children), 1):
        declaration = _declaration(number, command, shell, children, script)
        for process in command.processes:
            yield process.number, declaration


def _children(seen: Sequence[Seen]) -> dict[int, list[Seen]]:
    children: dict[int, list[Seen]] = {}
    for one in sorted(seen, key=lambda one: (one.started, one.number)):
        if one.parent is not None:
            children.setdefault(one.parent, []).append(one)
    return children


def _commands(shell: Seen, children: dict[int, list[Seen]]) -> list[_Command]:
    """Put together what pipes join, those left aside that the shell itself was born with."""
    commands: list[_Command] = []
    for one in children.get(shell.number, ()):
        if not one.programs and one.number not in children:
            continue  # the shell's own work in a copy of itself
        pipes = _pipes(one, children) - shell.pipes
        joined = next((command for command in commands if command.pipes & pipes), None)
        if joined is None:
            joined = _Command([])
            commands.append(joined)
        joined.processes.append(one)
        joined.pipes |= pipes
    return commands


def _pipes(one: Seen, children: dict[int, list[Seen]]) -> set[int]:
    """Give the pipes of a process; of a copy of the shell those that it handed on."""
    if one.programs:
        return set(one.pipes)
    return set(one.pipes).union(*(_pipes(child, children) for child in children.get(one.number, ())))


def _declaration(
    number: int, command: _Command, shell: Seen, children: dict[int, list[Seen]], script: str
) -> Declaration:
    told = [_told(one, children) for one in command.processes]
    directory = next((one.directory for one in command.processes if one.directory), shell.directory)
    return Declaration(
        key=b"script:%d" % number,
        engine="script",
        rule=" | ".join(rule for rule, _ in told)[:NAME],
        name=" | ".join(name for _, name in told)[:NAME],
        directory=directory,
        facts={"script": script, "phony": True},  # a script declares no files: nothing to judge
    )


def _told(one: Seen, children: dict[int, list[Seen]]) -> tuple[str, str]:
    """Give what a process runs in short, and with its arguments."""
    if not one.programs:
        inner = [_told(child, children) for child in children.get(one.number, ())]
        return tuple("(" + "; ".join(dict.fromkeys(texts)) + ")" for texts in zip(*inner, strict=True))  # type: ignore[return-value]
    path, arguments = one.programs[0]
    words = arguments or (path,)
    rule = words[0]
    if len(words) > 1 and rule.rpartition(b"/")[2] in SHELLS and not words[1].startswith((b"-", b"+")):
        rule = words[1]  # a script below, whose first line names the shell
    return os.fsdecode(rule.rpartition(b"/")[2]), command_of(words, NAME)
