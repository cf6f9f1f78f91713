"""Undeclared inputs and outputs: a step reads or makes a file that its rule says nothing about.

The innermost declared step judges: below a rule that calls make, make's own rules do. What the engine
calls its own (``facts["own_paths"]`` of the run or the declaration: path prefixes) is never a finding,
nor is what comes through a descriptor from outside the step, nor what a compiler lists in a dependency file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from probe_core.ask.classes import KERNEL, PASSING, SHIPPED, FileClass, below, below_any
from probe_core.ask.own import own_paths
from probe_core.ask.question import Question
from probe_core.ask.wording import command_of, flat, name_of, time_of
from probe_core.hooks import Finding
from probe_core.model import Act, Declaration, FileVersion

TAKEN_IN = frozenset({Act.READ, Act.EXECUTE})
_DEPENDENCY_OPTIONS = (b"-MD", b"-MMD", b"-MF", b"-Wp,-MD", b"-Wp,-MMD")
_DEPENDENCY_ENDINGS = (b".d", b".dep", b".Po", b".Tpo", b".Plo", b".Tlo")


@dataclass(frozen=True)
class _DeclaredStep:
    """A step that is judged: its number, its declaration, and the steps inside it that declare nothing."""

    number: int
    declaration: Declaration
    inside: tuple[int, ...]


@dataclass(frozen=True)
class _Judgement:
    """The question with what both lints look up."""

    question: Question

    @cached_property
    def steps(self) -> list[_DeclaredStep]:
        """Give the steps that declare something, each with all steps it answers for."""
        inside: dict[int, list[int]] = {}
        for step in self.question.graph.steps:
            owner = self.owner(step.number)
            if owner is not None:
                inside.setdefault(owner, []).append(step.number)
        found = []
        for number, members in sorted(inside.items()):
            declaration = self.question.graph.steps[number].declaration
            assert declaration is not None
            if not (declaration.inputs or declaration.outputs or declaration.logs or declaration.order_only):
                continue  # its engine could tell nothing of it
            found.append(_DeclaredStep(number, declaration, tuple(members)))
        return found

    def owner(self, step: int | None) -> int | None:
        """Give the innermost declared step around ``step``, itself included."""
        for number in self.question.around(step):
            if self.question.graph.steps[number].declaration is not None:
                return number
        return None

    def is_own(self, declaration: Declaration, path: bytes) -> bool:
        """Tell whether the engine calls ``path`` its own, or the step's script."""
        return below_any(path, self._own) or below_any(path, list(own_paths(declaration.facts)))

    @cached_property
    def _own(self) -> tuple[bytes, ...]:
        return tuple(own_paths(self.question.graph.run.facts))

    def made_inside(self, version: FileVersion, step: int) -> bool:
        """Tell whether ``version`` was made in ``step``, or in a step inside it."""
        if version.made_by is None:
            return False
        return step in self.question.around(self.question.graph.execs[version.made_by].step)

    def has_product(self, step: _DeclaredStep) -> bool:
        """Tell whether something the step declares was made, or is there.

        A rule whose outputs never appear (make's phony targets) runs whenever it is asked to: nothing of it
        can be out of date. An engine that knows better says so: ``facts["phony"]``.
        """
        phony = step.declaration.facts.get("phony")
        if isinstance(phony, bool):
            return not phony
        outputs = step.declaration.outputs
        return not outputs or step.number in self._productive or not self._files.isdisjoint(outputs)

    @cached_property
    def _productive(self) -> frozenset[int]:
        """Give the steps in which, or inside which, a declared output (or something in one) was made."""
        found: set[int] = set()
        for version in self.question.graph.versions:
            if version.made_by is not None:
                for step in self.question.around(self.question.graph.execs[version.made_by].step):
                    if step not in found and self.question.is_declared_output(step, version.path):
                        found.add(step)
        return frozenset(found)

    @cached_property
    def _files(self) -> frozenset[bytes]:
        return frozenset(one.path for one in self.question.graph.versions if one.kind == "file")

    def rows(self, step: _DeclaredStep) -> Iterator[int]:
        """Give the accesses of the step's processes."""
        for number in step.inside:
            yield from self.question.rows_by_step.get(number, ())

    def lists_dependencies(self, step: _DeclaredStep) -> bool:
        """Tell whether a compiler in the step writes its inputs to a dependency file."""
        execs = self.question.graph.execs
        return any(
            argument.startswith(_DEPENDENCY_OPTIONS)
            for number in step.inside
            for one in self.question.execs_by_step.get(number, ())
            for argument in execs[one].arguments
        )


