"""Joining traces: several hosts', or the batches of one, become one Trace in time order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TypeVar

from probe_core.capture.trace import NONE, Fault, Identity, Image, Kind, Trace

T = TypeVar("T")
_COMMON = (Kind.READ, Kind.LOOKUP, Kind.LIST)
_IS_RARE = bytes(kind not in _COMMON for kind in range(256))
_COLUMNS = (
    "kind", "error", "detail", "when", "last", "count", "value", "pid", "image", "path", "second", "identity",
)  # fmt: skip
Variables = tuple[tuple[bytes, int, bytes | None], ...]


@dataclass(slots=True)
class Tape:
    """One Trace for the whole run, with the host of each image and the key of each environment."""

    trace: Trace
    hosts: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    spaces: list[str] = field(default_factory=list)  # of pids, by image; empty: the hosts
    starters: dict[str, int] = field(default_factory=dict)  # space of a container -> image that started it

    _rare: list[int] | None = None  # rows of other kinds than the three common ones

    def rows(self, kinds: Sequence[Kind]) -> Iterator[int]:
        """The rows of some kinds (not READ, LOOKUP, LIST, which have bulk ways), in time order."""
        if self._rare is None:
            rare = self.trace.kind.tobytes().translate(_IS_RARE)
            self._rare = list(compress(range(len(rare)), rare))
        wanted, kind = set(map(int, kinds)), self.trace.kind
        return (row for row in self._rare if kind[row] in wanted)


def single(trace: Trace) -> Tape:
    """A Tape of one complete trace: nothing is copied."""
    return Tape(trace, [trace.host] * len(trace.images), [trace.key] * len(trace.environments))


def join(traces: Sequence[Trace]) -> Tape:
    """Join traces. Images of the same host, boot and id are one; rows are put in order of time.

    Rows of the same time stand by image, then in the order in which they came, so the batches of one trace
    give that trace. Rows with an id (a reader's batches) replace those that came before under it.
    """
    if len(traces) == 1:
        return single(traces[0])
    joint = _Join()
    for trace in traces:
        joint.add(trace)
    return joint.tape()


class _Join:
    def __init__(self) -> None:
        self.trace = Trace("", "")
        self.hosts: list[str] = []
        self.keys: list[bytes] = []
        self._images: dict[tuple[str, str, int], int] = {}
        self._newest: dict[tuple[str, str, int], int] = {}  # id of a frame -> its newest row
        self._faults: dict[tuple[str, str, str, int | None], Fault] = {}
        self._anonymous: set[int] = set()  # rows without an id
        self._paths: dict[bytes, int] = {}
        self._environments: dict[tuple[bytes, Variables], int] = {}
        self._identities: dict[Identity, int] = {}

    def add(self, trace: Trace) -> None:
        """Append a trace's rows, renumbered."""
        out, begin = self.trace, len(self.trace)
        environments = [self._environment(trace.key, variables) for variables in trace.environments]
        images = [self._image(trace, image, environments) for image in trace.images]
        paths = dict(enumerate(self._number(self._paths, out.paths, path) for path in trace.paths))
        identities = dict(
            enumerate(self._number(self._identities, out.identities, known) for known in trace.identities)
        )
        paths[NONE] = identities[NONE] = NONE
        ids = getattr(trace, "ids", None)
        if ids:
            self._newest.update(((trace.host, trace.boot, one), begin + row) for row, one in enumerate(ids))
        else:
            self._anonymous.update(range(begin, begin + len(trace)))
        for name in _COLUMNS[:8]:
            getattr(out, name).extend(getattr(trace, name))
        out.image.extend(map(images.__getitem__, trace.image))
        out.path.extend(map(paths.__getitem__, trace.path))
        out.second.extend(map(paths.__getitem__, trace.second))
        out.identity.extend(map(identities.__getitem__, trace.identity))
        out.usage.update((begin + row, usage) for row, usage in trace.usage.items())
        out.arguments.update((begin + row, texts) for row, texts in trace.arguments.items())
        for fault in trace.faults:  # a reader tells each again, with the count of all so far
            image = images[fault.image] if fault.image is not None else None
            self._faults[trace.host, fault.segment, fault.reason, image] = replace(fault, image=image)

    def tape(self) -> Tape:
        """The result, in order of time."""
        out = self.trace
        order = self._order()
        if order != list(range(len(out))):
            for name in _COLUMNS:
                column = getattr(out, name)
                setattr(out, name, array(column.typecode, map(column.__getitem__, order)))
            place = {old: new for new, old in enumerate(order)}
            out.usage = {place[row]: usage for row, usage in out.usage.items() if row in place}
            out.arguments = {place[row]: texts for row, texts in out.arguments.items() if row in place}
        out.faults = list(self._faults.values())
        return Tape(out, self.hosts, self.keys)

    def _order(self) -> list[int]:
        """The rows that count, by time and image."""
        ranks = {name: rank for rank, name in enumerate(sorted(self._images))}
        rank_of = [ranks[name] for name in self._images]
        many = len(ranks) + 1
        times = zip(self.trace.when, self.trace.image, strict=True)
        keys = [when * many + rank_of[image] for when, image in times]
        rows: Iterable[int] = range(len(keys))
        if self._newest:
            rows = sorted({*self._newest.values(), *self._anonymous})
        return sorted(rows, key=keys.__getitem__)

    def _environment(self, key: bytes, variables: Variables) -> int:
        number = self._environments.setdefault((key, variables), len(self._environments))
        if number == len(self.keys):
            self.trace.environments.append(variables)
            self.keys.append(key)
        return number

    def _image(self, trace: Trace, image: Image, environments: list[int]) -> int:
        environment = environments[image.environment] if image.environment is not None else None
        fresh = replace(image, environment=environment)
        name = (trace.host, trace.boot, image.id)
        number = self._images.setdefault(name, len(self._images))
        if number == len(self.hosts):
            self.trace.images.append(fresh)
            self.hosts.append(trace.host)
        else:
            _complete(self.trace.images[number], fresh)
        return number

    @staticmethod
    def _number(numbers: dict[T, int], things: list[T], thing: T) -> int:
        number = numbers.setdefault(thing, len(things))
        if number == len(things):
            things.append(thing)
        return number


def _complete(known: Image, newer: Image) -> None:
    """What a later batch knows of an image that an earlier one did not."""
    if not known.program and newer.program:  # the START itself came later
        for name in ("pid", "parent_pid", "forked", "parent_id", "started", "program", "directory", "uid"):
            setattr(known, name, getattr(newer, name))
        known.arguments, known.arguments_cut = newer.arguments, newer.arguments_cut
    known.step = known.step if known.step is not None else newer.step
    known.environment = known.environment if known.environment is not None else newer.environment
    known.libraries = known.libraries or newer.libraries
