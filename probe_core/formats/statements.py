"""A run as PROV statements, one after the other, for the writers of PROV's several syntaxes.

What is said, and what is not:

- Activities are the run, its steps and, by level, its processes or execs; ``probe:partOf`` names the one
  around each, ``wasStartedBy`` the one that began it, ``wasInformedBy`` the writers of pipes it read.
- Entities are file versions. ``specializationOf`` ties each to its content (named by digest), which is
  the same entity in every run: this joins documents.
- A version has one ``wasGeneratedBy``: by its maker, when that first had it open; at a new name by whoever
  gave it that name. Others that wrote into it are ``wasInfluencedBy``, of role "write": PROV lets an entity
  be generated but once.
- ``wasDerivedFrom`` stands where it is proved: a rename, a hard link. With ``derivations`` also from each
  version that an activity read to each one that it made later, which is a guess
  (and not from what systems and environments ship).
- Activities' times are widened to hold all their accesses: engines' clocks tick coarsely. A read that was
  folded over a write is given to the new version no earlier than that was made. A time that contradicts
  another one is left out.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Iterator
from functools import cached_property

from probe_core.ask.question import READS, WRITES, Question
from probe_core.formats import vocabulary as say
from probe_core.formats.activities import Activities, Level
from probe_core.formats.agents import Agents
from probe_core.formats.making import Making
from probe_core.formats.vocabulary import Instant, Name, Statement, Value, readable
from probe_core.history.identifier import version_identifier
from probe_core.model import Act, FileVersion, Gap, RunGraph, Variable

Attributes = Iterator[tuple[str, Value | None]]
Said = list[tuple[str, Value | None]]
Uses = dict[tuple[int, str], tuple[int, int, int]]  # version and role: first, last, count


class Statements:
    """All statements about a run, section by section; a section may be read any number of times."""

    def __init__(
        self,
        graph: RunGraph,
        *,
        level: Level = Level.PROCESS,
        derivations: bool = False,
        everything: bool = False,
    ) -> None:
        """Prepare to tell ``graph``; ``everything``: look-ups, listings and failures too."""
        self.graph, self.guess, self.everything = graph, derivations, everything
        self.question = Question(graph)
        self.activities = Activities(graph, level)
        self.agents = Agents(graph, self.activities)
        self.making = Making(graph, self.activities)
        self._told = self._survey()
        self._names: dict[int, str] = {}

    @property
    def namespaces(self) -> dict[str, str]:
        """Give prefixes and what they stand for."""
        run = self.graph.run
        found = {
            "prov": say.PROV,
            "xsd": say.XSD,
            "probe": say.PROBE,
            "run": say.run_namespace(run.id),
            "version": say.VERSION,
            "sha256": say.CONTENT,
            "agent": say.AGENT,
        }
        return found | ({"outer": say.run_namespace(run.outer_run)} if run.outer_run else {})

    def sections(self) -> dict[str, Callable[[], Iterator[Statement]]]:
        """Give the sections by PROV's names of their statements."""
        return {
            "entity": self._entities,
            "activity": self.activities.statements,
            "agent": self.agents.statements,
            "used": self._used,
            "wasGeneratedBy": self._generated,
            "wasInvalidatedBy": self._invalidated,
            "wasStartedBy": self._started,
            "wasInformedBy": self._informed,
            "wasDerivedFrom": self._derived,
            "specializationOf": self._specialised,
            "wasInfluencedBy": self._influenced,
            "wasAssociatedWith": self.agents.associated,
            "actedOnBehalfOf": self.agents.delegated,
            "wasAttributedTo": self.agents.attributed,
        }

    # What the sections rest on.

    def _survey(self) -> bytearray:
        """Find which versions are told: those made or removed, and those of the acts that are told."""
        table = self.graph.accesses
        told = bytearray(
            self.making.maker[one.number] is not None or one.removed_by is not None
            for one in self.graph.versions
        )
        counts = bytearray(256)
        for wanted in self._acts:
            counts[wanted] = 1
        for number, act, error in zip(table.version, table.act, table.error, strict=True):
            if counts[act] and (self.everything or not error):
                told[number] = 1
        return told

    @cached_property
    def _acts(self) -> frozenset[Act]:
        content = READS | WRITES | {Act.REMOVE, Act.RENAME_FROM}
        return frozenset(Act) - {Act.METADATA} if self.everything else content

    def _versions(self) -> Iterator[FileVersion]:
        return (one for one in self.graph.versions if self._told[one.number])

    def _name(self, number: int) -> str:
        """Give the identifier of a version: the same whenever this run is told, and for a version that was
        found (not made), in whatever run that content is found at that path."""
        name = self._names.get(number)
        if name is None:
            one, run = self.graph.versions[number], self.graph.run.id
            parts = [version_identifier(one, run).encode(), one.path]
            if self.making.maker[number] is not None or one.ordinal:
                parts += [run.encode(), str(one.ordinal).encode()]
            name = self._names[number] = "version:" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
        return name

    def _uses(self, rows: array[int]) -> Uses:
        """Sum up what one activity took from (or gave to) each version."""
        table, found = self.graph.accesses, {}  # type: ignore[var-annotated]
        for row in rows:
            act, number = table.act[row], table.version[row]
            role = say.ROLES.get(Act(act))
            if role is None or act not in self._acts or (table.error[row] and not self.everything):
                continue
            first, last, count = found.get((number, role), (table.first[row], table.last[row], 0))
            found[number, role] = (
                min(first, table.first[row]),
                max(last, table.last[row]),
                count + table.count[row],
            )
        return found

    def _by_activity(self) -> Iterator[tuple[int, Uses]]:
        """Give each activity's uses, one activity at a time, so that memory stays small."""
        rows: dict[int, array[int]] = {}
        for number, some in self.question.rows_by_exec.items():
            if number is not None:
                rows.setdefault(self.activities.of_exec[number], array("I")).extend(some)
        for activity in sorted(rows):
            yield activity, self._uses(rows[activity])

    # The sections.

    def _entities(self) -> Iterator[Statement]:
        contents = set()
        for one in self._versions():
            yield Statement(self._name(one.number), {}, self._of_version(one))
            if (content := _content(one)) and content not in contents:
                contents.add(content)
                yield Statement(content, {}, self._of_content(one))
        for number, environment in enumerate(self.graph.environments):
            yield Statement(f"run:environment-{number}", {}, _of_environment(environment))
        yield from self.agents.rules()
        for number, gap in enumerate(self.graph.gaps):
            yield Statement(f"run:gap-{number}", {}, self._of_gap(gap))
        yield Statement("run:recording", {}, [
            ("prov:type", Name(say.RECORDING)),
            ("probe:level", self.activities.level.value),
            ("probe:everything", self.everything),
            ("probe:gaps", len(self.graph.gaps)),
        ])  # fmt: skip

    def _of_version(self, one: FileVersion) -> Attributes:
        yield "prov:type", Name(say.FILE)
        yield "prov:label", readable(one.path.rpartition(b"/")[2] or one.path)
        yield "prov:location", say.file_url(one.path)
        yield "probe:path", readable(one.path)
        yield "probe:kind", one.kind
        yield "probe:ordinal", one.ordinal
        yield "probe:digest", one.digest
        yield "probe:size", one.size
        yield "probe:modified", None if one.modified is None else Instant(one.modified)
        yield "probe:changed", None if one.changed is None else Instant(one.changed)
        yield "probe:volume", readable(one.volume) or None
        yield "probe:pathInVolume", readable(one.volume_path) or None
        yield "probe:inode", one.inode
        yield "probe:proof", one.proof.value

    def _of_content(self, one: FileVersion) -> Attributes:
        yield "prov:type", Name(say.CONTENT_TYPE)
        yield "probe:digest", one.digest
        yield "probe:size", one.size

    def _of_gap(self, gap: Gap) -> Attributes:
        yield "prov:type", Name(say.GAP)
        yield "prov:label", readable(gap.detail)
        yield "probe:reason", gap.reason.value
        yield "probe:about", readable(gap.about) or None
        yield "probe:remedy", readable(gap.remedy) or None
        told = self.activities
        number = told.of_step(gap.step) if gap.exec is None else told.of_exec[gap.exec]
        yield "probe:partOf", Name(told.name(number))

    def _used(self) -> Iterator[Statement]:
        for activity, uses in self._by_activity():
            name, step = self.activities.name(activity), self.activities.step_of(activity)
            for (number, role), (first, last, count) in uses.items():
                if role == "write":
                    continue
                one = self.graph.versions[number]
                first = max(first, self.making.since(number) or first)
                known = first <= min(last, last if one.removed_at is None else one.removed_at)
                declared = self.question.is_declared_input(step, one.path) if role == "read" else None
                attributes: Said = [("prov:role", role), ("probe:declared", declared)]
                if count > 1:
                    attributes += (("probe:count", count), ("probe:last", Instant(max(last, first))))
                formal = {
                    "prov:activity": name,
                    "prov:entity": self._name(number),
                    "prov:time": Instant(first) if known else None,
                }
                yield Statement(None, formal, attributes)
        yield from self._environments_used()

    def _environments_used(self) -> Iterator[Statement]:
        found: dict[tuple[int, int], int | None] = {}
        for number, one in enumerate(self.graph.execs):
            if one.environment is not None:
                found.setdefault((self.activities.of_exec[number], one.environment), one.started)
        for (activity, environment), time in found.items():
            formal = {
                "prov:activity": self.activities.name(activity),
                "prov:entity": f"run:environment-{environment}",
                "prov:time": None if time is None else Instant(time),
            }
            yield Statement(None, formal, [("prov:role", "environment")])

    def _generated(self) -> Iterator[Statement]:
        for one in self._versions():
            maker, made = self.making.maker[one.number], self.making.when[one.number]
            if maker is None:
                continue
            step = self.graph.execs[maker].step
            formal = {
                "prov:entity": self._name(one.number),
                "prov:activity": self.activities.name(self.activities.of_exec[maker]),
                "prov:time": None if made is None else Instant(made),
            }
            declared = self.question.is_declared_output(step, one.path)
            yield Statement(None, formal, [("probe:declared", declared)])

    def _invalidated(self) -> Iterator[Statement]:
        for one in self._versions():
            if one.removed_by is not None:
                activity, when = self.activities.of_exec[one.removed_by], one.removed_at
                known = when is not None and self.activities.holds(activity, when)
                formal = {
                    "prov:entity": self._name(one.number),
                    "prov:activity": self.activities.name(activity),
                    "prov:time": Instant(when) if when is not None and known else None,
                }
                yield Statement(None, formal)

    def _started(self) -> Iterator[Statement]:
        for number in self.activities.names():
            if (starter := self.activities.starter(number)) is not None:
                begun, by = self.activities.name(number), self.activities.name(starter)
                yield Statement(None, {"prov:activity": begun, "prov:starter": by})

    def _informed(self) -> Iterator[Statement]:
        of_exec, found = self.activities.of_exec, dict[tuple[int, int], str]()
        for channel in self.graph.channels:
            for writer in channel.writers:
                for reader in channel.readers:
                    if of_exec[writer] != of_exec[reader]:
                        found.setdefault((of_exec[reader], of_exec[writer]), channel.kind)
        name = self.activities.name
        for (reader, writer), kind in found.items():
            formal = {"prov:informed": name(reader), "prov:informant": name(writer)}
            yield Statement(None, formal, [("probe:channel", kind)])

    def _derived(self) -> Iterator[Statement]:
        named = self.making.named
        for new, (old, how) in named.items():
            if self._told[old]:
                formal = {"prov:generatedEntity": self._name(new), "prov:usedEntity": self._name(old)}
                yield Statement(None, formal, [("prov:type", Name(how))])
        if not self.guess:
            return
        by_activity: dict[int, list[int]] = {}
        for number, maker in enumerate(self.making.maker):
            if maker is not None and self._told[number] and number not in named:
                by_activity.setdefault(self.activities.of_exec[maker], []).append(number)
        for activity, uses in self._by_activity():
            reads = dict.fromkeys(number for number, role in uses if role == "read")
            read = [number for number in reads if not self.question.is_boring(number)]
            for new in by_activity.get(activity, ()):
                for old in read:
                    if old != new and self.making.earlier(old, new):
                        formal = {"prov:generatedEntity": self._name(new), "prov:usedEntity": self._name(old)}
                        yield Statement(None, formal, [("prov:type", Name("probe:Guess"))])

    def _specialised(self) -> Iterator[Statement]:
        for one in self._versions():
            if content := _content(one):
                formal = {"prov:specificEntity": self._name(one.number), "prov:generalEntity": content}
                yield Statement(None, formal)

    def _influenced(self) -> Iterator[Statement]:
        for activity, uses in self._by_activity():
            for (number, role), (first, last, _) in uses.items():
                maker = self.making.maker[number]
                if role != "write" or maker is None or self.activities.of_exec[maker] == activity:
                    continue
                writer = self.activities.name(activity)
                formal = {"prov:influencee": self._name(number), "prov:influencer": writer}
                when: Said = [("probe:first", Instant(first)), ("probe:last", Instant(last))]
                yield Statement(None, formal, [("probe:role", role), *when])


def _content(one: FileVersion) -> str | None:
    """Give the identifier of a version's content, where its digest is a SHA-256 one."""
    return one.digest if one.digest and re.fullmatch("sha256:[0-9a-f]{64}", one.digest) else None


def _of_environment(environment: tuple[Variable, ...]) -> Attributes:
    yield "prov:type", Name(say.ENVIRONMENT)
    for one in environment:
        value = f"#{one.digest & 0xFFFFFFFFFFFFFFFF:016x}" if one.value is None else "=" + readable(one.value)
        yield "probe:variable", readable(one.name) + value
