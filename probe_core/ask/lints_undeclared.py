"""Undeclared inputs and outputs: a step reads or makes a file that its rule says nothing about.

The innermost declared step judges: below a rule that calls make, make's own rules do. What the engine
calls its own (``facts["own_paths"]`` of the run or the declaration: path prefixes) is never a finding,
nor is what comes through a descriptor from outside the step, nor what a compiler lists in a dependency file.
"""

from __future__ import annotations

from collections.abc import Iterator

from probe_core.ask.declared import covers, is_side_car
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
from probe_core.model import Act, FileVersion
from probe_core.printable import printable

_LOG_ENDINGS = (b".log", b".err", b".stderr")  # what a program says of itself: nobody's input
_DEPENDENCY_ENDINGS = (b".d", b".dep", b".Po", b".Tpo", b".Plo", b".Tlo")


def undeclared(question: Question) -> Iterator[Finding]:
    """Give the undeclared inputs and outputs of a run, step by step."""
    judgement = Judgement(question)
    for step in judgement.steps:
        if question.graph.steps[step.number].status not in (0, None):
            continue  # half-done work says nothing about the rule
        if not judgement.has_product(step):
            continue
        yield from _inputs(judgement, step)
        yield from _outputs(judgement, step)


def _inputs(judgement: Judgement, step: DeclaredStep) -> Iterator[Finding]:
    """Give what the step's processes read of the user's files without a word in the rule."""
    question, declaration = judgement.question, step.declaration
    if not declaration.outputs:
        return  # without an output a rule is never out of date
    table = question.graph.accesses
    dependencies = judgement.lists_dependencies(step)
    seen: set[bytes] = set()
    for row in judgement.rows(step):
        version = question.graph.versions[table.version[row]]
        if version.path in seen or table.act[row] not in TAKEN_IN or table.error[row]:
            continue
        if not _is_input(judgement, step, version):
            continue
        seen.add(version.path)
        if not dependencies:
            yield _finding(judgement, step, row, version, "undeclared-input")


def _is_input(judgement: Judgement, step: DeclaredStep, version: FileVersion) -> bool:
    question, path = judgement.question, version.path
    if version.kind != "file" or not is_the_users(question, version):
        return False
    if question.is_declared_input(step.number, path) or question.is_declared_output(step.number, path):
        return False
    if judgement.is_own(step.declaration, path) or judgement.made_inside(version, step.number):
        return False
    if version.made_by is None and is_side_car(judgement.read_by(step), path):
        return False
    # Where a chain of rules leads to the file, its change makes the step's own inputs anew.
    chained = step.declaration.facts.get("chains_rebuild") is True
    return not (chained and covers(judgement.order.before(step.number).usual, path))


def _outputs(judgement: Judgement, step: DeclaredStep) -> Iterator[Finding]:
    """Give what the step made and left without a word in the rule."""
    question = judgement.question
    table = question.graph.accesses
    dependencies = judgement.lists_dependencies(step)
    seen: set[bytes] = set()
    for row in judgement.rows(step):
        version = question.graph.versions[table.version[row]]
        path = version.path
        if path in seen or table.act[row] != Act.WRITE or table.error[row]:
            continue
        seen.add(path)
        if question.is_declared_output(step.number, path) or judgement.is_own(step.declaration, path):
            continue
        if dependencies and path.endswith(_DEPENDENCY_ENDINGS):
            continue
        goes_on = judgement.goes_on(path, step.number)
        if path.endswith(_LOG_ENDINGS) and not goes_on:
            continue
        if (remains(question, path) or goes_on) and is_a_product(question, path):
            yield _finding(judgement, step, row, version, "undeclared-output")


def _finding(judgement: Judgement, step: DeclaredStep, row: int, version: FileVersion, lint: str) -> Finding:
    question = judgement.question
    graph = question.graph
    directory = step.declaration.directory or graph.run.directory
    file, name = name_of(version.path, directory), printable(step.declaration.name)
    if lint == "undeclared-input":
        message = f"{name} reads {file}, which it does not declare"
    elif question.is_declared_input(step.number, version.path):
        message = f"{name} changes {file}, which it declares as an input only"
    else:
        message = f"{name} makes {file}, which it does not declare"
    return Finding(
        lint, step.number, version.path, message, tuple(_evidence(judgement, step, row, version, lint))
    )


def _evidence(
    judgement: Judgement, step: DeclaredStep, row: int, version: FileVersion, lint: str
) -> Iterator[str]:
    graph = judgement.question.graph
    yield access_of(judgement, row)
    if lint == "undeclared-input" and version.made_by is not None:
        maker = judgement.owner(graph.execs[version.made_by].step)
        if maker is not None:
            name = printable(graph.steps[maker].name)
            loose = judgement.order.are_loose(step.number, maker)
            yield f"made in this run by {name}" + (
                ", which nothing orders before: a parallel run may come first" if loose else ""
            )
    elif lint == "undeclared-input" and (later := judgement.made_later(version, step.number)) is not None:
        yield f"made anew by {printable(graph.steps[later].name)} afterwards: the old content went in"
