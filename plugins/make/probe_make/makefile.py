"""The text of Makefiles, read for what make does not tell while it runs: where a rule stands, its recipe,
which targets one recipe makes together, which names are phony, and what names without a recipe stand for.

Nothing is executed and nothing guessed: variables are expanded where their values are plain text
(expansion.py), and a rule whose head holds anything else is left out. All branches of conditionals are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from probe_make.expansion import Expansion, NotPlainError, stem_of

MOST_TEXT = 4 << 20  # bytes of one makefile that are read
_ASSIGNMENT = re.compile(
    rb"(?:(?:override|export|private)\s+)*([^\s:#=$()+?!]+)\s*(:::?=|::=|:=|\+=|\?=|!=|=)\s*(.*)\Z", re.S
)
_TARGET_ASSIGNMENT = re.compile(
    rb"\s*(?:(?:override|export|private)\s+)*[^\s:#=$()+?!]+\s*(?::::?|::|:|\+|\?|!)?="
)
_DIRECTIVE = re.compile(
    rb"(?:ifn?eq|ifn?def|else|endif|-?include|sinclude|vpath|export|unexport|undefine|load|-load)\b"
)
_DEFINE = re.compile(rb"(?:override\s+)?define\b")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is written, its head expanded. Names are bytes as make has them."""

    makefile: bytes
    line: int  # of the head
    targets: tuple[bytes, ...]
    inputs: tuple[bytes, ...]
    order_only: tuple[bytes, ...]
    recipe: tuple[bytes, ...]  # its lines, not expanded
    grouped: bool = False  # &:, or a pattern with several targets: one recipe makes all
    pattern: bool = False


@dataclass
class Text:
    """What several makefiles of one make say together."""

    rules: list[Rule] = field(default_factory=list)
    phony: set[bytes] = field(default_factory=set)
    variables: dict[bytes, bytes | None] = field(default_factory=dict)  # None: not plain
    fixed: set[bytes] = field(default_factory=set)  # variables that the command line gives
    included: list[bytes] = field(default_factory=list)  # names in `include` lines
    directory: bytes = b""  # make's own, for names that `wildcard` looks up; empty: it is not known

    def read(self, path: bytes) -> None:
        """Add the makefile at ``path``, without what it includes; one that cannot be read says nothing."""
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
                text = file.read(MOST_TEXT)
        except OSError:
            return
        _Reading(self, path).lines(text)

    def expand(self, text: bytes) -> bytes:
        """Give ``text`` with its variables; raises NotPlainError where make would have to compute."""
        return Expansion(self.variables, self.directory).expand(text) if b"$" in text else text


def words(text: bytes) -> tuple[bytes, ...]:
    """Give the names in a list, as make splits and unquotes them."""
    if b"\\" not in text:
        return tuple(word.removeprefix(b"./") for word in text.split())
    found = re.findall(rb"(?:\\[ #:%]|\S)+", text)
    return tuple(re.sub(rb"\\([ #:%])", rb"\1", word).removeprefix(b"./") for word in found)


