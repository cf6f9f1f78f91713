"""Stitching: traces and declarations become the graph of a run."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from probe_core.capture.containers import works_for_itself
from probe_core.capture.trace import NONE, Kind, Trace
from probe_core.model import (
    Exec,
    FileVersion,
    Gap,
    GapReason,
    Process,
    Run,
    RunGraph,
    RunState,
    Variable,
    Versions,
)
from probe_core.stitch.assemble import NEVER_THERE, UNREAD, Assembly
from probe_core.stitch.channels import channels_of
from probe_core.stitch.columns import BULK, OUTSIDE, WALKED, Plain, Row, bulk, merge, split, survey
from probe_core.stitch.containers import settle_containers
from probe_core.stitch.declare import declarations_of, facts_of, settled_by
from probe_core.stitch.digests import Digester, ToldDigests
from probe_core.stitch.drafts import NOWHERE, Lead, Names
from probe_core.stitch.files import FileFacts
from probe_core.stitch.found import found_steps
from probe_core.stitch.gaps import gap, gap_of_engine
from probe_core.stitch.inherited import Inherited, settle_makers
from probe_core.stitch.inside import settle_inside
from probe_core.stitch.never import Never
from probe_core.stitch.past_libc import past_libc
from probe_core.stitch.processes import Tree, grow
from probe_core.stitch.programs import Programs
from probe_core.stitch.redact import SECRET_NAME, Redactor
from probe_core.stitch.steps import Steps, assign
from probe_core.stitch.tape import Tape, join
from probe_core.stitch.unseen import gaps_of
from probe_core.stitch.walk import Walk

if TYPE_CHECKING:
    from probe_core.hooks import Declared

_NAMED = (
    Kind.WRITE, Kind.REMOVE, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.MAKE, Kind.CHANGE, Kind.METADATA,
)  # fmt: skip
_NOT_OURS = Lead(NOWHERE, NOWHERE)
_FOLDER = "directory"
Descriptors = Iterable[tuple[bytes, int, int]]


def stitch_traces(
    run: Run,
    traces: Sequence[Trace],
    declared: Sequence[Declared],
    files: FileFacts,
    *,
    descriptors: Descriptors = (),
    digester: Digester | None = None,
) -> RunGraph:
    """Make the graph of a run. Nothing is read but what ``files`` and ``digester`` give.

    ``descriptors`` are path, device and inode of what the launcher inherited.
    """
    with _no_collecting():
        return _Stitching(run, join(traces), declared, files).graph(descriptors, digester)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Without the cycle collector: nothing here is circular, and it would walk 10^6 objects often."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Stitcher:
    """Stitching that can be resumed: feed it batches of traces, ask for the graph at any time.

    A batch is a Trace of committed frames, with the images they belong to (again or for the first time).
    However a trace is cut into batches, and fed in order, the graph is the same.
    """

    def __init__(
        self, run: Run, declared: Sequence[Declared], files: FileFacts, *, descriptors: Descriptors = ()
    ) -> None:
        self.run, self.declared, self.files = run, declared, files
        self._descriptors = tuple(descriptors)
        self._batches: list[Trace] = []

    def feed(self, batch: Trace) -> None:
        """Take in the frames that were committed since."""
        self._batches.append(batch)

    def graph(self, digester: Digester | None = None) -> RunGraph:
        """The graph of all that was fed so far."""
        return stitch_traces(
            self.run,
            self._batches,
            self.declared,
            self.files,
            descriptors=self._descriptors,
            digester=digester,
        )


class _Stitching:
    def __init__(self, run: Run, tape: Tape, declared: Sequence[Declared], files: FileFacts) -> None:
        self.containers = settle_containers(tape, files)
        tape = self.containers.tape
        self.run, self.tape, self.trace, self.files, self.declared = run, tape, tape.trace, files, declared
        self.tree: Tree = grow(tape, over=run.state is not RunState.OPEN)
        self.order = sorted(range(len(self.tree.programs)), key=lambda n: (self.tree.programs[n].started, n))
        self.exec_of = _inverse(self.order)
        lives = sorted(range(len(self.tree.lives)), key=lambda n: (self.tree.lives[n].started, n))
        self.lives, self.process_of = lives, _inverse(lives)
        self.redactor = Redactor(
            (key, digest)
            for key, variables in zip(tape.keys, self.trace.environments, strict=True)
            for name, digest, value in variables
            if value is None and SECRET_NAME.search(name)
        )

    def graph(self, descriptors: Descriptors, digester: Digester | None) -> RunGraph:
        for program in self.tree.programs:  # first: a secret met in arguments is taken out of paths too
            self.redactor.arguments(program.arguments)
        declarations = declarations_of(self.declared, self.redactor)
        found, own_gaps = found_steps(self.declared, self.tape, self.tree, self.redactor)
        steps = assign(self.tree, self.trace.images, declarations, self.run.outer_step, found)
        names = Names(self.trace.paths, self.files)
        plain = survey(self.trace)
        inherited = Inherited(self.tape, self.tree, descriptors)
        walk = Walk(self.trace, names, self.files, self.tree.of_image)
        marks = self._marks(names, plain, inherited)
        mask, rows = split(self.trace, plain, marks)
        self._walk(walk, rows, inherited, names)
        bulk_names = self._found(names, plain, marks)
        settled = settled_by(declarations)
        assembly = Assembly(names, self.files, self.tree, walk.states, bulk_names, self.run.ended, settled)
        told = ToldDigests(one.facts.get("digests") for one in declarations)
        versions, gaps = assembly.versions(self.exec_of, told, digester)
        graph = RunGraph(self._run_facts(), steps=steps.steps, processes=self._processes(steps))
        self._execs(graph, steps)
        graph.versions = [self._clean(version) for version in versions]
        graph.channels = channels_of(self.tape, self.tree, self.exec_of)
        self._accesses(graph, walk, mask, plain, names, marks, assembly)
        settle_inside(graph)
        graph.versions = Versions(list(graph.versions), *self._never())
        own = [replace(one, exec=self.exec_of[one.exec]) for one in inherited.gaps if one.exec is not None]
        self._gaps(graph, [*own_gaps, *own, *gaps, *steps.gaps], steps)
        return graph

    # ---- files

    def _marks(self, names: Names, plain: Plain, inherited: Inherited) -> bytearray:
        """What to do with the plain rows of each of the trace's paths."""
        trace, lead = self.trace, names.lead
        hot: set[int] = set()
        for row in self.tape.rows(_NAMED):
            for index in (trace.path[row], trace.second[row]):
                if index != NONE and trace.paths[index].startswith(b"/"):
                    hot.update(lead(index))
        self.never = Never(trace, plain, self.files)
        missed = plain.missed.difference(self.never.index_of.values())
        names.leads(plain.seen | missed)
        hot |= inherited.resolve(names, self.files, (lead(path).name for path in sorted(plain.seen)))
        missed.update(self.never.leave(names))
        if missed:  # names (and ends of links) that were there at one time and missing at another
            absent = set(chain.from_iterable(map(lead, missed)))
            hot |= absent.intersection(chain.from_iterable(map(lead, plain.seen | plain.odd)))
        looked = plain.seen | missed
        leads = names.leads(looked)
        marks = bytearray(len(trace.paths) + 1)
        fact, paths, first_read = self.files.fact, names.paths, plain.first_read
        for path in looked:
            name, target = leads[path] or _NOT_OURS
            if name == NOWHERE:
                marks[path] = OUTSIDE
            elif target != NOWHERE or name in hot or (path in first_read and fact(paths[name])[0] == _FOLDER):
                marks[path] = WALKED
        for path in plain.odd:
            marks[path] = marks[path] or WALKED
        return marks

    def _walk(self, walk: Walk, rows: Sequence[int], inherited: Inherited, names: Names) -> None:
        programs = Programs(self.tape, self.tree, names, self.files)
        unseen: dict[int, int] = {}
        for number in self.tree.unanswered:
            note = self.tree.programs[number].note
            if note is not None:
                unseen[note] = number
        begun: set[int] = set()
        for row in sorted([*rows, *unseen]) if unseen else rows:
            kind = self.trace.kind[row]
            if kind == Kind.DESCRIPTOR:
                inherited.take(walk, row)
            elif kind == Kind.LOAD:
                programs.load(walk, row)
            elif kind == Kind.START or row in unseen:
                number = unseen[row] if row in unseen else self.tree.of_image[self.trace.image[row]]
                begun.add(number)
                programs.begin(walk, number)
            else:
                walk.row(row)
        for number, program in enumerate(self.tree.programs):
            if not program.forked and number not in begun:
                programs.begin(walk, number)
        programs.settle_forked()
        settle_makers((draft for state in walk.states.values() for draft in state.drafts), self.tree)

    def _found(self, names: Names, plain: Plain, marks: bytearray) -> dict[int, int]:
        """The names that bulk rows touch, with when they were first read (or UNREAD, or ABSENT)."""
        found: dict[int, int] = {}
        leads, first_read = names.leads(self.never.leave(names)), plain.first_read
        for path in plain.missed.difference(self.never.index_of.values()):
            if marks[path] == BULK:
                found[(leads[path] or _NOT_OURS)[0]] = NEVER_THERE
        for path in plain.seen:
            if marks[path] == BULK:
                name, first = (leads[path] or _NOT_OURS)[0], first_read.get(path, UNREAD)
                known = found.setdefault(name, first)
                if first < known:
                    found[name] = first
        return found

    def _accesses(
        self, graph: RunGraph, walk: Walk, mask: bytes, plain: Plain, names: Names, marks: bytearray,
        assembly: Assembly,
    ) -> None:  # fmt: skip
        version_of = [0] * len(self.trace.paths)
        number_of, leads, never = assembly.number_of, names.leads(()), self.never.index_of
        for path in (plain.seen | plain.missed).difference(never.values()):
            if marks[path] == BULK:
                version_of[path] = number_of[(leads[path] or _NOT_OURS)[0]]
        for number, index in enumerate(map(never.__getitem__, sorted(never)), len(assembly.sheets)):
            version_of[index] = number
        exec_of_image = [self.exec_of[program] if program >= 0 else 0 for program in self.tree.of_image]
        base = bulk(self.trace, mask, plain.failed, exec_of_image, version_of)
        walk.accesses.sort(key=itemgetter(0))  # a fold's second half may come late
        exec_of = self.exec_of
        more: Iterator[Row] = (
            (first, exec_of[program], draft.number, act, last, count, error)
            for first, program, draft, act, last, count, error in walk.accesses
        )
        graph.accesses = merge(base, more)

    def _never(self) -> tuple[list[bytes], Callable[[bytes], tuple[str, bytes]]]:
        """The paths that were never there, redacted and in order, and where each would lie."""
        volume = self.files.volume

        def place(path: bytes) -> tuple[str, bytes]:
            found, inside = volume(path)
            return found.name, inside

        return list(map(self.redactor.path, sorted(self.never.index_of))), place

    def _clean(self, version: FileVersion) -> FileVersion:
        path = self.redactor.path(version.path)
        if path is version.path or path == version.path:
            return version
        return replace(version, path=path, volume_path=self.redactor.path(version.volume_path))

    # ---- processes

    def _processes(self, steps: Steps) -> list[Process]:
        made = []
        for number, index in enumerate(self.lives):
            life = self.tree.lives[index]
            own = [self.tree.programs[program] for program in life.programs]
            begin = next((n for n, program in enumerate(own) if not program.forked), 0)
            step = steps.of_program[life.programs[begin]] if own else None
            # The command itself is the launcher's child; below an engine that already ran, none is.
            is_command = number == 0 and step is None
            status = self.run.status if life.status is None and is_command else life.status
            made.append(
                Process(
                    number, life.pid, self.process_of[life.parent] if life.parent is not None else None, step,
                    life.started, life.ended, status, life.user, life.system, life.memory, life.host,
                )
            )  # fmt: skip
        return made

    def _execs(self, graph: RunGraph, steps: Steps) -> None:
        trace = self.trace
        environments: dict[int, int] = {}
        for number, index in enumerate(self.order):
            program = self.tree.programs[index]
            image = trace.images[program.image] if program.image is not None else None
            known = image.environment if image is not None else None
            if known is not None and known not in environments:
                environments[known] = len(graph.environments)
                graph.environments.append(
                    tuple(
                        Variable(name, digest, self._value(value))
                        for name, digest, value in trace.environments[known]
                    )
                )
            graph.execs.append(
                Exec(
                    number, self.process_of[program.life],
                    self.exec_of[program.previous] if program.previous is not None else None, program.forked,
                    steps.of_program[index], self.redactor.text(program.path),
                    self.redactor.arguments(program.arguments), program.directory, program.started,
                    program.ended,
                    environments[known] if known is not None else None,
                    image.libraries if image is not None else (), image.uid if image is not None else None,
                )
            )  # fmt: skip

    def _value(self, value: bytes | None) -> bytes | None:
        return self.redactor.text(value) if value is not None else None

    # ---- the run

    def _run_facts(self) -> Run:
        run = self.run
        ended = run.ended
        if ended is None and run.state is RunState.LOST and len(self.trace):
            ended = self.trace.when[-1]
        facts = facts_of(self.declared, self.redactor)
        return self.redactor.run(replace(run, ended=ended, facts={**run.facts, **facts}))

    def _gaps(self, graph: RunGraph, others: list[Gap], steps: Steps) -> None:
        seen = [
            one
            for one in gaps_of(self.tape, self.tree, self.exec_of, steps.of_program, self.redactor)
            if not (one.reason is GapReason.STATIC and self._works_for_itself(graph, one))
        ]
        told = [gap_of_engine(text, self.redactor.string) for one in self.declared for text in one.gaps]
        lost = [gap(GapReason.LAUNCHER_LOST)] if self.run.state is RunState.LOST else []
        silent = self.containers.gaps(graph, self.tree, self.exec_of)
        over = self.run.state not in (RunState.OPEN, RunState.LOST)
        past = past_libc(graph, self.tape, self.tree, self.exec_of, [*seen, *silent]) if over else ()
        if (
            over and not graph.execs and not self.declared and self.run.status not in (126, 127)
        ):  # those: it was never executed
            lost.append(gap(GapReason.NOT_ENTERED, self.redactor.text(self.run.command[0])))
        graph.gaps = [*lost, *seen, *silent, *past, *(self._clean_gap(one) for one in others), *told]

    def _works_for_itself(self, graph: RunGraph, one: Gap) -> bool:
        by = None if one.exec is None else graph.execs[one.exec]
        return by is not None and works_for_itself(by.program, by.arguments)

    def _clean_gap(self, one: Gap) -> Gap:
        about = self.redactor.path(one.about)
        if about == one.about:
            return one
        return gap(one.reason, about, exec=one.exec, step=one.step)


def _inverse(order: Sequence[int]) -> list[int]:
    place = [0] * len(order)
    for number, index in enumerate(order):
        place[index] = number
    return place
