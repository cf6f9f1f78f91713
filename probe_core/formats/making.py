"""Who made each file version, when, and which is another one under a new name, as PROV wants to know it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from probe_core.ask.question import READS, WRITES
from probe_core.formats.activities import Activities
from probe_core.model import Act, RunGraph

RENAME, LINK = "probe:Rename", "probe:Link"


class Making:
    """The making of every version of one run. Lists are by version number."""

    def __init__(self, graph: RunGraph, activities: Activities) -> None:
        """Find out from all accesses."""
        self.graph, self._activities = graph, activities
        self.maker: list[int | None] = [one.made_by for one in graph.versions]
        self.when: list[int | None] = [None] * len(graph.versions)
        self._find()

    def since(self, number: int) -> int | None:
        """Give since when a version can have been used: when it was made, else when it came to be."""
        when = self.when[number]
        return self.graph.versions[number].made_at if when is None else when

    def earlier(self, old: int, new: int) -> bool:
        """Tell whether a version was there before another came to be; else it cannot have come from it."""
        before, after = self.graph.versions[old].made_at, self.graph.versions[new].made_at
        return self.maker[old] is None or (before is not None and after is not None and before < after)

    @cached_property
    def named(self) -> dict[int, tuple[int, str]]:
        """Give for each version that is another one under a new name that other one, and how it got it."""
        table, versions = self.graph.accesses, self.graph.versions
        left: dict[tuple[int, int, int | None], tuple[int, str]] = {}
        named = {number for number, act in zip(table.version, table.act, strict=True) if act == Act.WRITE}
        inodes = {versions[number].inode for number in named} - {None}
        for by, number, act, first in zip(table.exec, table.version, table.act, table.first, strict=True):
            if act in (Act.RENAME_FROM, Act.LOOKUP) and versions[number].inode in inodes:
                how = RENAME if act == Act.RENAME_FROM else LINK
                left[by, first, versions[number].inode] = number, how
        found = {}
        for by, number, act, first in zip(table.exec, table.version, table.act, table.first, strict=True):
            old = left.get((by, first, versions[number].inode)) if act == Act.WRITE else None
            if old is not None and old[0] != number and self.earlier(old[0], number):
                found[number] = old
        return found

    def _find(self) -> None:
        """A version whose maker never had it open got its name from the first who had it."""
        first_by: dict[int, tuple[int, int]] = {}
        own: dict[int, int] = {}
        for number, by, first in self._rows(WRITES):
            if number not in first_by or first < first_by[number][1]:
                first_by[number] = by, first
            if by == self.graph.versions[number].made_by:
                own[number] = min(first, own.get(number, first))
        used: dict[int, int] = {}
        for number, _, first in self._rows(READS):
            first = max(first, self.graph.versions[number].made_at or first)
            used[number] = min(first, used.get(number, first))
        for number, one in enumerate(self.graph.versions):
            if number in own:
                when: int | None = own[number]
            elif number in first_by:
                self.maker[number], when = first_by[number]
            else:
                when = one.made_at
            maker = self.maker[number]
            if maker is None or when is None or when > min(used.get(number, when), one.removed_at or when):
                continue
            if self._activities.holds(self._activities.of_exec[maker], when):
                self.when[number] = when

    def _rows(self, acts: frozenset[Act]) -> Iterator[tuple[int, int, int]]:
        """Give version, exec and time of the accesses that succeeded."""
        table, wanted = self.graph.accesses, frozenset(map(int, acts))
        for number, by, act, first, error in zip(
            table.version, table.exec, table.act, table.first, table.error, strict=True
        ):
            if act in wanted and not error:
                yield number, by, first