def undeclared(question: Question) -> Iterator[Finding]:
    """Give the undeclared inputs and outputs of a run, step by step."""
    judgement = _Judgement(question)
    for step in judgement.steps:
        if question.graph.steps[step.number].status not in (0, None):
            continue  # half-done work says nothing about the rule
        if not judgement.has_product(step):
            continue
        yield from _inputs(judgement, step)
        yield from _outputs(judgement, step)


def _inputs(judgement: _Judgement, step: _DeclaredStep) -> Iterator[Finding]:
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


def _is_input(judgement: _Judgement, step: _DeclaredStep, version: FileVersion) -> bool:
    question, path = judgement.question, version.path
    if version.kind != "file" or not _is_the_users(question, version):
        return False
    if question.is_declared_input(step.number, path) or question.is_declared_output(step.number, path):
        return False
    return not (judgement.is_own(step.declaration, path) or judgement.made_inside(version, step.number))


def _is_the_users(question: Question, version: FileVersion) -> bool:
    """Tell whether a rule should know of this file when it reads it."""
    run = question.graph.run
    match question.class_of(version.number):
        case FileClass.DATA | FileClass.SCRIPT:
            return True
        case FileClass.CONFIGURATION:  # .env or .Rprofile beside the workflow; not what lies in .git/
            folder, _, name = version.path.rpartition(b"/")
            return (
                name.startswith(b".")
                and below(version.path, run.directory)
                and b"/." not in folder[len(run.directory) :]
            )
        case FileClass.PROGRAM:  # one that another step built
            return version.made_by is not None and not question.is_boring(version.number)
        case _:
            return False


def _outputs(judgement: _Judgement, step: _DeclaredStep) -> Iterator[Finding]:
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
        if _remains(question, path) and _is_a_product(question, path):
            yield _finding(judgement, step, row, version, "undeclared-output")


def _remains(question: Question, path: bytes) -> bool:
    """Tell whether a file is there at the end of the run."""
    last = question.versions_by_path[path][-1]
    return last.kind == "file" and last.removed_by is None


def _is_a_product(question: Question, path: bytes) -> bool:
    """Tell whether a file that was left is one that a rule should know of: no cache, nothing passing."""
    directory = question.graph.run.directory
    own = below(path, directory) and directory != b"/"
    inside = path[len(directory) :] if own else path
    if b"/__pycache__/" in path or b"/." in inside:
        return False
    return own or not below_any(path, (*KERNEL, *PASSING, *SHIPPED))


def _finding(
    judgement: _Judgement, step: _DeclaredStep, row: int, version: FileVersion, lint: str
) -> Finding:
    question = judgement.question
    graph = question.graph
    directory = step.declaration.directory or graph.run.directory
    file, name = name_of(version.path, directory), flat(step.declaration.name)
    if lint == "undeclared-input":
        message = f"{name} reads {file}, which it does not declare"
    elif question.is_declared_input(step.number, version.path):
        message = f"{name} changes {file}, which it declares as an input only"
    else:
        message = f"{name} makes {file}, which it does not declare"
    return Finding(lint, step.number, version.path, message, tuple(_evidence(judgement, row, version, lint)))


def _evidence(judgement: _Judgement, row: int, version: FileVersion, lint: str) -> Iterator[str]:
    graph = judgement.question.graph
    one = graph.execs[graph.accesses.exec[row]]
    pid = graph.processes[one.process].pid
    when = time_of(graph.accesses.first[row])
    yield f"process {pid} at {when}: {command_of(one.arguments or (one.program,))}"
    if lint == "undeclared-input" and version.made_by is not None:
        maker = judgement.owner(graph.execs[version.made_by].step)
        if maker is not None:
            yield f"made in this run by {flat(graph.steps[maker].name)}"
