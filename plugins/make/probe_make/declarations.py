"""Read what make and probe-sh left in a run's folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared
from probe_core.model import Declaration
from probe_make import shell_lines
from probe_make.makefile import absolute
from probe_make.rules import Rules, without_steps
from probe_make.surroundings import FIELD, FOLDER, LINE, MANY

OF_MAKE = 4  # fields of a line that are the same for all of a make's targets
OF_TARGET = 6
MOST_WORDS = 6  # a file name with more blanks than that is not put together again


@dataclass
class Reading:
    """What was found so far. Each line of a recipe declares its step anew, with the same words."""

    steps: dict[bytes, Declaration] = field(default_factory=dict)
    makefiles: set[bytes] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    rules: dict[tuple[bytes, bytes], Rules] = field(default_factory=dict)  # by directory and makefiles
    gaps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Make:
    """A make process, between two readings of its makefiles. Fields as make wrote them."""

    process: bytes
    level: bytes
    directory: bytes
    restarts: bytes  # how often it had read its makefiles anew
    version: bytes = b""
    makefiles: bytes = b""

    @property
    def name(self) -> str:
        """What tells it from others."""
        return os.fsdecode(b":".join((self.process, self.level, self.restarts, self.directory)))


@dataclass(frozen=True)
class Line:
    """A target that a make told."""

    make: Make
    target: bytes
    member: bytes
    prerequisites: bytes
    order_only: bytes
    stem: bytes
    first: bytes  # the first prerequisite: tells double-colon rules of one target apart

    @property
    def key(self) -> bytes:
        """The PROBE_STEP that the recipe's processes carry."""
        make = self.make
        member = b"(" + self.member + b")" if self.member else b""
        restarts = b"+" + make.restarts if make.restarts else b""
        first = b"<" + self.first if self.first else b""
        place = b":".join((b"make", make.process, make.level + restarts, make.directory, self.target))
        return place + member + first


def declared(run_folder: Path) -> Declared | None:
    """Give the steps of all makes of a run; None when no make ran."""
    folder = run_folder / "declarations"
    reading = Reading()
    _read_makes(folder / FOLDER, reading)
    for told in shell_lines.read(folder):
        if isinstance(told, str):
            reading.gaps.append(told)
        else:
            reading.steps[told.key] = told
    if not reading.steps and not reading.gaps:
        return None
    steps = tuple(reading.steps.values())
    facts: dict[str, Any] = {
        "engine": "make",
        "version": ", ".join(sorted(reading.versions)),
        "workflow_files": [_described(path) for path in sorted(reading.makefiles)],
        "without_steps": without_steps(reading.rules.values(), steps),
    }
    return Declared(steps, facts, tuple(reading.gaps))


def _read_makes(folder: Path, reading: Reading) -> None:
    lines: list[Line] = []
    if not folder.is_dir():
        return
    for file in sorted(folder.iterdir()):
        lines += _lines(file, reading.gaps)
    lines = list(dict.fromkeys(lines))
    names = Names(absolute(line.make.directory, line.target) for line in lines)
    for line in lines:
        rules = _rules(line.make, reading)
        step = _declaration(line, names, rules)
        before = reading.steps.get(step.key)
        reading.steps[step.key] = step if before is None else _both(before, step)
        reading.versions.add(os.fsdecode(line.make.version))


def _rules(make: Make, reading: Reading) -> Rules:
    known = (make.directory, make.makefiles)
    if known not in reading.rules:
        rules = reading.rules[known] = Rules(make.directory, dict.fromkeys(make.makefiles.split()))
        reading.makefiles.update(rules.makefiles)
    return reading.rules[known]


def _both(one: Declaration, other: Declaration) -> Declaration:
    """Put two declarations of one key together: double-colon rules that cannot be told apart."""
    return replace(
        one,
        inputs=tuple(dict.fromkeys((*one.inputs, *other.inputs))),
        outputs=tuple(dict.fromkeys((*one.outputs, *other.outputs))),
        order_only=tuple(dict.fromkeys((*one.order_only, *other.order_only))),
    )


def _lines(file: Path, gaps: list[str]) -> Iterator[Line]:
    try:
        *whole, rest = file.read_bytes().split(LINE)
    except OSError as error:
        gaps.append(f"what make process {file.name} declared cannot be read: {error.strerror}")
        return
    if rest:
        gaps.append(f"make process {file.name} ended while it declared a step")
    unknown = untold = 0
    makes: dict[tuple[bytes, ...], Make] = {}
    for text in whole:
        match text.split(FIELD):
            case [b"3", *fields] if len(fields) == OF_MAKE + 2:
                makes[tuple(fields[:OF_MAKE])] = Make(*fields)
            case [b"3", *fields] if len(fields) == OF_MAKE + OF_TARGET:
                of_make = tuple(fields[:OF_MAKE])
                told = [b"" if field == MANY else field for field in fields[OF_MAKE:]]
                untold += told != fields[OF_MAKE:]
                yield Line(makes.get(of_make) or Make(*of_make), *told)
            case _:
                unknown += 1
    if untold:
        gaps.append(f"of {untold} targets make {file.name}, older than 4.0, could not tell the prerequisites")
    if unknown:
        gaps.append(f"{unknown} lines that make process {file.name} wrote cannot be understood")


class Names:
    """Puts names with blanks together again: make writes a list of names as words."""

    def __init__(self, targets: Iterable[bytes]) -> None:
        self._known = dict.fromkeys(targets, True)

    def __contains__(self, path: bytes) -> bool:
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = os.path.lexists(path)
        return found

    def split(self, directory: bytes, text: bytes) -> tuple[bytes, ...]:
        """Give the absolute paths of the names in ``text``, which make's working directory counts for."""
        words = text.split()
        paths: list[bytes] = []
        at = 0
        while at < len(words):
            step = 1
            path = absolute(directory, words[at])
            if path not in self:
                for count in range(2, min(MOST_WORDS, len(words) - at) + 1):
                    joined = absolute(directory, b" ".join(words[at : at + count]))
                    if joined in self:
                        path, step = joined, count
                        break
            paths.append(path)
            at += step
        return tuple(paths)


def _declaration(line: Line, names: Names, rules: Rules) -> Declaration:
    target, directory = os.fsdecode(line.target), line.make.directory
    inputs = names.split(directory, line.prerequisites)
    written = rules.written(line.target, line.stem, inputs)
    facts: dict[str, Any] = {
        "target": target,
        "level": os.fsdecode(line.make.level),
        "make": os.fsdecode(line.make.process),
        "scheduler": line.make.name,
        "chains_rebuild": True,
        "makefiles": [os.fsdecode(path) for path in rules.makefiles],
    }
    if line.member:
        facts["member"] = os.fsdecode(line.member)
    if line.stem:
        facts["stem"] = os.fsdecode(line.stem)
    if rules.is_phony(line.target):
        facts["phony"] = True
    if written is not None:
        facts |= written.facts
    return Declaration(
        key=line.key,
        engine="make",
        rule=target,
        name=target + (f"({os.fsdecode(line.member)})" if line.member else ""),
        inputs=inputs,
        outputs=tuple(
            dict.fromkeys((absolute(directory, line.target), *(written.outputs if written else ())))
        ),
        order_only=names.split(directory, line.order_only),
        directory=directory,
        facts=facts,
    )


def _described(path: bytes) -> dict[str, Any]:
    name = os.fsdecode(path)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return {"path": name, "digest": None}
    return {"path": name, "digest": f"sha256:{digest}"}
