"""Declarations that nothing bears out: an input that the step never looked at, an output it did not make.

Judged is only what was seen whole: steps that ended well, without a gap. What a command line names was
meant; an empty file is a mark, not content; what many steps declare alike is declared for all of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from probe_core.ask.declared import is_side_car
from probe_core.ask.judgement import DeclaredStep, Judgement, is_a_product, remains
from probe_core.ask.question import Question
from probe_core.ask.wording import count_of, name_of
from probe_core.hooks import Finding
from probe_core.model import Act, FileVersion
from probe_core.printable import printable


@dataclass(frozen=True)
class _Unused:
    """A judgement with what both lints look up."""

    judgement: Judgement

    @property
    def question(self) -> Question:
        """The run."""
        return self.judgement.question

    @cached_property
    def touched(self) -> Mapping[int, frozenset[bytes]]:
        """Give the paths that each step did anything with, and the folders it listed."""
        versions, table = self.question.graph.versions, self.question.graph.accesses
        return {
            step.number: frozenset(versions[table.version[row]].path for row in self.judgement.rows(step))
            for step in self.judgement.steps
        }

    @cached_property
    def readers(self) -> Mapping[bytes, tuple[DeclaredStep, ...]]:
        """Give for each declared input the steps that declare and touch it."""
        found: dict[bytes, list[DeclaredStep]] = {}
        for step in self.judgement.steps:
            for path in step.declaration.inputs:
                if self.touches(step, path):
                    found.setdefault(path, []).append(step)
        return {path: tuple(some) for path, some in found.items()}

    @cached_property
    def declared(self) -> Counter[bytes]:
        """Count the steps that declare each input."""
        return Counter(path for step in self.judgement.steps for path in set(step.declaration.inputs))

    @cached_property
    def listed(self) -> Mapping[bytes, frozenset[int]]:
        """Give for each declared input the steps that declare it behind their first, which is their own."""
        found: dict[bytes, set[int]] = {}
        for step in self.judgement.steps:
            for path in step.declaration.inputs[1:]:
                found.setdefault(path, set()).add(step.number)
        return {path: frozenset(some) for path, some in found.items()}

    @cached_property
    def blind(self) -> frozenset[int | None]:
        """Give the steps in which something was not seen; None among them: in the run as a whole."""
        graph = self.question.graph
        steps = {one.step if one.exec is None else graph.execs[one.exec].step for one in graph.gaps}
        return frozenset(around for step in steps for around in (self.question.around(step) or (None,)))

    def was_seen(self, step: DeclaredStep) -> bool:
        """Tell whether the step ended well and nothing in it escaped."""
        graph = self.question.graph
        seen = any(self.question.execs_by_step.get(number) for number in step.inside)
        well = graph.steps[step.number].status == 0
        return seen and well and not self.blind.intersection((*step.inside, None))

    def touches(self, step: DeclaredStep, path: bytes) -> bool:
        """Tell whether the step, or one inside it, did anything with the path, or with what it leads to."""
        real = os.path.realpath(path)
        for number in (step.number, *self.inside(step.number)):
            paths = self.touched.get(number, frozenset())
            if path in paths or real in paths:
                return True
        return False

    def inside(self, step: int) -> Iterator[int]:
        """Give all steps inside a step."""
        for child in self.question.children_by_step.get(step, ()):
            yield child
            yield from self.inside(child)

    def names(self, step: DeclaredStep, path: bytes) -> bool:
        """Tell whether a command line of the step names the file."""
        base = path.rpartition(b"/")[2]
        execs = self.question.graph.execs
        return any(
            base in argument
            for number in step.inside
            for one in self.question.execs_by_step.get(number, ())
            for argument in execs[one].arguments
        )

    def version(self, path: bytes) -> FileVersion | None:
        """Give the last version of a path, when it is a file with content."""
        last = self.question.versions_by_path.get(path, (None,))[-1]
        return last if last is not None and last.kind == "file" and last.removed_by is None else None


def unused(question: Question) -> Iterator[Finding]:
    """Give the declared inputs that were never read, and the declared outputs that were not made."""
    all_of_it = _Unused(Judgement(question))
    for step in all_of_it.judgement.steps:
        if step.declaration.facts.get("phony") is True or not all_of_it.was_seen(step):
            continue
        yield from _inputs(all_of_it, step)
        yield from _outputs(all_of_it, step)


def _inputs(told: _Unused, step: DeclaredStep) -> Iterator[Finding]:
    declaration = step.declaration
    if not told.judgement.has_product(step) or _is_mark(told, step):
        return
    directory = declaration.directory or told.question.graph.run.directory
    for path in declaration.inputs:
        version = told.version(path)
        if version is None or version.size == 0 or told.touches(step, path):
            continue
        if told.judgement.is_own(declaration, path) or told.names(step, path) or _is_shared(told, step, path):
            continue
        if any(_covered_below(told, step, path)) or is_side_car(told.judgement.read_by(step), path):
            continue
        count = count_of(sum(len(told.question.execs_by_step.get(one, ())) for one in step.inside), "program")
        message = f"{printable(declaration.name)} declares {name_of(path, directory)}, which it never reads"
        yield Finding(
            "unused-input", step.number, path, message, (f"none of its {count} opened or looked it up",)
        )


def _covered_below(told: _Unused, step: DeclaredStep, path: bytes) -> Iterator[bool]:
    """Tell of each folder above ``path`` that was declared too whether the step listed it."""
    folder = path.rpartition(b"/")[0]
    while folder:
        yield folder in step.declaration.inputs and told.touches(step, folder)
        folder = folder.rpartition(b"/")[0]


def _is_shared(told: _Unused, step: DeclaredStep, path: bytes) -> bool:
    """Tell whether the input was declared for many steps at once, with no thought of this one.

    So it is when several declare it and none reads it; when one that reads it has nearly the same list of
    inputs behind the first, which usually is a step's own; or when it stands in a list that was given to
    several steps as a whole, whatever else each of them has.
    """
    readers = told.readers.get(path, ())
    if not readers:
        return told.declared[path] > 1
    rest = frozenset(step.declaration.inputs[1:])
    others = (frozenset(one.declaration.inputs[1:]) for one in readers)
    return any(path in other and _are_alike(rest, other) for other in others) or _is_of_a_list(
        told, step, path, rest
    )


def _are_alike(one: frozenset[bytes], other: frozenset[bytes]) -> bool:
    """Tell whether two lists differ by little: what they share is four fifths of what either has."""
    return 5 * len(one & other) >= 4 * len(one | other)


def _is_of_a_list(told: _Unused, step: DeclaredStep, path: bytes, rest: frozenset[bytes]) -> bool:
    """Tell whether most inputs of the step are declared by just the steps that declare ``path`` too.

    Such a list was written once, for all: several that go unread were not put in one by one.
    """
    steps = told.listed.get(path, frozenset())
    together = [one for one in rest if told.listed[one] == steps]
    unread = sum(not told.touches(step, one) for one in together)
    return len(steps) > 1 and unread > 1 and 5 * len(together) >= 4 * len(rest)


def _is_mark(told: _Unused, step: DeclaredStep) -> bool:
    """Tell whether what the step makes only marks a time: empty files, and files that `touch` made newer."""
    made = [version for path in step.declaration.outputs if (version := told.version(path)) is not None]
    return all(version.size == 0 or _is_touched(told, version) for version in made)


def _is_touched(told: _Unused, version: FileVersion) -> bool:
    execs = told.question.graph.execs
    return version.made_by is not None and execs[version.made_by].program.rpartition(b"/")[2] == b"touch"


def _outputs(told: _Unused, step: DeclaredStep) -> Iterator[Finding]:
    """Give the declared outputs that the step left alone, or that never came, while it made another file."""
    question = told.question
    if next(told.inside(step.number), None) is not None:
        return  # what is made inside is judged there
    written = {one for one in _written(told, step) if remains(question, one) and is_a_product(question, one)}
    if not written:
        return
    directory = step.declaration.directory or question.graph.run.directory
    for path in step.declaration.outputs:
        if told.version(path) is None:
            if not (_is_absent(told, step, path) and all(is_misnamed(path, one) for one in written)):
                continue
        elif told.touches(step, path) or told.names(step, path):
            continue
        made = name_of(min(written), directory)
        name = printable(step.declaration.name)
        message = f"{name} declares {name_of(path, directory)}, which it does not make"
        yield Finding("unmade-output", step.number, path, message, (f"it makes {made}",))


def _is_absent(told: _Unused, step: DeclaredStep, path: bytes) -> bool:
    """Tell whether nothing is at ``path``: nothing ever was, or the step itself took it away again."""
    execs = told.question.graph.execs
    there = [one for one in told.question.versions_by_path.get(path, ()) if one.kind != "missing"]
    remover = there[-1].removed_by if there else None
    return not there or (remover is not None and execs[remover].step in step.inside)


def is_misnamed(path: bytes, made: bytes) -> bool:
    """Tell whether what was made has the output's name with more behind it, or in another folder.

    A word that only gains an ending (``check``, ``check.out``) is the name of a task.
    """
    wanted, name = path.rpartition(b"/")[2], made.rpartition(b"/")[2]
    rest = name.removeprefix(wanted)
    if not wanted or path == made or len(rest) == len(name):
        return False
    return not rest or rest[:1] in b"-_~" or (rest[:1] == b"." and b"." in wanted)


def _written(told: _Unused, step: DeclaredStep) -> Iterator[bytes]:
    graph = told.question.graph
    for row in told.judgement.rows(step):
        if graph.accesses.act[row] == Act.WRITE and not graph.accesses.error[row]:
            yield graph.versions[graph.accesses.version[row]].path
