"""A run, ready to be asked: what lints and formats look up again and again, each index made once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from probe_core.ask.classes import FileClass, below, classify, is_boring, program_prefixes
from probe_core.ask.declared import covers, declared_inputs, declared_outputs
from probe_core.model import Act, Declaration, FileVersion, RunGraph

if TYPE_CHECKING:
    from probe_core.history import History
    from probe_core.hooks import Engine

READS = frozenset({Act.READ, Act.INHERITED_READ, Act.EXECUTE, Act.LOAD})  # content flows into the exec
WRITES = frozenset({Act.WRITE, Act.INHERITED_WRITE})  # content flows out of it
CONTENT = frozenset({"file", "fifo", "device", "socket"})  # kinds of version that hold or pass content

_NOTHING: array[int] = array("I")


@dataclass(frozen=True)
class Question:
    """A run's graph with its engines (by name) and cached look-ups. Rows are rows of ``graph.accesses``."""

    graph: RunGraph
    engines: Mapping[str, Engine] = field(default_factory=dict)
    history: History | None = None  # for lints that look at other runs

    def step_of(self, row: int) -> int | None:
        """Give the innermost step of an access; None: the run itself."""
        return self.graph.execs[self.graph.accesses.exec[row]].step

    @cached_property
    def rows_by_step(self) -> Mapping[int | None, Sequence[int]]:
        """Give each step's accesses (None: those of the run itself), in time order."""
        steps = [one.step for one in self.graph.execs]
        return _grouped(map(steps.__getitem__, self.graph.accesses.exec))

    @cached_property
    def rows_by_exec(self) -> Mapping[int | None, Sequence[int]]:
        """Give each exec's accesses, in time order."""
        return _grouped(self.graph.accesses.exec)

    @cached_property
    def rows_by_version(self) -> Mapping[int | None, Sequence[int]]:
        """Give each file version's accesses, in time order."""
        return _grouped(self.graph.accesses.version)

    @cached_property
    def versions_by_path(self) -> Mapping[bytes, Sequence[FileVersion]]:
        """Give the versions of each path, oldest first."""
        found: dict[bytes, list[FileVersion]] = {}
        for version in self.graph.versions:
            found.setdefault(version.path, []).append(version)
        return {path: sorted(some, key=lambda one: one.ordinal) for path, some in found.items()}

    @cached_property
    def execs_by_step(self) -> Mapping[int | None, Sequence[int]]:
        """Give each step's execs (None: those of the run itself)."""
        return _grouped(one.step for one in self.graph.execs)

    @cached_property
    def children_by_step(self) -> Mapping[int | None, Sequence[int]]:
        """Give the steps directly inside each step (None: the outermost)."""
        return _grouped(step.parent for step in self.graph.steps)

    def around(self, step: int | None) -> tuple[int, ...]:
        """Give ``step`` and the steps around it, innermost first."""
        found: list[int] = []
        while step is not None and step not in found:
            found.append(step)
            step = self.graph.steps[step].parent
        return tuple(found)

    def declaring(self, step: int | None) -> int | None:
        """Give the innermost declared step around ``step`` (itself first); None: nothing was declared."""
        return next((one for one in self.around(step) if self.graph.steps[one].declaration), None)

    def declaration(self, step: int | None) -> Declaration | None:
        """Give the innermost declaration that holds for ``step``: its own, else one around it."""
        found = self.declaring(step)
        return None if found is None else self.graph.steps[found].declaration

    def declared_inputs(self, step: int | None) -> frozenset[bytes]:
        """Give what the innermost declared step may read: inputs, order-only ones; empty: none declared."""
        return self._declared(step)[0]

    def declared_outputs(self, step: int | None) -> frozenset[bytes]:
        """Give what the innermost declared step may write: outputs and logs; empty: none declared."""
        return self._declared(step)[1]

    def is_declared_input(self, step: int | None, path: bytes) -> bool | None:
        """Tell whether ``path``, or a folder above it, is a declared input; None: nothing was declared."""
        return None if self.declaration(step) is None else covers(self.declared_inputs(step), path)

    def is_declared_output(self, step: int | None, path: bytes) -> bool | None:
        """Tell whether ``path``, or a folder above it, is a declared output or log; None: as above."""
        return None if self.declaration(step) is None else covers(self.declared_outputs(step), path)

    def versions_read(self, step: int | None) -> tuple[int, ...]:
        """Give the versions whose content the step's own execs took in, each once, in time order."""
        return self._versions(step, READS)

    def versions_written(self, step: int | None) -> tuple[int, ...]:
        """Give the versions that the step's own execs made, each once, in time order."""
        return self._versions(step, WRITES)

    def class_of(self, version: int) -> FileClass:
        """Tell what a version is to this run, by its path and by all that was done with it."""
        found = self._classes.get(version)
        if found is None:
            path = self.graph.versions[version].path
            found = classify(path, self.acts_on(version), self.graph.run, self.prefixes, self.base_of(path))
            self._classes[version] = found
        return found

    def base_of(self, path: bytes) -> bytes:
        """Give the folder below which a dot hides: where a step works in a hidden one, that."""
        return next((one for one in self._hidden_bases if below(path, one)), self.graph.run.directory)

    @cached_property
    def _hidden_bases(self) -> tuple[bytes, ...]:
        """Give the hidden folders below the run's own in which steps work, the deepest first."""
        start = len(self.graph.run.directory)
        places = {step.declaration.directory or b"" for step in self.graph.steps if step.declaration}
        hidden = (one for one in places if below(one, self.graph.run.directory) and b"/." in one[start:])
        return tuple(sorted(hidden, key=len, reverse=True))

    def is_boring(self, version: int) -> bool:
        """Tell whether a view for people folds this version."""
        path = self.graph.versions[version].path
        return is_boring(path, self.class_of(version), self.graph.run, self.prefixes)

    def acts_on(self, version: int) -> frozenset[Act]:
        """Give all that was done with a version in this run."""
        acts = self.graph.accesses.act
        return frozenset(Act(acts[row]) for row in self.rows_by_version.get(version, _NOTHING))

    @cached_property
    def prefixes(self) -> frozenset[bytes]:
        """Give the environments that programs ran from; see `classes.program_prefixes`."""
        return program_prefixes(self.graph.run, self.graph.execs)

    @cached_property
    def _classes(self) -> dict[int, FileClass]:
        return {}

    @cached_property
    def _declared_cache(self) -> dict[int, tuple[frozenset[bytes], frozenset[bytes]]]:
        return {}

    def _declared(self, step: int | None) -> tuple[frozenset[bytes], frozenset[bytes]]:
        number, found = self.declaring(step), self.declaration(step)
        if number is None or found is None:
            return frozenset(), frozenset()
        if number not in self._declared_cache:
            self._declared_cache[number] = (declared_inputs(found), declared_outputs(found))
        return self._declared_cache[number]

    def _versions(self, step: int | None, acts: frozenset[Act]) -> tuple[int, ...]:
        table = self.graph.accesses
        rows = self.rows_by_step.get(step, _NOTHING)
        return tuple(dict.fromkeys(table.version[row] for row in rows if table.act[row] in acts))


def _grouped(keys: Iterable[int | None]) -> Mapping[int | None, Sequence[int]]:
    """Give for each key the places where it stands."""
    found: dict[int | None, array[int]] = {}
    for place, key in enumerate(keys):
        places = found.get(key)
        if places is None:
            places = found[key] = array("I")
        places.append(place)
    return found


__all__ = ["CONTENT", "READS", "WRITES", "FileClass", "Question"]
