"""Linting a run: every plugin is asked for findings, every engine for the remedy in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from probe_core.ask.question import Question
from probe_core.ask.remedies import remedy
from probe_core.hooks import Engine, Finding
from probe_core.model import RunGraph
from probe_core.plugins import engines as installed_engines
from probe_core.plugins import plugins


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one lint about one file: told once, by the first of them."""

    first: Finding
    others: tuple[Finding, ...] = ()

    @property
    def remedies(self) -> tuple[str, ...]:
        """Give the different remedies, in the order of the findings."""
        return tuple(dict.fromkeys(one.remedy for one in (self.first, *self.others) if one.remedy))


def check(graph: RunGraph, engines: Mapping[str, Engine] | None = None) -> list[Finding]:
    """Give all findings of a run, ordered by step, lint and path, with remedies.

    ``engines`` by name; those of the installed plugins when None. A plugin that fails is blamed
    (``plugins().faults``) and the others are asked.
    """
    question = Question(graph, installed_engines() if engines is None else engines)
    found = [one for _, answer in plugins().ask("probe_findings", question=question) for one in answer]
    return sorted((_mended(question, one) for one in found), key=_place)


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Put together what many steps do with one file, in the order of the first of each."""
    groups: dict[tuple[str, bytes | str], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.lint, one.path if one.path is not None else one.message), []).append(one)
    return [Group(some[0], tuple(some[1:])) for some in groups.values()]


def _mended(question: Question, finding: Finding) -> Finding:
    """Add a remedy where the lint gave none: the engine's, in its own words, else a general one."""
    if finding.remedy is not None or finding.step is None:
        return finding
    declaration = question.declaration(finding.step)
    step = question.graph.steps[finding.step]
    engine = question.engines.get((declaration.engine if declaration else step.engine) or "")
    own = None if engine is None else engine.remedy(finding, step)
    return replace(finding, remedy=own or remedy(finding, step, question.graph.run.directory))


def _place(finding: Finding) -> tuple[int, str, bytes]:
    return (-1 if finding.step is None else finding.step, finding.lint, finding.path or b"")
