"""One hop of lineage: who made a version, what went into that, and what came out of it.

A *maker* is a step where there is one, else an exec with the images that it was forked from (they share its
memory). Content flows by files, by descriptors a program was born with, and by pipes and sockets. Answers
come from the history in small pieces, since a run may have 10^6 accesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from probe_core.ask.classes import FileClass, below_any, classify, is_shipped, program_prefixes
from probe_core.ask.declared import covers, declared_inputs, declared_outputs
from probe_core.ask.own import own_paths
from probe_core.ask.question import CONTENT
from probe_core.history import History, Kept
from probe_core.model import Act, Channel, Exec, FileVersion, Run, Step

INFLOW = frozenset({Act.READ, Act.INHERITED_READ, Act.EXECUTE, Act.LOAD, Act.RENAME_FROM})
OUTFLOW = frozenset({Act.WRITE, Act.INHERITED_WRITE})
SMALL = 16  # bytes; so short a content at another path is no sign of a copy


class Key(NamedTuple):
    """A maker: a step of a run, or one of its execs."""

    run: str
    kind: str  # step, exec
    number: int


@dataclass(frozen=True, slots=True)
class Touch:
    """A version that went into a maker, or came out of it."""

    version: FileVersion
    acts: frozenset[Act]
    file_class: FileClass
    declared: bool | None  # None: no step, or nothing was declared
    shipped: bool  # by an operating system or an environment; a data table that it ships is an input


def is_held_only(version: FileVersion, acts: Iterable[int]) -> bool:
    """Tell whether an empty file was only handed down, as `flock FILE COMMAND` does: no content flows."""
    return version.size == 0 and set(acts) == {Act.INHERITED_READ}


@dataclass(slots=True)
class RunFlows:
    """What was asked of one run, kept for the next hop."""

    history: History
    id: str
    run: Run
    channels: list[Channel]
    steps: dict[int, Step] = field(default_factory=dict)
    execs: dict[int, Exec] = field(default_factory=dict)
    versions: dict[int, FileVersion] = field(default_factory=dict)
    _declared: dict[Key, tuple[frozenset[bytes], frozenset[bytes]] | None] = field(default_factory=dict)
    _execs_of: dict[Key, list[int]] = field(default_factory=dict)
    _inputs: dict[Key, list[Touch]] = field(default_factory=dict)
    _classes: dict[tuple[int, frozenset[Act], frozenset[bytes]], tuple[FileClass, bool]] = field(
        default_factory=dict
    )

    def exec_of(self, number: int) -> Exec:
        """Give one exec."""
        return self.execs_of((number,))[0]

    def execs_of(self, numbers: Iterable[int]) -> list[Exec]:
        """Give some execs."""
        numbers = list(numbers)
        if missing := {one for one in numbers if one not in self.execs}:
            self.execs |= self.history.execs(self.id, missing)
        return [self.execs[one] for one in numbers]

    def versions_of(self, numbers: Iterable[int]) -> list[FileVersion]:
        """Give some versions."""
        numbers = list(numbers)
        if missing := {one for one in numbers if one not in self.versions}:
            self.versions |= self.history.versions(self.id, missing)
        return [self.versions[one] for one in numbers]

    def step_of(self, number: int) -> Step:
        """Give one step."""
        if number not in self.steps:
            self.steps[number] = self.history.step(self.id, number)
        return self.steps[number]

    def around(self, number: int | None) -> list[Step]:
        """Give a step and those around it, innermost first."""
        found: list[Step] = []
        while number is not None and all(step.number != number for step in found):
            found.append(self.step_of(number))
            number = found[-1].parent
        return found

    def maker(self, exec_number: int) -> Key:
        """Give the maker that an exec belongs to."""
        step = self.exec_of(exec_number).step
        return Key(self.id, "exec", exec_number) if step is None else Key(self.id, "step", step)

    def members(self, maker: Key) -> list[int]:
        """Give the execs of a maker: a step's own, or one with those whose memory it inherited."""
        if maker not in self._execs_of:
            if maker.kind == "step":
                self._execs_of[maker] = self.history.execs_of_step(self.id, maker.number)
            else:
                self._execs_of[maker] = self._line(maker.number)
        return self._execs_of[maker]

    def _line(self, number: int) -> list[int]:
        found = [number]
        one = self.exec_of(number)
        while one.forked and one.previous is not None and one.previous not in found:
            found.append(one.previous)
            one = self.exec_of(one.previous)
        return found

    def makers_of(self, version: FileVersion) -> dict[Key, frozenset[Act]]:
        """Give who made a version, and how: its maker first, then others that held it open for writing."""
        if version.made_by is None:
            return {}
        rows = self.history.accesses_to(self.id, [version.number])
        acts: dict[int, set[Act]] = {version.made_by: set()}
        for one, act in zip(rows.exec, rows.act, strict=True):
            if act in OUTFLOW:
                acts.setdefault(one, set()).add(Act(act))
        makers: dict[Key, set[Act]] = {}
        for one, some in acts.items():
            if one == version.made_by or Act.WRITE not in some or not self._only_moves(one, version):
                makers.setdefault(self.maker(one), set()).update(some)
        return {key: frozenset(some or {Act.WRITE}) for key, some in makers.items()}

    def _only_moves(self, exec_number: int, version: FileVersion) -> bool:
        """Tell whether an exec only gave a version its name."""
        rows = self.history.accesses_by(self.id, [exec_number])
        before = [one for one, act in zip(rows.version, rows.act, strict=True) if act == Act.RENAME_FROM]
        return any(one.inode == version.inode for one in self.versions_of(before))

    def inputs_of(self, maker: Key) -> list[Touch]:
        """Give what went into a maker, in time order.

        Without what it had made itself, and without what its engine wrote to start it (the step's script).
        """
        if maker not in self._inputs:
            members = self.members(maker)
            touches = self._touches(maker, members, INFLOW)
            self._inputs[maker] = [
                one
                for one in touches
                if one.version.made_by not in members and not self._starts(maker, one.version)
            ]
        return self._inputs[maker]

    def _starts(self, maker: Key, version: FileVersion) -> bool:
        """Tell whether the engine made ``version`` to start a step, which it calls the step's own."""
        if maker.kind != "step" or version.made_by is None:
            return False
        if not self.is_engines(self.maker(version.made_by)):
            return False
        declaration = self.step_of(maker.number).declaration
        return declaration is not None and below_any(version.path, list(own_paths(declaration.facts)))

    def outputs_of(self, maker: Key) -> list[Touch]:
        """Give what came out of a maker, in time order, without what it took away again itself."""
        members = self.members(maker) if maker.kind == "step" else self._forked_on(maker.number)
        found = self._touches(maker, members, OUTFLOW)
        return [one for one in found if one.version.removed_by not in members]

    def _forked_on(self, number: int) -> list[int]:
        """Give an exec with those that were forked from it and went on with its memory."""
        found, new = [number], [number]
        while new:
            new = [one for one in self.history.execs_forked_from(self.id, new) if one not in found]
            found += new
        return found

    def _touches(self, maker: Key, members: Sequence[int], wanted: frozenset[Act]) -> list[Touch]:
        rows = self.history.accesses_by(self.id, members)
        acts: dict[int, set[Act]] = {}
        for number, act in zip(rows.version, rows.act, strict=True):
            if act in wanted:
                acts.setdefault(number, set()).add(Act(act))
        prefixes = program_prefixes(self.run, self.execs_of(members))
        found = []
        for version in self.versions_of(acts):
            some = frozenset(acts[version.number])
            if version.kind in CONTENT and not is_held_only(version, some):
                file_class, shipped = self._class_of(version, some, prefixes)
                declared = self.is_declared(maker, version.path, outputs=wanted is OUTFLOW)
                found.append(Touch(version, some, file_class, declared, shipped))
        return found

    def _class_of(
        self, version: FileVersion, acts: frozenset[Act], prefixes: frozenset[bytes]
    ) -> tuple[FileClass, bool]:
        key = (version.number, acts, prefixes)  # the same libraries are everywhere
        if key not in self._classes:
            file_class = classify(version.path, acts, self.run, prefixes)
            shipped = file_class is not FileClass.DATA and is_shipped(version.path, self.run, prefixes)
            self._classes[key] = file_class, shipped
        return self._classes[key]

    def is_declared(self, maker: Key, path: bytes, *, outputs: bool) -> bool | None:
        """Tell whether a path is a declared input (or output) of a maker; None: nothing was declared."""
        if maker not in self._declared:
            around = self.around(maker.number) if maker.kind == "step" else []
            found = next((step.declaration for step in around if step.declaration), None)
            self._declared[maker] = (declared_inputs(found), declared_outputs(found)) if found else None
        both = self._declared[maker]
        return None if both is None else covers(both[outputs], path)

    def channels_into(self, maker: Key) -> list[tuple[Channel, list[Key]]]:
        """Give the channels that a maker reads from, with who writes to them."""
        return self._channels(set(self.members(maker)), maker, into=True)

    def channels_out_of(self, maker: Key) -> list[tuple[Channel, list[Key]]]:
        """Give the channels that a maker writes to, with who reads from them."""
        return self._channels(set(self.members(maker)), maker, into=False)

    def _channels(self, members: set[int], maker: Key, *, into: bool) -> list[tuple[Channel, list[Key]]]:
        found = []
        for channel in self.channels:
            near, far = (channel.readers, channel.writers) if into else (channel.writers, channel.readers)
            if channel.kind == "pipe":  # who holds both ends (a job server's clients) tells nothing
                near, far = _without(near, far), _without(far, near)
            if members.intersection(near):
                others = dict.fromkeys(self.maker(one) for one in far if one not in members)
                others.pop(maker, None)
                plumbing = maker.kind == "step" or self.is_engines(maker)
                kept = [one for one in others if not (plumbing and self.is_engines(one))]
                if kept:
                    found.append((channel, kept))
        return found

    def is_engines(self, maker: Key) -> bool:
        """Tell whether a maker is the engine itself: outside all steps of a run whose engine declared some.

        It reads files to see whether they changed, and gives its steps' programs pipes that carry nothing.
        """
        return maker.kind == "exec" and self.run.engine is not None and bool(self.run.facts)