class _Reading:
    """Reads one makefile line by line."""

    def __init__(self, text: Text, path: bytes) -> None:
        self.text = text
        self.path = path
        self.head: tuple[int, bytes] | None = None  # line and text of the rule being read
        self.recipe: list[bytes] = []
        self.define = 0

    def lines(self, text: bytes) -> None:
        """Read all lines."""
        for number, line in _logical(text):
            if self.define or (b"define" in line and _DEFINE.match(line.strip())):
                self._define(line.strip())
            elif line.startswith(b"\t") and self.head is not None:
                self.recipe.append(line[1:].rstrip(b"\n"))
            else:
                self._line(number, line)
        self._close()

    def _define(self, line: bytes) -> None:
        if line.startswith(b"endef"):
            self.define -= 1
        elif _DEFINE.match(line):
            self._close()
            self.define += 1

    def _line(self, number: int, line: bytes) -> None:
        if b"\n" in line:
            line = re.sub(rb"[ \t]*\\\n[ \t]*", b" ", line)
        plain = _without_comment(line).strip()
        if not plain or (_DIRECTIVE.match(plain) and not _ASSIGNMENT.match(plain)):
            if plain.startswith((b"include", b"-include", b"sinclude")):
                self.text.included += _plain_words(self.text, plain.partition(b" ")[2])
            return  # comments and conditionals may stand inside a recipe
        self._close()
        assignment = _ASSIGNMENT.match(plain) if b"=" in plain else None
        if assignment:
            self._assign(*assignment.groups())
        elif b":" in plain:
            self.head = (number, plain)

    def _assign(self, name: bytes, operator: bytes, value: bytes) -> None:
        known = self.text.variables
        if name in self.text.fixed:
            return
        if operator == b"!=":
            known[name] = None
        elif operator == b"+=" and name in known:
            before = known[name]
            known[name] = None if before is None else before + b" " + value
        elif operator != b"?=" or name not in known:
            # Another branch, or another makefile, may give another value: then neither is sure.
            different = name in known and known[name] != value
            known[name] = None if different else self._now(value, operator)

    def _now(self, value: bytes, operator: bytes) -> bytes | None:
        if operator in (b"=", b"?="):
            return value
        try:
            return self.text.expand(value).replace(b"$", b"$$")
        except NotPlainError:
            return None

    def _close(self) -> None:
        head, recipe, self.head, self.recipe = self.head, tuple(self.recipe), None, []
        if head is None:
            return
        number, plain = head
        plain, semicolon, first = _outside(plain, b";")
        if semicolon:
            recipe = (first.strip(), *recipe)
        with suppress(NotPlainError):
            self._rule(number, plain, recipe)

    def _rule(self, number: int, head: bytes, recipe: tuple[bytes, ...]) -> None:
        left, separator, right = _parted(head)
        if b"=" in right and _TARGET_ASSIGNMENT.match(right):
            return
        targets = words(self.text.expand(left))
        if targets == (b".PHONY",):
            self.text.phony.update(_plain_words(self.text, right))
            return
        if not targets or any(target.startswith(b".") and target[1:].isupper() for target in targets):
            return
        middle, pattern, last = _outside(right, b":")
        if pattern:  # a static pattern rule: targets: pattern: prerequisites
            self._static(number, targets, words(self.text.expand(middle)), last, recipe)
            return
        inputs, order_only = self._prerequisites(right)
        targets, inputs, is_pattern = _suffix_rule(targets, inputs, recipe)
        grouped = separator.startswith(b"&") or (is_pattern and len(targets) > 1)
        self.text.rules.append(
            Rule(self.path, number, targets, inputs, order_only, recipe, grouped, is_pattern)
        )

    def _prerequisites(self, text: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        usual, _, order_only = self.text.expand(text).partition(b"|")
        return words(usual), words(order_only)

    def _static(
        self,
        number: int,
        targets: tuple[bytes, ...],
        pattern: tuple[bytes, ...],
        last: bytes,
        recipe: tuple[bytes, ...],
    ) -> None:
        inputs, order_only = self._prerequisites(last)
        for target in targets:
            stem = stem_of(pattern[0], target) if len(pattern) == 1 else None
            if stem is not None:
                own = tuple(name.replace(b"%", stem, 1) for name in inputs)
                first = tuple(name.replace(b"%", stem, 1) for name in order_only)
                self.text.rules.append(Rule(self.path, number, (target,), own, first, recipe))


def _plain_words(text: Text, names: bytes) -> Iterator[bytes]:
    """Give the names of a list that can be told, one by one."""
    for name in names.split():
        try:
            yield from words(text.expand(name))
        except NotPlainError:
            continue


def _parted(head: bytes) -> tuple[bytes, bytes, bytes]:
    if not any(odd in head for odd in (b"$", b"&", b"\\")):
        left, _, right = head.partition(b":")
        double = right.startswith(b":")
        return left.rstrip(), b"::" if double else b":", right[double:]
    found = re.match(rb"((?:\$\([^()]*\)|\$\{[^{}]*\}|\\:|[^:&]|&(?!:))*?)\s*(&?::?)(.*)\Z", head, re.S)
    if found is None:
        raise NotPlainError
    return found[1], found[2], found[3]


def _outside(text: bytes, separator: bytes) -> tuple[bytes, bytes, bytes]:
    """Part ``text`` at the first ``separator`` that stands in no reference."""
    if separator not in text:
        return text, b"", b""
    found = re.match(rb"((?:\$\([^()]*\)|\$\{[^{}]*\}|\\.|[^" + separator + rb"])*+)" + separator, text, re.S)
    return (text, b"", b"") if found is None else (found[1], separator, text[found.end() :])


def _suffix_rule(
    targets: tuple[bytes, ...], inputs: tuple[bytes, ...], recipe: tuple[bytes, ...]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...], bool]:
    """Write ``.c.o:`` as the pattern rule it is."""
    if len(targets) == 1 and not inputs and recipe:
        found = re.match(rb"(\.[A-Za-z0-9]+)(\.[A-Za-z0-9]+)?\Z", targets[0])
        if found:
            return (b"%" + (found[2] or b""),), (b"%" + found[1],), True
    return targets, inputs, any(b"%" in target for target in targets)


def _logical(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Give lines with those they are continued by, and the number of the first."""
    number, start = 0, 1
    parts: list[bytes] = []
    for line in text.split(b"\n"):
        number += 1
        if not parts:
            start = number
        if line.endswith(b"\\") and not line.endswith(b"\\\\"):
            parts.append(line + b"\n")
            continue
        yield start, b"".join([*parts, line])
        parts = []
    if parts:
        yield start, b"".join(parts)


def _without_comment(line: bytes) -> bytes:
    found = re.search(rb"(?<!\\)#", line) if b"#" in line else None
    return line[: found.start()] if found else line


def absolute(directory: bytes, name: bytes) -> bytes:
    """Give the plain absolute path of a name that counts from ``directory``."""
    return os.path.normpath(name if name.startswith(b"/") else directory + b"/" + name)
