"""``caught-by-pattern``: an output that a pattern let in, and that was not meant to be one.

``facts["patterns"]`` of a declaration are the names of its outputs as the rule writes them, ``*`` and all.
Not meant is a file that the step made, read again, and nobody else took, while others of the same pattern
were taken; and a file that the step did not make at all.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence

from probe_core.ask.judgement import TAKEN_IN, DeclaredStep, Judgement, access_of
from probe_core.ask.question import Question
from probe_core.ask.wording import name_of
from probe_core.hooks import Finding
from probe_core.model import Act
from probe_core.printable import printable

_WILD = frozenset("*?[{")


def caught(question: Question) -> Iterator[Finding]:
    """Give the outputs that were caught by a pattern only."""
    judgement = Judgement(question)
    for step in judgement.steps:
        patterns = step.declaration.facts.get("patterns")
        if isinstance(patterns, list) and question.graph.steps[step.number].status in (0, None):
            yield from _caught(judgement, step, [one for one in patterns if isinstance(one, str)])


def _caught(judgement: Judgement, step: DeclaredStep, patterns: Sequence[str]) -> Iterator[Finding]:
    graph = judgement.question.graph
    table, base = graph.accesses, step.declaration.directory or graph.run.directory
    made: dict[bytes, int] = {}
    again: dict[bytes, int] = {}
    for row in judgement.rows(step):
        path, act = graph.versions[table.version[row]].path, table.act[row]
        if table.error[row]:
            continue
        if act in (Act.WRITE, Act.INHERITED_WRITE):
            made.setdefault(path, row)
        elif act in TAKEN_IN:
            again.setdefault(path, row)
    for pattern, some in _by_pattern(step, patterns, base):
        meant = any(path in made and path not in again and _is_wanted(judgement, step, path) for path in some)
        for path in some:
            name, file = printable(step.declaration.name), name_of(path, base)
            if path not in made and path in again:
                message = f"{name} gives {file} as an output, which it only read; {pattern} caught it"
                yield Finding(
                    "caught-by-pattern", step.number, path, message, (access_of(judgement, again[path]),)
                )
            elif path in made and path in again and meant and not _is_wanted(judgement, step, path):
                message = f"{name} gives {file} as an output, which it made for itself; {pattern} caught it"
                evidence = (
                    access_of(judgement, made[path]),
                    f"read again by {access_of(judgement, again[path])}",
                )
                yield Finding("caught-by-pattern", step.number, path, message, evidence)


def _by_pattern(
    step: DeclaredStep, patterns: Sequence[str], base: bytes
) -> Iterator[tuple[str, list[bytes]]]:
    """Give each pattern with the outputs that no plain name and no earlier pattern stands for."""
    plain = {_inside(base, one) for one in patterns if not _WILD & set(one)}
    left = [path for path in step.declaration.outputs if path not in plain]
    for pattern in patterns:
        if _WILD & set(pattern):
            whole = os.fsdecode(_inside(base, pattern))
            some = [path for path in left if fnmatch.fnmatchcase(os.fsdecode(path), whole)]
            left = [path for path in left if path not in some]
            yield pattern, some


def _inside(base: bytes, name: str) -> bytes:
    """Give a name, which may be absolute, as a plain path; ``base`` is the folder that it counts from."""
    given = os.fsencode(name)
    return os.path.normpath(given if given.startswith(b"/") else base + b"/" + given)


def _is_wanted(judgement: Judgement, step: DeclaredStep, path: bytes) -> bool:
    """Tell whether another step took the file in, or the engine did."""
    question, graph = judgement.question, judgement.question.graph
    for version in question.versions_by_path.get(path, ()):
        for row in question.rows_by_version.get(version.number, ()):
            if graph.accesses.act[row] in TAKEN_IN and judgement.owner(question.step_of(row)) != step.number:
                return True
    return any(  # what an engine copies itself, for example to publish it
        other.declaration.facts.get("in_engine") is True and path in other.declaration.inputs
        for other in judgement.steps
    )
