"""`why` and `uses`: where a file's content came from, and what was made from it, across all recorded runs.

The answer is a graph of files and makers (steps, or execs where there is no step). Files are versions; one
that several runs found or made is one node. First inputs are files without a recorded maker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probe_core.ask.classes import FileClass
from probe_core.ask.flows import Flows, Key, RunFlows, Touch
from probe_core.ask.targets import Target, find_target
from probe_core.history import History, Kept
from probe_core.history.identifier import version_identifier
from probe_core.model import Act, Exec, FileVersion, Run, Step

MOST = 10_000  # makers in one answer; `Lineage.cut` says that there are more


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file version in the answer; ``number`` is its place in ``Lineage.files``."""

    number: int
    identifier: str  # see history.identifier
    run: str  # the run in whose graph ``version`` is numbered
    version: FileVersion
    file_class: FileClass
    shipped: bool  # by an operating system or an environment
    same_as: int | None = None  # the file, made elsewhere by a recorded run, whose content this is


@dataclass(frozen=True, slots=True)
class Maker:
    """A step, or an exec outside any step; ``number`` is its place in ``Lineage.makers``."""

    number: int
    run: str
    step: Step | None
    exec: Exec | None
    around: tuple[Step, ...]  # the steps around it, innermost first
    depth: int  # hops from the file that was asked about, from 1


@dataclass(frozen=True, slots=True)
class Edge:
    """A file that went into a maker, or came out of it. ``declared`` None: nothing was declared there."""

    maker: int
    file: int
    acts: frozenset[Act]
    declared: bool | None


@dataclass(frozen=True, slots=True)
class Link:
    """Content that went from one maker to another through a pipe or socket."""

    source: int
    sink: int
    kind: str
    name: str


