"""Steps that may run at the same time and touch one file: what a parallel run can expose.

``race``: a step reads what another one makes, and no rule puts them in order. ``early-read``: it did come
first: it read the old content, or read while the file was still being written. Where the step does not
declare the file either, ``undeclared-input`` says both. ``written-twice``: two such steps make one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from probe_core.ask.judgement import (
    TAKEN_IN,
    DeclaredStep,
    Judgement,
    access_of,
    is_a_product,
    is_the_users,
    remains,
)
from probe_core.ask.question import Question
from probe_core.ask.wording import name_of
from probe_core.hooks import Finding
from probe_core.model import Act, FileVersion, Proof
from probe_core.printable import printable

GRAIN = 20_000_000  # ns; a file's time is that of the kernel's last tick


@dataclass
class _Touched:
    """Who made and who read a path: steps, each with the row that shows it."""

    writers: dict[int, int] = field(default_factory=dict)
    readers: dict[int, int] = field(default_factory=dict)


def parallel(question: Question, told: frozenset[tuple[int | None, bytes | None]]) -> Iterator[Finding]:
    """Give the races of a run; ``told`` are steps and paths whose undeclared input was found already."""
    judgement = Judgement(question)
    steps = {step.number: step for step in judgement.steps}
    for path, touched in sorted(_touched(judgement, steps).items()):
        yield from _races(judgement, steps, path, touched, told)
        yield from _twice(judgement, steps, path, touched)


def _touched(judgement: Judgement, steps: Mapping[int, DeclaredStep]) -> dict[bytes, _Touched]:
    """Give the paths that some step made and that more than one step touched."""
    question = judgement.question
    made = {one.path for one in question.graph.versions if one.made_by is not None and one.kind == "file"}
    found: dict[bytes, _Touched] = {}
    table = question.graph.accesses
    for step in steps.values():
        for row in judgement.rows(step):
            act, version = table.act[row], question.graph.versions[table.version[row]]
            if version.path not in made or version.kind != "file" or table.error[row]:
                continue
            touched = found.setdefault(version.path, _Touched())
            if act == Act.WRITE:
                touched.writers.setdefault(step.number, row)
            elif act in TAKEN_IN:
                touched.readers.setdefault(step.number, row)
    return {
        path: one
        for path, one in found.items()
        if one.writers and len(one.writers.keys() | one.readers.keys()) > 1
    }


def _races(
    judgement: Judgement,
    steps: Mapping[int, DeclaredStep],
    path: bytes,
    touched: _Touched,
    told: frozenset[tuple[int | None, bytes | None]],
) -> Iterator[Finding]:
    question = judgement.question
    table = question.graph.accesses
    for reader, row in touched.readers.items():
        version = question.graph.versions[table.version[row]]
        if (
            (reader, path) in told
            or reader in touched.writers
            or not _is_shared(judgement, steps[reader], version)
        ):
            continue
        file = name_of(path, steps[reader].declaration.directory or question.graph.run.directory)
        if (early := _early(judgement, version, table.first[row], reader, touched)) is not None:
            writer, how = early
            evidence = (access_of(judgement, row), access_of(judgement, touched.writers[writer]))
            message = f"{_name(question, reader)} reads {file} {how.format(_name(question, writer))}"
            yield Finding("early-read", reader, path, message, evidence)
            continue
        loose = next((one for one in touched.writers if judgement.order.are_loose(reader, one)), None)
        if loose is None:
            continue
        maker = _name(question, loose)
        message = f"{_name(question, reader)} reads {file}, which {maker} makes; nothing orders them"
        evidence = (access_of(judgement, row), access_of(judgement, touched.writers[loose]))
        yield Finding("race", reader, path, message, evidence)


def _early(
    judgement: Judgement, version: FileVersion, when: int, reader: int, touched: _Touched
) -> tuple[int, str] | None:
    """Tell whose writing a read came before, and how; None when it did not."""
    question = judgement.question
    later = judgement.made_later(version, reader)
    if later is not None and later in touched.writers:
        if judgement.order.are_loose(reader, later):
            return later, "before {} makes it anew: the old content went in"
        if later in judgement.order.before(reader).steps:
            return later, "before {} has written all of it"
    if version.made_by is None or version.proof == Proof.CHANGED or version.modified is None:
        return None
    maker = judgement.owner(question.graph.execs[version.made_by].step)
    if maker not in touched.writers or Act.METADATA in question.acts_on(version.number):
        return None
    if maker in question.around(reader) or reader in question.around(maker):
        return None
    goes_on = version.modified > when + GRAIN and _is_alive(question, maker, when)
    return (maker, "while {} still writes it") if goes_on else None


def _is_alive(question: Question, step: int | None, when: int) -> bool:
    """Tell whether a program of the step outlives ``when``: a file server's clock may differ from ours."""
    execs = question.graph.execs
    return any(
        (ended := execs[one].ended) is None or ended > when for one in question.execs_by_step.get(step, ())
    )


def _twice(
    judgement: Judgement, steps: Mapping[int, DeclaredStep], path: bytes, touched: _Touched
) -> Iterator[Finding]:
    question = judgement.question
    if not (remains(question, path) and is_a_product(question, path)):
        return
    writers = list(touched.writers)
    for place, second in enumerate(writers):
        first = next((one for one in writers[:place] if judgement.order.are_loose(second, one)), None)
        if first is None or judgement.is_own(steps[second].declaration, path):
            continue
        file = name_of(path, steps[second].declaration.directory or question.graph.run.directory)
        both = f"{_name(question, first)} and {_name(question, second)}"
        message = f"{both} both write {file}; nothing orders them"
        evidence = tuple(access_of(judgement, touched.writers[one]) for one in (first, second))
        yield Finding("written-twice", second, path, message, evidence)


def _is_shared(judgement: Judgement, step: DeclaredStep, version: FileVersion) -> bool:
    """Tell whether the file is one that an order should be given for: the user's, and none that passes."""
    question = judgement.question
    if judgement.is_own(step.declaration, version.path) or not is_a_product(question, version.path):
        return False
    return is_the_users(question, version)


def _name(question: Question, step: int) -> str:
    return printable(question.graph.steps[step].name)
