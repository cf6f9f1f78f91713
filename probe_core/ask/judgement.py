"""What all lints look up: the steps that are judged, each with those inside it, and whose a file is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from probe_core.ask.classes import (
    CONTAINER,
    KERNEL,
    PASSING,
    SHIPPED,
    FileClass,
    below,
    below_any,
    classify,
    is_shipped,
)
from probe_core.ask.order import Order
from probe_core.ask.own import own_paths
from probe_core.ask.question import Question
from probe_core.ask.wording import command_of, time_of
from probe_core.model import Act, Declaration, FileVersion

_ALSO_THE_USERS = (b"/opt", b"/usr/local", b"/var/lib", b"/var/cache", b"/snap", b"/boot")
TAKEN_IN = frozenset({Act.READ, Act.EXECUTE})  # how a step takes in a file of the user's
_DEPENDENCY_OPTIONS = (b"-MD", b"-MMD", b"-MF", b"-Wp,-MD", b"-Wp,-MMD")


@dataclass(frozen=True)
class DeclaredStep:
    """A step that is judged: its number, its declaration, and the steps inside it that declare nothing."""

    number: int
    declaration: Declaration
    inside: tuple[int, ...]


@dataclass(frozen=True)
class Judgement:
    """The question with what both lints look up."""

    question: Question

    @cached_property
    def steps(self) -> list[DeclaredStep]:
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
            found.append(DeclaredStep(number, declaration, tuple(members)))
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

    def made_later(self, version: FileVersion, step: int) -> int | None:
        """Give a declared step, none around or inside ``step``, that gave the path other content later."""
        execs = self.question.graph.execs
        for later in self.question.versions_by_path[version.path]:
            if later.ordinal <= version.ordinal or later.kind != "file" or later.made_by is None:
                continue
            if later.digest is not None and later.digest == version.digest:
                continue
            maker = self.owner(execs[later.made_by].step)
            if maker is None or maker in self.question.around(step) or step in self.question.around(maker):
                continue
            return maker
        return None

    def goes_on(self, path: bytes, step: int) -> bool:
        """Tell whether what ``step`` left at ``path`` was taken in by another declared step."""
        question, table = self.question, self.question.graph.accesses
        return any(
            table.act[row] in TAKEN_IN and self.owner(question.step_of(row)) not in (step, None)
            for version in question.versions_by_path[path]
            if self.made_inside(version, step)
            for row in question.rows_by_version.get(version.number, ())
        )

    def has_product(self, step: DeclaredStep) -> bool:
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

    def rows(self, step: DeclaredStep) -> Iterator[int]:
        """Give the accesses of the step's processes."""
        for number in step.inside:
            yield from self.question.rows_by_step.get(number, ())

    def read_by(self, step: DeclaredStep) -> frozenset[bytes]:
        """Give the paths that the step declares as inputs, and those that it took in."""
        if step.number not in self._read:
            table, versions = self.question.graph.accesses, self.question.graph.versions
            took = (row for row in self.rows(step) if table.act[row] in TAKEN_IN)
            declared = self.question.declared_inputs(step.number)
            self._read[step.number] = declared.union(versions[table.version[row]].path for row in took)
        return self._read[step.number]

    @cached_property
    def _read(self) -> dict[int, frozenset[bytes]]:
        return {}

    @cached_property
    def order(self) -> Order:
        """Give what the declarations say comes before what."""
        return Order(self.question)

    def lists_dependencies(self, step: DeclaredStep) -> bool:
        """Tell whether a compiler in the step writes its inputs to a dependency file."""
        execs = self.question.graph.execs
        return any(
            argument.startswith(_DEPENDENCY_OPTIONS)
            for number in step.inside
            for one in self.question.execs_by_step.get(number, ())
            for argument in execs[one].arguments
        )


def is_the_users(question: Question, version: FileVersion) -> bool:
    """Tell whether a rule should know of this file when it reads it."""
    run, execs = question.graph.run, question.graph.execs
    match question.class_of(version.number):
        case FileClass.DATA | FileClass.SCRIPT:
            return not is_package_data(question, version.path)
        case FileClass.CONFIGURATION:  # .env or .Rprofile beside the workflow; not what lies in .git/
            folder, _, name = version.path.rpartition(b"/")
            return (
                name.startswith(b".")
                and below(version.path, run.directory)
                and b"/." not in folder[len(question.base_of(version.path)) :]
            )
        case FileClass.TEMPORARY:  # what one step makes for others: whoever removes it did not make it
            if version.made_by is None or version.removed_by is None:
                return False
            maker, remover = (
                question.declaring(execs[one].step) for one in (version.made_by, version.removed_by)
            )
            its = classify(version.path, (Act.READ,), run, question.prefixes)
            return maker is not None and maker != remover and its in (FileClass.DATA, FileClass.SCRIPT)
        case FileClass.PROGRAM:  # one that another step built
            return version.made_by is not None and not question.is_boring(version.number)
        case _:
            return False


def is_package_data(question: Question, path: bytes) -> bool:
    """Tell whether a package, an environment or an image brought the file, by its place.

    Not so below /opt and the like, where people put references too.
    """
    shipped = is_shipped(path, question.graph.run, question.prefixes)
    return shipped and not below_any(path, _ALSO_THE_USERS)


def remains(question: Question, path: bytes) -> bool:
    """Tell whether a file is there at the end of the run."""
    last = question.versions_by_path[path][-1]
    return last.kind == "file" and last.removed_by is None


def is_a_product(question: Question, path: bytes) -> bool:
    """Tell whether a file that was left is one that a rule should know of: no cache, nothing passing."""
    directory = question.graph.run.directory
    own = below(path, directory) and directory != b"/"
    inside = path[len(question.base_of(path)) :] if own else path
    if b"/__pycache__/" in path or b"/." in inside:
        return False
    return own or not (path.startswith(CONTAINER) or below_any(path, (*KERNEL, *PASSING, *SHIPPED)))


def access_of(judgement: Judgement, row: int) -> str:
    """Tell which process made an access, and when, in one line."""
    table = judgement.question.graph.accesses
    return _told(judgement.question, table.exec[row], table.first[row])


def command_at(question: Question, exec: int) -> str:
    """Tell which process a program was, and since when, in one line."""
    return _told(question, exec, question.graph.execs[exec].started)


def _told(question: Question, exec: int, when: int | None) -> str:
    one = question.graph.execs[exec]
    pid = question.graph.processes[one.process].pid
    return f"process {pid} at {time_of(when)}: {command_of(one.arguments or (one.program,))}"
