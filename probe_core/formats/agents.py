"""Who is responsible: the user, the engines and PROBE, and the rules that steps follow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

from probe_core.formats import vocabulary as say
from probe_core.formats.activities import Activities
from probe_core.formats.vocabulary import Name, Statement, readable
from probe_core.model import RunGraph


class Agents:
    """The agents of one run, and what they are responsible for."""

    def __init__(self, graph: RunGraph, activities: Activities) -> None:
        """Tell them of ``graph``, beside its ``activities``."""
        self.graph, self.activities = graph, activities

    def rules(self) -> Iterator[Statement]:
        """Tell the rules that steps followed: entities, and plans."""
        for (engine, rule), name in self._rules.items():
            yield Statement(name, {}, [
                ("prov:type", Name("prov:Plan")),
                ("prov:type", Name(say.RULE)),
                ("prov:label", readable(rule)),
                ("probe:engine", engine),
            ])  # fmt: skip

    def statements(self) -> Iterator[Statement]:
        """Tell the user, PROBE and the engines."""
        run = self.graph.run
        yield Statement(self._user, {}, [
            ("prov:type", Name("prov:Person")),
            ("prov:label", readable(run.user)),
            ("probe:host", readable(run.host)),
        ])  # fmt: skip
        yield Statement("agent:probe", {}, [
            ("prov:type", Name("prov:SoftwareAgent")), ("prov:label", "PROBE"), ("probe:release", _release()),
        ])  # fmt: skip
        for engine in self._engines:
            yield Statement(_agent(engine), {}, [
                ("prov:type", Name("prov:SoftwareAgent")), ("prov:label", readable(engine)),
            ])  # fmt: skip

    @property
    def _user(self) -> str:
        return _agent(f"user-{self.graph.run.user}-{self.graph.run.host}")

    @cached_property
    def _engines(self) -> list[str]:
        named = {self.graph.run.engine} | {step.engine for step in self.graph.steps}
        return sorted(name for name in named if name)

    @cached_property
    def _rules(self) -> dict[tuple[str | None, str], str]:
        both = dict.fromkeys((step.engine, step.rule) for step in self.graph.steps)
        return {rule: f"run:rule-{number}" for number, rule in enumerate(both)}

    def associated(self) -> Iterator[Statement]:
        """Tell who ran what, by which rule."""
        yield Statement(None, {"prov:activity": "run:run", "prov:agent": self._user})
        if self.graph.run.engine:
            yield Statement(None, {"prov:activity": "run:run", "prov:agent": _agent(self.graph.run.engine)})
        for step in self.graph.steps:
            formal = {
                "prov:activity": self.activities.name(self.activities.of_step(step.number)),
                "prov:agent": _agent(step.engine) if step.engine else self._user,
                "prov:plan": self._rules[step.engine, step.rule],
            }
            yield Statement(None, formal)

    def delegated(self) -> Iterator[Statement]:
        """Tell on whose behalf engines act."""
        for engine in self._engines:
            yield Statement(None, {"prov:delegate": _agent(engine), "prov:responsible": self._user})

    def attributed(self) -> Iterator[Statement]:
        """Tell who recorded."""
        yield Statement(None, {"prov:entity": "run:recording", "prov:agent": "agent:probe"})


def _agent(name: str) -> str:
    """Give the identifier of an agent; characters that identifiers lack are replaced, with a digest."""
    plain = re.sub(r"[^A-Za-z0-9-]", "-", name)
    if plain == name:
        return f"agent:{name}"
    return f"agent:{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _release() -> str | None:
    try:
        return version("probe-provenance")
    except PackageNotFoundError:  # run from its sources
        return None
