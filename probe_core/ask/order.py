"""What the declarations of a run say comes before what: rules lead from a step's inputs to the steps that
make them, and on to theirs (``facts["chains_rebuild"]``: the engine makes such a chain anew from its
beginning). Steps are compared only below one scheduler (``facts["scheduler"]`` of their
declarations: what put them in order); of steps below two schedulers nothing is told.

Names that are declared as inputs and had no step of their own stand in ``facts["without_steps"]`` of the
run, when the engine can tell: objects with ``output``, ``inputs`` and ``order_only``.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from probe_core.ask.question import Question


@dataclass(frozen=True, slots=True)
class Before:
    """All that is declared to come before a step."""

    usual: frozenset[bytes]  # whose change makes the step due again
    paths: frozenset[bytes]  # and those that are only to be there first
    steps: frozenset[int]
    complete: bool  # False: it leads to a name of which nothing is known


@dataclass(frozen=True)
class Order:
    """The order of a run's steps, each step's once looked up."""

    question: Question

    def before(self, step: int) -> Before:
        """Give what comes before ``step``, which must be declared."""
        if step not in self._known:
            self._known[step] = self._walk(step)
        return self._known[step]

    def are_loose(self, one: int | None, other: int | None) -> bool:
        """Tell whether two steps may run at the same time, or in either order, for all that is declared.

        False where that cannot be told.
        """
        sides = self._sides(one, other)
        if sides is None:
            return False
        if self._leads_to(sides[0], sides[1]):
            return False
        first, second = self.before(sides[0]), self.before(sides[1])
        if sides[1] in first.steps or sides[0] in second.steps:
            return False
        return first.complete and second.complete

    def _leads_to(self, step: int, other: int) -> bool:
        """Tell whether ``other`` comes before ``step``, nearest ones first: mostly it is the next one."""
        seen: set[bytes] = set()
        waiting = deque(path for path, _ in self._edges(step, usual=True))
        while waiting:
            path = waiting.popleft()
            if path in seen:
                continue
            seen.add(path)
            makers = self._makers.get(path, ())
            if other in makers:
                return True
            for maker in makers:
                waiting.extend(before for before, _ in self._edges(maker, usual=True))
            waiting.extend(before for some in self._behind.get(path, ()) for before in some)
        return False

    def _sides(self, one: int | None, other: int | None) -> tuple[int, int] | None:
        """Give the outermost steps that differ, when one scheduler put both in order."""
        ours, theirs = self.question.around(one)[::-1], self.question.around(other)[::-1]
        for here, there in zip(ours, theirs, strict=False):
            if here != there:
                steps = self.question.graph.steps
                mine, its = steps[here].declaration, steps[there].declaration
                if mine is None or its is None:
                    return None
                same = mine.facts.get("scheduler") == its.facts.get("scheduler") and mine.engine == its.engine
                return (here, there) if same else None
        return None  # one is inside the other

    def _walk(self, step: int) -> Before:
        usual: set[bytes] = set()
        paths: set[bytes] = set()
        steps: set[int] = set()
        complete = True
        waiting = list(self._edges(step, usual=True))
        while waiting:
            path, is_usual = waiting.pop()
            if path in (usual if is_usual else paths):
                continue
            paths.add(path)
            if is_usual:
                usual.add(path)
            makers = self._makers.get(path, ())
            for maker in makers:
                if maker != step:
                    steps.add(maker)
                    waiting += self._edges(maker, usual=is_usual)
            behind = self._behind.get(path)
            if behind is not None:
                waiting += [(one, is_usual) for one in behind[0]] + [(one, False) for one in behind[1]]
            elif not makers and path not in self._there:
                complete = False
        return Before(frozenset(usual), frozenset(paths), frozenset(steps), complete)

    def _edges(self, step: int, *, usual: bool) -> Iterator[tuple[bytes, bool]]:
        declaration = self.question.graph.steps[step].declaration
        if declaration is not None:
            yield from ((path, usual) for path in declaration.inputs)
            yield from ((path, False) for path in declaration.order_only)

    @cached_property
    def _known(self) -> dict[int, Before]:
        return {}

    @cached_property
    def _makers(self) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = {}
        for step in self.question.graph.steps:
            for path in step.declaration.outputs if step.declaration else ():
                found.setdefault(path, []).append(step.number)
        return found

    @cached_property
    def _there(self) -> frozenset[bytes]:
        """Give the paths that were something at some time of the run."""
        return frozenset(one.path for one in self.question.graph.versions if one.kind != "missing")

    @cached_property
    def _behind(self) -> dict[bytes, tuple[list[bytes], list[bytes]]]:
        found: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
        told = self.question.graph.run.facts.get("without_steps")
        for one in told if isinstance(told, list) else ():
            match one:
                case {"output": str(path), "inputs": list(usual), "order_only": list(first)}:
                    found[os.fsencode(path)] = (_paths(usual), _paths(first))
        return found


def _paths(names: list[object]) -> list[bytes]:
    return [os.fsencode(name) for name in names if isinstance(name, str)]
