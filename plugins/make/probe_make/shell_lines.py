"""What probe-sh wrote: recipe lines of which make did not tell the target. It is looked for in the Makefiles'
text: a recipe's line, with what is not known of it left open, fits the command that ran.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from probe_core.model import Declaration
from probe_make.expansion import NotPlainError, stem_of
from probe_make.makefile import Rule, Text, absolute

SHELL_LINES = "probe-sh"
LEAST_TEXT = 4  # letters of a recipe's line that must be known for it to count
MOST_TRIALS = 300_000  # of lines against lines, for one run
_USUAL = (b"GNUmakefile", b"makefile", b"Makefile")
_REFERENCE = re.compile(rb"\$(?:\((?:[^()]|\([^()]*\))*\)|\{[^{}]*\}|.)", re.S)
NOT_UNDERSTOOD = "a line that probe-sh wrote cannot be understood"
NOT_TOLD = "target not told by make SHELL=; `probe make` tells it"
FOUND = "target found in the Makefile by the text of the recipe; `probe make` tells it and its prerequisites"


@dataclass(frozen=True)
class _Line:
    """A line of a recipe as a pattern of the commands that it can become."""

    rule: Rule
    pattern: re.Pattern[bytes]

    def target(self, command: bytes) -> bytes | None:
        """Give the target for which the line became ``command``."""
        found = self.pattern.fullmatch(command)
        if found is None:
            return None
        named = found.groupdict().get("target")
        if self.rule.pattern:
            fits = named is not None and any(stem_of(one, named) is not None for one in self.rule.targets)
            return named if fits else None
        if named is not None:
            return named if named.removeprefix(b"./") in self.rule.targets else None
        return self.rule.targets[0] if len(self.rule.targets) == 1 or self.rule.grouped else None


class _Book:
    """The recipes of one make."""

    def __init__(self, directory: bytes, arguments: tuple[bytes, ...]) -> None:
        self.text = Text()
        for name, value in _variables(arguments):
            self.text.variables[name] = value.replace(b"$", b"$$")
            self.text.fixed.add(name)
        names = _makefiles(directory, arguments)
        for name in names:  # grows
            self.text.read(absolute(directory, name))
            names += [one for one in self.text.included if one not in names]
            self.text.included.clear()
        self.lines = [line for rule in self.text.rules for line in _lines(self.text, rule)]

    def find(self, command: bytes) -> tuple[bytes, Rule] | None:
        """Give the one target and rule that a command can be for; None where there are more, or none."""
        found: dict[bytes, Rule] = {}
        for line in self.lines:
            target = line.target(command)
            if target is not None:
                found.setdefault(target, line.rule)
        return found.popitem() if len(found) == 1 else None


def _variables(arguments: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    for word in arguments[1:]:
        name, equals, value = word.partition(b"=")
        if equals and not name.startswith(b"-"):
            yield name.rstrip(b":"), value


def _makefiles(directory: bytes, arguments: tuple[bytes, ...]) -> list[bytes]:
    found: list[bytes] = []
    for place, word in enumerate(arguments[1:], 2):
        named = re.match(rb"(?:-[a-zA-Z]*f|--file=|--makefile=)(.*)\Z", word, re.S)
        if named:
            found += [named[1]] if named[1] else list(arguments[place : place + 1])
    usual = next((name for name in _USUAL if os.path.exists(absolute(directory, name))), None)  # noqa: PTH110
    return found or ([usual] if usual else [])


def _lines(text: Text, rule: Rule) -> Iterator[_Line]:
    for line in rule.recipe:
        known = line.lstrip(b" \t@+-")
        pattern, letters, at, named = b"", 0, 0, False
        for found in _REFERENCE.finditer(known):
            before = known[at : found.start()]
            if found[0] in (b"$@", b"$(@)"):
                value = rb"(?P=target)" if named else b"(?P<target>" + _targets(rule) + b")"
                known_letters = 0 if named else min(len(name) for name in rule.targets)
                named = True
            else:
                value, known_letters = _value(text, found[0])
            pattern += re.escape(before) + value
            letters += len(before.strip()) + known_letters
            at = found.end()
        letters += len(known[at:].strip())
        pattern += re.escape(known[at:].rstrip()) + rb"\s*"
        if letters >= LEAST_TEXT:
            yield _Line(rule, re.compile(pattern, re.S))


def _targets(rule: Rule) -> bytes:
    """Give a pattern of the names that the rule makes, as recipes write them."""
    names = (re.escape(name).replace(b"%", rb"\S+") for name in rule.targets)
    return rb"(?:\./)?(?:" + b"|".join(names) + b")"


def _value(text: Text, reference: bytes) -> tuple[bytes, int]:
    """Give a pattern of what a reference can become, and how many letters of it are known."""
    try:
        value = text.expand(reference)
    except NotPlainError:
        return rb".*?", 0
    return re.escape(value), len(value)


def read(folder: Path) -> Iterator[Declaration | str]:
    """Give a step for each line of a recipe, and a sentence for what cannot be understood."""
    try:
        texts = (folder / SHELL_LINES).read_bytes().splitlines()
    except FileNotFoundError:
        return
    lines = [_parsed(text) for text in texts]
    told = {line["make"]: line["arguments"] for line in lines if line and "arguments" in line}
    book = cache(_Book)
    trials = 0
    for line in lines:
        if line is None:
            yield NOT_UNDERSTOOD
            continue
        try:
            arguments = tuple(os.fsencode(told.get(line["make"], "")).split(b"\n"))
            recipes = book(os.fsencode(line["directory"]), arguments)
            trials += len(recipes.lines)
            known = recipes.find(os.fsencode(line["command"]).strip()) if trials < MOST_TRIALS else None
            yield _declaration(line, known)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield NOT_UNDERSTOOD


def _parsed(text: bytes) -> dict[str, Any] | None:
    """Read a line; None when it is none. Of what a make was called with only some of its lines tell."""
    try:
        line = json.loads(text)
        return line if isinstance(line, dict) and isinstance(line["make"], int) else None
    except (ValueError, KeyError):
        return None


def _declaration(line: dict[str, Any], known: tuple[bytes, Rule] | None) -> Declaration:
    # The text itself is not kept: the shell's own arguments have it, with secrets taken out.
    name = _head(line["command"]) if known is None else os.fsdecode(known[0])
    facts: dict[str, Any] = {"make": str(line["make"]), "note": NOT_TOLD if known is None else FOUND}
    if known is not None:
        facts |= {"target": name, "makefile": os.fsdecode(known[1].makefile), "line": known[1].line}
    return Declaration(
        key=os.fsencode(line["key"]),
        engine="make",
        rule=name,
        name=name,
        started=int(line["started"]),
        directory=os.fsencode(line["directory"]),
        facts=facts,
    )


def _head(command: str) -> str:
    """The first word of a recipe line that names a program: without assignments and open brackets."""
    for word in command.replace("(", " ").replace("{", " ").replace(";", " ").split():
        name, equals, _ = word.partition("=")
        if not (equals and name.isidentifier()):
            return word.rsplit("/", 1)[-1] or word
    return "recipe"