@dataclass(slots=True)
class Lineage:
    """The answer to `why` or `uses`."""

    question: str  # why, uses
    target: Target
    file: int  # the file asked about, in ``files``
    files: list[FileNode] = field(default_factory=list)
    makers: list[Maker] = field(default_factory=list)
    inputs: list[Edge] = field(default_factory=list)
    outputs: list[Edge] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    cut: bool = False  # ``depth`` (or the number of makers) ended it, not the history
    _groups: dict[tuple[str, int], tuple[int, dict[int, list[Edge]]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def inputs_of(self, maker: int) -> list[Edge]:
        """Give what went into a maker."""
        return self._grouped("maker", self.inputs).get(maker, [])

    def outputs_of(self, maker: int) -> list[Edge]:
        """Give what came out of a maker, as far as it belongs to the answer."""
        return self._grouped("maker", self.outputs).get(maker, [])

    def makers_of(self, file: int) -> list[int]:
        """Give the makers of a file, its content's where it is a copy of a recorded one."""
        same, by_file = self.files[file].same_as, self._grouped("file", self.outputs)
        return [edge.maker for one in (file, same) if one is not None for edge in by_file.get(one, [])]

    def first_inputs(self) -> list[FileNode]:
        """Give the files that nothing recorded made."""
        return [one for one in self.files if not self.makers_of(one.number)]

    def _grouped(self, by: str, edges: list[Edge]) -> dict[int, list[Edge]]:
        """Group edges by maker or file; anew where edges came on since."""
        key = (by, id(edges))
        count, found = self._groups.get(key, (-1, {}))
        if count != len(edges):
            found = {}
            for edge in edges:
                found.setdefault(getattr(edge, by), []).append(edge)
            self._groups[key] = (len(edges), found)
        return found

    def to_json(self) -> dict[str, Any]:
        """Give the answer for programs; `lineage_json` documents the keys."""
        from probe_core.ask.lineage_json import lineage_object

        return lineage_object(self)


def why(
    history: History, path: str | bytes | Path, *, version: str | None = None, depth: int | None = None
) -> Lineage:
    """Tell where the content of a file came from, back to the first inputs or ``depth`` makers.

    ``path`` as typed; ``version`` as `targets.find_target` has it. Raises UnknownFile, UnknownVersion.
    """
    return _Search(history, "why", find_target(history, path, version)).back(depth)


def uses(
    history: History, path: str | bytes | Path, *, version: str | None = None, depth: int | None = None
) -> Lineage:
    """Tell what was made from the content of a file, onward to the last results or ``depth`` makers."""
    return _Search(history, "uses", find_target(history, path, version)).onward(depth)


class _Search:
    """A breadth-first walk over makers. Each is visited once, so cycles end it."""

    def __init__(self, history: History, question: str, target: Target) -> None:
        self.flows = Flows(history)
        self.answer = Lineage(question, target, 0)
        self._files: dict[tuple[str | bytes | int, ...], int] = {}
        self._makers: dict[Key, int] = {}
        self._edges: set[tuple[str, int, int]] = set()
        version = target.kept.version
        self._file(target.kept.run, Touch(version, frozenset(), FileClass.DATA, None, shipped=False))

    def back(self, depth: int | None) -> Lineage:
        """Follow the content to where it came from."""
        level = self._made(self._first_made(), 1)
        hops = 1
        while level and self._goes_on(depth, hops, level):
            level = [found for key in level for found in self._into(key, hops + 1)]
            hops += 1
        return self._finished()

    def onward(self, depth: int | None) -> Lineage:
        """Follow the content to where it went."""
        level = self._taken(self.answer.target.kept, self.answer.file, 1)
        hops = 1
        while level and self._goes_on(depth, hops, level):
            level = [found for key in level for found in self._out_of(key, hops + 1)]
            hops += 1
        return self._finished()

    def _goes_on(self, depth: int | None, hops: int, level: list[Key]) -> bool:
        """Tell whether the makers of this level are looked into; those at the depth only for their files."""
        if (depth is not None and hops > depth) or len(self.answer.makers) > MOST:
            self.answer.cut = True
            return False
        return bool(level)

    def _finished(self) -> Lineage:
        runs = {one.run for one in self.answer.files} | {one.run for one in self.answer.makers}
        self.answer.runs = {run: self.flows.run(run).run for run in sorted(runs)}
        return self.answer

    def _first_made(self) -> list[tuple[Kept, int]]:
        """Give the version asked about, or the one that some run made of it."""
        kept = self.answer.target.kept
        if kept.version.made_by is not None:
            return [(kept, self.answer.file)]
        return [self._joined(kept.run, self.answer.file, origin)
                for origin in self.flows.origins(kept.run, [kept.version]).values()]  # fmt: skip

    def _joined(self, run: str, file: int, origin: Kept) -> tuple[Kept, int]:
        """Let a found file and the one that a run made be one node, or (elsewhere) point to it."""
        found = self.answer.files[file]
        if origin.version.path == found.version.path:
            return origin, file
        touch = Touch(origin.version, frozenset(), found.file_class, None, found.shipped)
        made = self._file(origin.run, touch)
        self.answer.files[file] = FileNode(
            *(file, found.identifier, run, found.version, found.file_class, found.shipped, made)
        )
        return origin, made

    def _made(self, made: list[tuple[Kept, int]], depth: int) -> list[Key]:
        """Add the makers of files; give those that are new."""
        new = []
        for kept, file in made:
            run = self.flows.run(kept.run)
            for key, acts in run.makers_of(kept.version).items():
                if self._maker(key, depth):
                    new.append(key)
                declared = run.is_declared(key, kept.version.path, outputs=True)
                self._edge("out", Edge(self._makers[key], file, acts, declared))
        return new

    def _into(self, key: Key, depth: int) -> list[Key]:
        """Add what went into a maker; give the new makers behind that."""
        run = self.flows.run(key.run)
        touches = run.inputs_of(key)
        found = [one.version for one in touches if one.version.made_by is None and not one.shipped]
        origins = self.flows.origins(key.run, found)
        made = []
        for touch in touches:
            file = self._file(key.run, touch)
            self._edge("in", Edge(self._makers[key], file, touch.acts, touch.declared))
            if touch.version.made_by is not None:
                made.append((Kept(key.run, touch.version), file))
            elif touch.version.number in origins:
                made.append(self._joined(key.run, file, origins[touch.version.number]))
        return self._made(made, depth) + list(self._linked(key, depth, into=True))

    def _linked(self, key: Key, depth: int, *, into: bool) -> Iterator[Key]:
        """Add the makers at the other ends of a maker's channels; give the new ones."""
        run = self.flows.run(key.run)
        for channel, others in run.channels_into(key) if into else run.channels_out_of(key):
            for other in others:
                if self._maker(other, depth):
                    yield other
                source, sink = (other, key) if into else (key, other)
                link = Link(self._makers[source], self._makers[sink], channel.kind, channel.name)
                if link not in self.answer.links:
                    self.answer.links.append(link)

    def _taken(self, kept: Kept, file: int, depth: int) -> list[Key]:
        """Add who took a file's content in, in whatever run; give those that are new."""
        new = []
        for place in self.flows.appearances(kept):
            run = self.flows.run(place.run)
            for key in self.flows.readers(place):
                touch = _touched(run, key, place.version)
                if touch is not None:
                    if self._maker(key, depth):
                        new.append(key)
                    self._edge("in", Edge(self._makers[key], file, touch.acts, touch.declared))
        return new

    def _out_of(self, key: Key, depth: int) -> list[Key]:
        """Add what came out of a maker; give the new makers that took it in. An engine itself is an end."""
        new: list[Key] = []
        if self.flows.run(key.run).is_engines(key):
            return new
        for touch in self.flows.run(key.run).outputs_of(key):
            file = self._file(key.run, touch)
            self._edge("out", Edge(self._makers[key], file, touch.acts, touch.declared))
            new += self._taken(Kept(key.run, touch.version), file, depth)
        return new + list(self._linked(key, depth, into=False))

    def _file(self, run: str, touch: Touch) -> int:
        """Give the node of a version: made ones are themselves, found ones are their path and content."""
        version = touch.version
        identifier = version_identifier(version, run)
        made = version.made_by is not None
        key = (run, version.number) if made else (version.path, identifier)
        if key not in self._files:
            number = len(self.answer.files)
            self._files[key] = number
            self.answer.files.append(
                FileNode(number, identifier, run, version, touch.file_class, touch.shipped)
            )
        return self._files[key]

    def _maker(self, key: Key, depth: int) -> bool:
        """Add a maker; False: it is known already."""
        if key in self._makers:
            return False
        run = self.flows.run(key.run)
        step = run.step_of(key.number) if key.kind == "step" else None
        one = run.exec_of(key.number) if key.kind == "exec" else None
        around = tuple(run.around(step.number)[1:]) if step else ()
        self._makers[key] = len(self.answer.makers)
        self.answer.makers.append(Maker(len(self.answer.makers), key.run, step, one, around, depth))
        return True

    def _edge(self, direction: str, edge: Edge) -> None:
        if (direction, edge.maker, edge.file) not in self._edges:
            self._edges.add((direction, edge.maker, edge.file))
            (self.answer.inputs if direction == "in" else self.answer.outputs).append(edge)


def _touched(run: RunFlows, key: Key, version: FileVersion) -> Touch | None:
    """Give how a version went into a maker; None: the maker read what it had made itself."""
    return next((one for one in run.inputs_of(key) if one.version.number == version.number), None)
