"""From the targets that make told to the rules they are made by, as the Makefiles write them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probe_core.model import Declaration
from probe_make.expansion import stem_of
from probe_make.makefile import Rule, Text, absolute

MOST_RECIPE = 8192  # bytes of a recipe's text that are kept
MOST_NAMES = 20_000  # names without a step that are told
_SOURCES = (b".c", b".cc", b".cpp", b".C", b".p", b".f", b".F", b".m", b".r", b".s", b".S", b".mod")
# What make's own rules make, by ending, and from what.
_BUILT_FROM = {
    b".o": (*_SOURCES, b".y", b".l"),
    b"": (*_SOURCES, b".o", b".sh"),
    b".c": (b".y", b".l", b".w"),
    b".s": (b".S",),
    b".r": (b".l",),
    b".tex": (b".w", b".web"),
    b".dvi": (b".tex", b".texinfo", b".texi", b".txinfo"),
    b".info": (b".texinfo", b".texi", b".txinfo"),
}


@dataclass(frozen=True)
class Written:
    """The rule behind a target, and all that its recipe makes, by absolute path."""

    rule: Rule
    outputs: tuple[bytes, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """Where the rule stands, and the recipe's text as it is written."""
        recipe = b"\n".join(self.rule.recipe)[:MOST_RECIPE]
        return {
            "makefile": os.fsdecode(self.rule.makefile),
            "line": self.rule.line,
            "recipe": recipe.decode("utf-8", "replace"),
        }


class Rules:
    """The rules of one make: its directory, and the makefiles that it had read."""

    def __init__(self, directory: bytes, makefiles: Iterable[bytes]) -> None:
        self.directory = directory
        self.text = Text(directory=directory)
        self.makefiles = self._absolute(makefiles)
        for path in self.makefiles:
            self.text.read(path)
        self._exact: dict[bytes, list[Rule]] = {}
        self._patterns: list[Rule] = []
        for rule in self.text.rules:
            if rule.pattern:
                self._patterns.append(rule)
            else:
                for target in rule.targets:
                    self._exact.setdefault(target, []).append(rule)

    def is_phony(self, target: bytes) -> bool:
        """Tell whether a ``.PHONY`` line names the target."""
        return target.removeprefix(b"./") in self.text.phony

    def written(self, target: bytes, stem: bytes, inputs: Iterable[bytes]) -> Written | None:
        """Give the rule with a recipe that makes ``target``; None where more than one could, or none.

        ``stem`` and ``inputs`` (absolute) are what make told: they choose among several.
        """
        target = target.removeprefix(b"./")
        found = [rule for rule in self._exact.get(target, ()) if rule.recipe]
        if len(found) > 1:  # double-colon rules, or branches: those whose prerequisites were told
            told = frozenset(inputs)
            found = [rule for rule in found if told.issuperset(self._absolute(rule.inputs))]
            most = max((len(rule.inputs) for rule in found), default=0)
            found = [rule for rule in found if len(rule.inputs) == most]
        if found:
            return self._chosen(found, target)
        folder, slash, name = target.rpartition(b"/")
        for whole, place in ((target, b""), (name, folder + slash)):
            fitting = [
                rule
                for rule in self._patterns
                if rule.recipe
                and any(
                    stem_of(pattern, whole) is not None
                    and place + (stem_of(pattern, whole) or b"") == stem.removeprefix(b"./")
                    for pattern in rule.targets
                )
                and self._fits(rule, stem, inputs)
            ]
            if fitting:
                return self._chosen(fitting, target, stem)
        return None

    def _fits(self, rule: Rule, stem: bytes, inputs: Iterable[bytes]) -> bool:
        own = self._absolute(_with_stem(rule.inputs, stem))
        return frozenset(own) <= frozenset(inputs)

    def _chosen(self, rules: list[Rule], target: bytes, stem: bytes = b"") -> Written | None:
        if len(rules) > 1:
            return None
        (rule,) = rules
        made = _with_stem(rule.targets, stem) if rule.pattern else rule.targets
        # A makefile is remade before all else, so that its rule's other targets are there when asked for.
        together = rule.grouped or target in self.text.included
        return Written(rule, self._absolute(made) if together else ())

    def _absolute(self, names: Iterable[bytes]) -> tuple[bytes, ...]:
        return tuple(absolute(self.directory, name) for name in names)

    def behind(self, path: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]] | None:
        """Give what a name depends on by rules that say so, usual and order-only; None: no rule does.

        What is newer than a file without a recipe does not make that file newer: it only comes first.
        """
        here = self.directory.rstrip(b"/") + b"/"
        name = path.removeprefix(here)
        rules = self._exact.get(name) or self._exact.get(path)
        if not rules:
            return None
        usual = [name for rule in rules for name in self._absolute(rule.inputs)]
        first = [name for rule in rules for name in self._absolute(rule.order_only)]
        there = os.path.isfile(path)  # noqa: PTH113 - the path is bytes
        if there and not self.is_phony(name) and not self._is_made(name, rules):
            usual, first = [], [*usual, *first]
        return tuple(dict.fromkeys(usual)), tuple(dict.fromkeys(first))

    def _is_made(self, name: bytes, rules: Iterable[Rule]) -> bool:
        """Tell whether a file has a recipe: its own, a pattern's or one that make knows without a rule."""
        if any(rule.recipe for rule in rules):
            return True
        folder, slash, last = name.rpartition(b"/")
        for rule in self._patterns:
            for pattern in rule.targets:
                whole = b"/" in pattern
                stem = stem_of(pattern, name if whole else last)
                if stem is not None and rule.recipe:
                    own = _with_stem(rule.inputs, stem if whole else folder + slash + stem)
                    if all(map(os.path.lexists, self._absolute(own))):
                        return True
        stem, dot, ending = name.rpartition(b".") if b"." in last else (name, b"", b"")
        return any(
            os.path.lexists(absolute(self.directory, stem + source))
            for source in _BUILT_FROM.get(dot + ending, ())
        )


def _with_stem(names: Iterable[bytes], stem: bytes) -> tuple[bytes, ...]:
    """Put the stem into patterns; its folder goes before patterns that have none of their own."""
    folder, slash, name = stem.rpartition(b"/")
    return tuple(
        one.replace(b"%", stem, 1) if b"/" in one else folder + slash + one.replace(b"%", name, 1)
        for one in names
    )


def without_steps(rules: Iterable[Rules], steps: Iterable[Declaration]) -> list[Mapping[str, Any]]:
    """Tell what names stand for that are prerequisites and had no recipe run: phony groups, headers.

    Each is an object with ``output``, ``inputs`` and ``order_only``, as a step's declaration has them.
    """
    made = {path for step in steps for path in step.outputs}
    waiting = [path for step in steps for path in (*step.inputs, *step.order_only)]
    databases = list(rules)
    return [
        {
            "output": os.fsdecode(path),
            "inputs": [os.fsdecode(one) for one in usual],
            "order_only": [os.fsdecode(one) for one in first],
        }
        for path, usual, first in _walk(databases, made, waiting)
    ]


def _walk(
    databases: list[Rules], made: set[bytes], waiting: list[bytes]
) -> Iterator[tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]]:
    seen: set[bytes] = set()
    while waiting and len(seen) < MOST_NAMES:
        path = waiting.pop()
        if path in seen or path in made:
            continue
        seen.add(path)
        for one in databases:
            behind = one.behind(path)
            if behind is not None:
                yield path, *behind
                waiting += [*behind[0], *behind[1]]
                break
