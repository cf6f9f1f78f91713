"""Steps that an engine carries out in its own process: copying results, running a rule's code itself.

No variable tells such a step apart, but its engine declares it with ``facts["in_engine"]``. What the
engine's own programs did with exactly the files that it declares is then the step's: it gets an exec of its
own, forked from the engine's (they share a process), and the rest stays with the engine.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace

from probe_core.model import Accesses, Act, Exec, RunGraph, Step

_TAKES = frozenset({Act.READ, Act.RENAME_FROM})
_MAKES = frozenset({Act.WRITE, Act.METADATA})


def settle_inside(graph: RunGraph) -> None:
    """Give the steps that ran inside their engine's own process what it did for them."""
    observed = {one.step for one in graph.execs}
    steps = [
        step
        for step in graph.steps
        if step.declaration and step.declaration.facts.get("in_engine") and step.number not in observed
    ]
    if steps:
        _Settling(graph, steps).settle()


@dataclass(frozen=True)
class _Settling:
    graph: RunGraph
    steps: list[Step]

    def settle(self) -> None:
        graph, table = self.graph, self.graph.accesses
        takers, makers = self._by_path(inputs=True), self._by_path(inputs=False)
        outside = [one.step is None for one in graph.execs]
        made: dict[tuple[int, int], int] = {}
        more: list[tuple[int, int]] = []  # a row once more, by another exec
        for row in range(len(table)):
            by, act = table.exec[row], table.act[row]
            wanted = takers if act in _TAKES else makers if act in _MAKES else None
            if wanted is None or not outside[by]:
                continue
            for place, step in enumerate(_covering(wanted, graph.versions[table.version[row]].path)):
                inside = self._exec(by, step, made)
                if place:
                    more.append((row, inside))
                else:
                    table.exec[row] = inside
        self._remake(made)
        if more:
            graph.accesses = _with(table, more)

    def _by_path(self, *, inputs: bool) -> dict[bytes, list[Step]]:
        found: dict[bytes, list[Step]] = {}
        for step in self.steps:
            assert step.declaration is not None
            paths: Iterable[bytes] = step.declaration.inputs if inputs else step.declaration.outputs
            for path in dict.fromkeys(form for one in paths for form in (one, os.path.realpath(one))):
                found.setdefault(path, []).append(step)
        return found

    def _exec(self, by: int, step: Step, made: dict[tuple[int, int], int]) -> int:
        """Give the exec that stands for the engine's part in a step."""
        if (by, step.number) not in made:
            execs = self.graph.execs
            made[by, step.number] = len(execs)
            told = {"number": len(execs), "previous": by, "forked": True, "step": step.number}
            execs.append(_stands_for(execs[by], step, told))
        return made[by, step.number]

    def _remake(self, made: dict[tuple[int, int], int]) -> None:
        """Let versions that an engine wrote for a step be made by that step's exec."""
        table, versions = self.graph.accesses, list(self.graph.versions)
        origin = {inside: by for (by, _), inside in made.items()}
        for version, by, act in zip(table.version, table.exec, table.act, strict=True):
            if act == Act.WRITE and by in origin and versions[version].made_by == origin[by]:
                versions[version] = replace(versions[version], made_by=by)
        self.graph.versions = versions


def _stands_for(engine: Exec, step: Step, told: dict[str, int | bool]) -> Exec:
    return replace(engine, **told, started=step.started, ended=step.ended)  # type: ignore[arg-type]


def _covering(steps: dict[bytes, list[Step]], path: bytes) -> list[Step]:
    """Give the steps that declare ``path`` or the nearest folder above it."""
    while path and path not in steps:
        path = path.rpartition(b"/")[0]
    return steps.get(path, [])


def _with(table: Accesses, more: list[tuple[int, int]]) -> Accesses:
    """Give the accesses with some rows once more, by other execs; ordered by time as before."""
    for row, by in more:
        for column in (table.version, table.act, table.first, table.last, table.count, table.error):
            column.append(column[row])
        table.exec.append(by)
    order = sorted(range(len(table)), key=table.first.__getitem__)
    return Accesses(
        *(
            array(column.typecode, map(column.__getitem__, order))
            for column in (
                table.exec, table.version, table.act, table.first, table.last, table.count, table.error,
            )
        )
    )  # fmt: skip
