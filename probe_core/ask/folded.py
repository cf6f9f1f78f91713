"""What steps read without declaring it, and need not: each file classed once, for ``probe check --all``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from probe_core.ask.classes import FileClass, below_any
from probe_core.ask.declared import is_side_car
from probe_core.ask.judgement import DeclaredStep, Judgement, is_package_data
from probe_core.ask.question import READS, Question
from probe_core.model import Act, FileVersion
from probe_core.plugins import plugins

# Where an operating system keeps its own: no rule's environment, though programs run from there.
_SYSTEM = (b"/usr", b"/bin", b"/sbin", b"/lib", b"/lib64")


class Innocent(StrEnum):
    """Why a file that was read needs no word in a rule."""

    PROGRAM = "programs"
    LIBRARY = "libraries"
    PACKAGE_DATA = "data of packages"
    ENVIRONMENT = "the rules' environments"
    SCRIPT = "scripts and workflow files"
    SIDE_CAR = "indexes beside declared files"
    CONFIGURATION = "configuration of the user"
    LOOK_UP = "only looked up"


def folded(question: Question) -> Mapping[Innocent, tuple[bytes, ...]]:
    """Give the files of each class; what is declared, made by its own step or a finding is in none."""
    judgement = Judgement(question)
    graph, found = question.graph, dict[bytes, Innocent]()
    for step in judgement.steps:
        for row in judgement.rows(step):
            act, version = graph.accesses.act[row], graph.versions[graph.accesses.version[row]]
            if graph.accesses.error[row] or version.kind != "file" or act not in (*READS, Act.LOOKUP):
                continue
            word = _classed(judgement, step, version, act)
            if word is not None and (word != Innocent.LOOK_UP or version.path not in found):
                found[version.path] = word
    return {
        word: tuple(sorted(path for path, its in found.items() if its == word))
        for word in Innocent
        if word in found.values()
    }


def _classed(judgement: Judgement, step: DeclaredStep, version: FileVersion, act: int) -> Innocent | None:
    question, path = judgement.question, version.path
    if judgement.is_own(step.declaration, path):
        return Innocent.SCRIPT
    if question.is_declared_input(step.number, path) or question.is_declared_output(step.number, path):
        return None
    if judgement.made_inside(version, step.number):
        return None
    if act == Act.LOOKUP:
        return Innocent.LOOK_UP
    if is_side_car(judgement.read_by(step), path):
        return Innocent.SIDE_CAR if version.made_by is None else None
    match question.class_of(version.number):
        case FileClass.CONFIGURATION:
            return Innocent.CONFIGURATION
        case FileClass.PROGRAM | FileClass.LIBRARY | FileClass.SYSTEM as its:
            if below_any(path, question.prefixes) and not below_any(path, _SYSTEM):
                return Innocent.ENVIRONMENT
            return {
                FileClass.PROGRAM: Innocent.PROGRAM, FileClass.LIBRARY: Innocent.LIBRARY,
            }.get(its, Innocent.PACKAGE_DATA)  # fmt: skip
        case FileClass.DATA | FileClass.SCRIPT if is_package_data(question, path):
            return Innocent.PACKAGE_DATA
        case _:
            return None


def owner_of(path: bytes) -> str | None:
    """Give the package that a file belongs to, by the first plugin that knows; None when none does."""
    for _, owner in plugins().ask("probe_owner", path=path):
        return f"{owner.package} ({owner.system})"
    return None
