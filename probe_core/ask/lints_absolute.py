"""``absolute-path``: a rule's text, or its script, names a file of the user's by its absolute path.

The path is one that the step really used; the text is what the engine says belongs to the workflow
(``facts["workflow_files"]`` of the run, ``facts["script"]`` of the declaration), as it is on disk now.
Settings are the place for such paths: files that only hold some (YAML, JSON …) are not looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from probe_core.ask.judgement import TAKEN_IN, DeclaredStep, Judgement, access_of, is_a_product, is_the_users
from probe_core.ask.question import Question
from probe_core.ask.wording import name_of
from probe_core.hooks import Finding
from probe_core.model import Act
from probe_core.printable import printable

MOST_TEXT = 1 << 20  # bytes; a longer workflow file was written by a program
_SETTINGS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".config", ".csv", ".tsv", ".txt")
_LITERAL = re.compile(rb"(?<![\w/.~$})*%-])/[\w.+@-]+(?:/[\w.+@%=-]+)+")


@dataclass(frozen=True)
class _Texts:
    """The workflow's texts, and the absolute paths that stand in each: with the line of the first."""

    question: Question

    @cached_property
    def _known(self) -> dict[str, Mapping[bytes, int]]:
        return {}

    def literals(self, file: str) -> Mapping[bytes, int]:
        if file not in self._known:
            self._known[file] = dict(_literals(file))
        return self._known[file]

    @cached_property
    def shared(self) -> tuple[str, ...]:
        return tuple(_files(self.question.graph.run.facts.get("workflow_files")))

    def place(self, step: DeclaredStep, path: bytes) -> tuple[str, int] | None:
        """Tell in which text, and where in it, ``path`` or a folder above it is named."""
        for file in (*_files(step.declaration.facts.get("script")), *self.shared):
            literals = self.literals(file)
            folder = path
            while literals and folder.count(b"/") > 1:
                if folder in literals:
                    return file, literals[folder]
                folder = folder.rpartition(b"/")[0]
        return None


def absolute(question: Question) -> Iterator[Finding]:
    """Give the absolute paths that rules name and steps use, once a step and file."""
    judgement, texts = Judgement(question), _Texts(question)
    table, versions = question.graph.accesses, question.graph.versions
    for step in judgement.steps:
        seen: set[bytes] = set()
        for row in judgement.rows(step):
            version = versions[table.version[row]]
            act, path = table.act[row], version.path
            if path in seen or table.error[row] or version.kind != "file":
                continue
            if not (
                (act in TAKEN_IN and is_the_users(question, version))
                or (act == Act.WRITE and is_a_product(question, path))
            ):
                continue
            seen.add(path)
            if judgement.is_own(step.declaration, path) or (place := texts.place(step, path)) is None:
                continue
            where = f"{name_of(os.fsencode(place[0]), question.graph.run.directory)}:{place[1]}"
            message = (
                f"{printable(step.declaration.name)} uses {name_of(path)}, which {where} names absolutely"
            )
            yield Finding("absolute-path", step.number, path, message, (access_of(judgement, row),))


def _files(told: Any) -> Iterator[str]:
    for one in told if isinstance(told, (list, tuple)) else (told,):
        path = one.get("path") if isinstance(one, Mapping) else one
        if isinstance(path, str) and path.startswith("/") and not path.endswith(_SETTINGS):
            yield path


def _literals(file: str) -> Iterator[tuple[bytes, int]]:
    """Give each absolute path in a text with the line of its first place; comments are text too."""
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(MOST_TEXT + 1)
    except OSError:
        return
    if len(text) > MOST_TEXT:
        return
    found: dict[bytes, int] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.lstrip().startswith(b"#"):
            for literal in _LITERAL.findall(line):
                found.setdefault(literal.rstrip(b"."), number)
    yield from found.items()
