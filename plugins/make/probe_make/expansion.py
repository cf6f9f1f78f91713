"""Make's variables and functions, as far as text and the names on disk tell their values.

Functions that run something (``shell``), that depend on where they are expanded (``foreach``, ``call``) or
that choose (``if``) are not computed: what holds one is not plain.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

DEEPEST = 20  # variables in variables
_CLOSING = {b"(": b")", b"{": b"}"}


class NotPlainError(Exception):
    """A text whose value only make itself knows."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Expands texts by the variables that are known (None: not plain) and, for names, by a directory."""

    variables: Mapping[bytes, bytes | None]
    directory: bytes = b""  # make's own; empty: no name is looked for

    def expand(self, text: bytes, depth: int = 0) -> bytes:
        """Give ``text`` with its variables; raises NotPlainError where make would have to compute."""
        if b"$" not in text:
            return text
        if depth > DEEPEST:
            raise NotPlainError
        parts: list[bytes] = []
        at = 0
        while (dollar := text.find(b"$", at)) >= 0:
            parts.append(text[at:dollar])
            opening = text[dollar + 1 : dollar + 2]
            if opening in _CLOSING:
                end = _end(text, dollar + 1)
                parts.append(self._reference(text[dollar + 2 : end], depth + 1))
            else:
                end = dollar + 1
                parts.append(b"$" if opening == b"$" else self._variable(opening, depth + 1))
            at = end + 1
        return b"".join(parts) + text[at:]

    def _reference(self, inside: bytes, depth: int) -> bytes:
        name, blank, rest = inside.partition(b" ")
        if not blank:
            return self._variable(self.expand(inside, depth), depth)
        if name == b"wildcard":
            return b" ".join(self._there(self.expand(rest, depth).split()))
        function = _FUNCTIONS.get(name)
        if function is None:
            raise NotPlainError
        arguments = [self.expand(one, depth) for one in _arguments(rest.lstrip(), function.count)]
        if len(arguments) != function.count:
            raise NotPlainError
        return b" ".join(function.words(*arguments))

    def _variable(self, reference: bytes, depth: int) -> bytes:
        name, colon, substitution = reference.partition(b":")
        value = self.variables.get(name)
        if value is None:
            raise NotPlainError
        value = self.expand(value, depth)
        if not colon:
            return value
        old, equals, new = substitution.partition(b"=")
        if not equals:
            raise NotPlainError
        if b"%" not in old:
            old, new = b"%" + old, b"%" + new
        return b" ".join(_replaced(old, new, value))

    def _there(self, patterns: list[bytes]) -> Iterator[bytes]:
        if not self.directory:
            raise NotPlainError
        for pattern in patterns:
            yield from sorted(glob.glob(pattern, root_dir=self.directory))  # noqa: PTH207 - bytes


def stem_of(pattern: bytes, name: bytes) -> bytes | None:
    """Give what ``%`` in ``pattern`` stands for in ``name``; None when it does not fit."""
    before, percent, after = pattern.partition(b"%")
    if not percent or len(name) < len(before) + len(after):
        return None
    fits = name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None


def _end(text: bytes, opened: int) -> int:
    """Give where the bracket at ``opened`` is closed."""
    opening = text[opened : opened + 1]
    closing = _CLOSING[opening]
    depth = 0
    for at in range(opened, len(text)):
        one = text[at : at + 1]
        depth += (one == opening) - (one == closing)
        if not depth:
            return at
    raise NotPlainError


def _arguments(text: bytes, count: int) -> list[bytes]:
    """Part at commas that stand in no brackets; the last argument keeps its own."""
    found: list[bytes] = []
    depth = start = 0
    for at in range(len(text)):
        one = text[at : at + 1]
        depth += (one in (b"(", b"{")) - (one in (b")", b"}"))
        if one == b"," and not depth and len(found) < count - 1:
            found.append(text[start:at])
            start = at + 1
    return [*found, text[start:]]


def _replaced(old: bytes, new: bytes, text: bytes) -> Iterator[bytes]:
    for word in text.split():
        stem = (b"" if word == old else None) if b"%" not in old else stem_of(old, word)
        yield word if stem is None else new.replace(b"%", stem, 1)


def _is_one_of(word: bytes, patterns: bytes) -> bool:
    return any(word == one or stem_of(one, word) is not None for one in patterns.split())


def _without_ending(name: bytes) -> bytes:
    folder, slash, last = name.rpartition(b"/")
    return folder + slash + (last.rpartition(b".")[0] if b"." in last else last)


@dataclass(frozen=True, slots=True)
class _Function:
    count: int  # of arguments
    words: Callable[..., list[bytes]]


_FUNCTIONS = {
    b"subst": _Function(3, lambda old, new, text: [text.replace(old, new)] if old else [text + new]),
    b"patsubst": _Function(3, lambda old, new, text: list(_replaced(old, new, text))),
    b"strip": _Function(1, lambda text: text.split()),
    b"sort": _Function(1, lambda text: sorted(set(text.split()))),
    b"filter": _Function(2, lambda some, text: [one for one in text.split() if _is_one_of(one, some)]),
    b"filter-out": _Function(
        2, lambda some, text: [one for one in text.split() if not _is_one_of(one, some)]
    ),
    b"addprefix": _Function(2, lambda before, text: [before + one for one in text.split()]),
    b"addsuffix": _Function(2, lambda after, text: [one + after for one in text.split()]),
    b"notdir": _Function(1, lambda text: [one.rpartition(b"/")[2] for one in text.split()]),
    b"dir": _Function(
        1, lambda text: [os.path.split(one)[0] + b"/" if b"/" in one else b"./" for one in text.split()]
    ),
    b"basename": _Function(1, lambda text: [_without_ending(one) for one in text.split()]),
}