class Flows:
    """Lineage's view of a history: its runs, and how content passes from one to another."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._runs: dict[str, RunFlows] = {}

    def run(self, run_id: str) -> RunFlows:
        """Give the view of one run."""
        if run_id not in self._runs:
            run, channels = self.history.run(run_id), self.history.channels(run_id)
            self._runs[run_id] = RunFlows(self.history, run_id, run, channels)
        return self._runs[run_id]

    def origins(self, run_id: str, found: Sequence[FileVersion]) -> dict[int, Kept]:
        """Give, for versions that a run only found, the version of another run that they are.

        By content (a digest) or identity; at the same path before any other, and elsewhere only where the
        content is not trivially short and was not at this path before it was made there.
        """
        until = self.run(run_id).run.ended
        made: dict[str, list[Kept]] = {}
        for kept in self.history.versions_made_with(one.digest for one in found if one.digest):
            if kept.run != run_id and (until is None or (kept.version.made_at or 0) <= until):
                made.setdefault(kept.version.digest or "", []).append(kept)
        origins = {}
        for version in found:
            candidates = made.get(version.digest, []) if version.digest else self._identical(run_id, version)
            origin = next((one for one in candidates if one.version.path == version.path), None)
            if origin is None and (version.size or 0) >= SMALL:
                origin = next(
                    (one for one in reversed(candidates) if not self._was_before(version, one)), None
                )
            if origin is not None:
                origins[version.number] = origin
        return origins

    def _identical(self, run_id: str, version: FileVersion) -> list[Kept]:
        same = self.history.versions_with_identity(version)
        return [kept for kept in same if kept.run != run_id and kept.version.made_by is not None]

    def _was_before(self, version: FileVersion, made: Kept) -> bool:
        """Tell whether this content stood at the version's path before it was made at the other."""
        return any(
            kept.version.digest == version.digest
            and (self.run(kept.run).run.started or 0) <= (made.version.made_at or 0)
            for kept in self.history.versions_at(version.path)
        )

    def appearances(self, kept: Kept) -> list[Kept]:
        """Give all versions that are this content, itself first: in other runs, and as found elsewhere."""
        version, found = kept.version, [kept]
        if version.digest is None:
            found += self.history.versions_with_identity(version)
        else:
            copies = (version.size or 0) >= SMALL
            for one in self.history.versions_with_digest(version.digest):
                if one.version.path == version.path or (copies and one.version.made_by is None):
                    found.append(one)
        return list({(one.run, one.version.number): one for one in found}.values())

    def readers(self, kept: Kept) -> list[Key]:
        """Give who took in a version, in its own run."""
        rows = self.history.accesses_to(kept.run, [kept.version.number])
        run = self.run(kept.run)
        takers = [one for one, act in zip(rows.exec, rows.act, strict=True) if act in INFLOW]
        return list(dict.fromkeys(map(run.maker, takers)))


def _without(numbers: Sequence[int], others: Sequence[int]) -> tuple[int, ...]:
    """Give ``numbers`` that are not in ``others``."""
    return tuple(one for one in numbers if one not in others)
