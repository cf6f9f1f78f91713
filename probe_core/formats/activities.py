"""A run's activities (PROV's word): which there are at a level, which one an exec belongs to, and when.

They are numbered: 0 the run, then the steps, then by level the processes and the execs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property

from probe_core.formats import vocabulary as say
from probe_core.formats.vocabulary import Instant, Name, Statement, Value, readable
from probe_core.model import Exec, Process, RunGraph, Step

Attributes = Iterator[tuple[str, Value | None]]


class Level(StrEnum):
    """How finely activities are told: the finest ones read and write."""

    STEP = "step"
    PROCESS = "process"
    EXEC = "exec"


class Activities:
    """The activities of one run at one level."""

    def __init__(self, graph: RunGraph, level: Level) -> None:
        """Number them, find whose each exec is, and widen their times to what they did."""
        self.graph, self.level = graph, level
        self._processes = 1 + len(graph.steps)
        self._execs = self._processes + len(graph.processes)
        self.of_exec = [self._owner(number, one) for number, one in enumerate(graph.execs)]
        self._started: dict[int, int] = {}
        self._ended: dict[int, int] = {}
        self._widen()

    def names(self) -> Iterator[int]:
        """Give the numbers of all activities that are told."""
        yield from range(self._processes)
        if self.level != Level.STEP:
            yield from range(self._processes, self._execs)
        if self.level == Level.EXEC:
            yield from range(self._execs, self._execs + len(self.graph.execs))

    def name(self, number: int) -> str:
        """Give the identifier of an activity."""
        if number == 0:
            return "run:run"
        if number < self._processes:
            return f"run:step-{number - 1}"
        if number < self._execs:
            return f"run:process-{number - self._processes}"
        return f"run:exec-{number - self._execs}"

    def of_step(self, step: int | None) -> int:
        """Give the activity of a step; None: the run."""
        return 0 if step is None else step + 1

    def around(self, number: int) -> int | None:
        """Give the activity that this one is part of; None: it is the run."""
        if number == 0:
            return None
        if number < self._processes:
            parent = self.graph.steps[number - 1].parent
            return self.of_step(None if parent == number - 1 else parent)
        if number < self._execs:
            return self.of_step(self.graph.processes[number - self._processes].step)
        return self._processes + self.graph.execs[number - self._execs].process

    def starter(self, number: int) -> int | None:
        """Give the activity that began this one: a process's parent, else what is around it."""
        if self._processes <= number < self._execs:
            parent = self.graph.processes[number - self._processes].parent
            if parent is not None and parent != number - self._processes:
                return self._processes + parent
        return self.around(number)

    def step_of(self, number: int) -> int | None:
        """Give the innermost step that an activity belongs to; None: the run's own."""
        if number < self._processes:
            return number - 1 if number else None
        if number < self._execs:
            return self.graph.processes[number - self._processes].step
        return self.graph.execs[number - self._execs].step

    def holds(self, number: int, time: int) -> bool:
        """Tell whether a time lies within an activity, as far as its times are known."""
        return self._started.get(number, time) <= time <= self._ended.get(number, time)

    def statements(self) -> Iterator[Statement]:
        """Tell every activity."""
        graph = self.graph
        for number in self.names():
            began = self._started.get(number)
            formal = {
                "prov:startTime": None if began is None else Instant(began),
                "prov:endTime": self._end(number),
            }
            around = self.around(number)
            attributes: list[tuple[str, Value | None]] = []
            if around is not None:
                attributes.append(("probe:partOf", Name(self.name(around))))
            if number == 0:
                attributes += self._of_run()
            elif number < self._processes:
                attributes += self._of_step(graph.steps[number - 1])
            elif number < self._execs:
                attributes += self._of_process(graph.processes[number - self._processes])
            else:
                attributes += self._of_exec(graph.execs[number - self._execs])
            yield Statement(self.name(number), formal, attributes)

    def _owner(self, number: int, one: Exec) -> int:
        match self.level:
            case Level.STEP:
                return self.of_step(one.step)
            case Level.PROCESS:
                return self._processes + one.process
            case _:
                return self._execs + number

    def _widen(self) -> None:
        """Collect the times known, let each activity hold its accesses, and each the ones inside it."""
        graph = self.graph
        known: list[tuple[int, Exec | Process | Step]] = [(1 + one.number, one) for one in graph.steps]
        known += [(self._processes + one.number, one) for one in graph.processes]
        known += [(self._execs + one.number, one) for one in graph.execs]
        self._started = {number: one.started for number, one in known if one.started is not None}
        self._ended = {number: one.ended for number, one in known if one.ended is not None}
        for times, value in ((self._started, graph.run.started), (self._ended, graph.run.ended)):
            if value is not None:
                times[0] = value
        table = graph.accesses
        for number, first, last in zip(table.exec, table.first, table.last, strict=True):
            self._hold(self._execs + number, first, last)
        self._widen_outwards()

    def _widen_outwards(self) -> None:
        for number in range(self._execs + len(self.graph.execs) - 1, 0, -1):
            seen = {number}
            first, last = self._started.get(number), self._ended.get(number)
            around = self.around(number)
            while around is not None and around not in seen:
                self._hold(around, first, last)
                seen.add(around)
                around = self.around(around)

    def _hold(self, number: int, first: int | None, last: int | None) -> None:
        """Widen known times; what is not known stays so."""
        if first is not None and first < self._started.get(number, first):
            self._started[number] = first
        if last is not None and last > self._ended.get(number, last):
            self._ended[number] = last

    def _end(self, number: int) -> Instant | None:
        """Give when an activity ended, unless a clock contradicts that."""
        ended = self._ended.get(number)
        return None if ended is None or ended < self._started.get(number, ended) else Instant(ended)

    def _of_run(self) -> Attributes:
        run = self.graph.run
        yield "prov:type", Name(say.RUN)
        yield "prov:label", readable(run.name or b" ".join(run.command))
        yield "probe:name", None if run.name is None else readable(run.name)
        yield "probe:identifier", run.id
        yield "probe:engine", run.engine
        yield "probe:command", words(run.command)
        yield "probe:directory", say.file_url(run.directory)
        yield "probe:host", readable(run.host)
        yield "probe:state", run.state.value
        yield "probe:status", run.status
        if run.outer_run:
            yield "probe:partOf", Name("outer:run")
            yield "probe:outerStep", None if run.outer_step is None else readable(run.outer_step)
        for name, fact in run.facts.items():
            yield "probe:fact", f"{readable(name)}={readable(json.dumps(fact, ensure_ascii=False))}"

    def _of_step(self, step: Step) -> Attributes:
        yield "prov:type", Name(say.STEP)
        yield "prov:label", readable(step.name)
        yield "probe:rule", readable(step.rule)
        yield "probe:engine", step.engine
        yield "probe:key", readable(step.key)
        yield "probe:attempt", step.attempt
        yield "probe:status", step.status
        declaration = step.declaration
        yield "probe:declared", declaration is not None
        if declaration is not None:
            for term, paths in (
                ("probe:declaredInput", (*declaration.inputs, *declaration.order_only)),
                ("probe:declaredOutput", (*declaration.outputs, *declaration.logs)),
            ):
                for path in paths:
                    yield term, say.file_url(path)
            for name, fact in declaration.facts.items():
                yield "probe:fact", f"{readable(name)}={readable(json.dumps(fact, ensure_ascii=False))}"

    def _of_process(self, process: Process) -> Attributes:
        yield "prov:type", Name(say.PROCESS)
        execs = self._execs_of_process.get(process.number, [])
        yield "prov:label", label(execs[-1]) if execs else f"process {process.pid}"
        yield "probe:pid", process.pid
        yield "probe:host", readable(process.host) or None
        yield "probe:status", process.status
        yield "probe:userTime", process.user_time
        yield "probe:systemTime", process.system_time
        yield "probe:peakMemory", process.peak_memory
        if self.level == Level.PROCESS:
            for one in execs:
                yield "probe:program", say.file_url(one.program) if one.program else None
                yield "probe:command", words(one.arguments) or None
            for directory in sorted({one.directory for one in execs if one.directory}):
                yield "probe:directory", say.file_url(directory)

    def _of_exec(self, one: Exec) -> Attributes:
        yield "prov:type", Name(say.EXEC)
        yield "prov:label", label(one)
        yield "probe:program", say.file_url(one.program) if one.program else None
        yield "probe:command", words(one.arguments) or None
        yield "probe:directory", say.file_url(one.directory) if one.directory else None
        yield "probe:forked", one.forked
        yield "probe:user", one.uid

    @cached_property
    def _execs_of_process(self) -> dict[int, list[Exec]]:
        return execs_by_process(self.graph)


_PLAIN = re.compile(rb"[A-Za-z0-9_@%+=:,./-]+")


def execs_by_process(graph: RunGraph) -> dict[int, list[Exec]]:
    """Give each process's execs, in their order."""
    found: dict[int, list[Exec]] = {}
    for one in graph.execs:
        found.setdefault(one.process, []).append(one)
    return found


def words(arguments: tuple[bytes, ...]) -> str:
    """Give a command line as a shell would take it back."""
    return readable(
        b" ".join(
            one if _PLAIN.fullmatch(one) else b"'" + one.replace(b"'", b"'\\''") + b"'" for one in arguments
        )
    )


def label(one: Exec) -> str:
    """Give an exec a short name: its program's, and a script's (or the first file's) when there is one."""
    program = one.program.rpartition(b"/")[2] or (one.arguments[0] if one.arguments else b"?")
    behind = () if b"-c" in one.arguments[:3] or b"-e" in one.arguments[:3] else one.arguments[1:3]
    script = next((word for word in behind if not word.startswith(b"-") and b"." in word), b"")
    return readable(program + (b" " + script.rpartition(b"/")[2] if script and len(script) < 200 else b""))
