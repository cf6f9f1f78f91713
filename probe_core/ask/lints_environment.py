"""``outside-environment``: a rule names the environment it runs in, and its programs came from elsewhere.

``facts["conda"]`` and ``facts["container"]`` of a declaration name one, ``facts["container_engine"]`` that an
engine started it. Where an environment is active (``CONDA_PREFIX``), programs from other prefixes and modules
from the user's own library folders are findings; the operating system's own programs are not: no such
environment brings a shell. Where a container was named and none was started, every program came from the
host, which is told once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from probe_core.ask.classes import CONTAINER, below, below_any
from probe_core.ask.judgement import DeclaredStep, Judgement, access_of, command_at
from probe_core.ask.question import Question
from probe_core.ask.wording import count_of, name_of
from probe_core.hooks import Finding
from probe_core.model import Act, GapReason
from probe_core.printable import printable

_SYSTEM = (
    b"/usr/bin",
    b"/usr/sbin",
    b"/bin",
    b"/sbin",
    b"/usr/lib",
    b"/lib",
    b"/lib64",
    b"/usr/libexec",
    b"/etc",
)
_OWN_LIBRARIES = re.compile(
    rb"\A(?:/root|/home/[^/]+|/Users/[^/]+)/"
    rb"(?:\.local/lib/python[0-9.]+/site-packages|R/[^/]+|\.local/share/R/[^/]+|perl5/lib|\.julia|\.gem)/"
)
_UNSEEN = frozenset((GapReason.ROOT_CHANGED, GapReason.CONTAINER))
_STARTERS = frozenset(
    (b"docker", b"podman", b"singularity", b"apptainer", b"ch-run", b"shifter", b"srun", b"sarus", b"udocker")
)  # fmt: skip


def outside(question: Question) -> Iterator[Finding]:
    """Give what steps took from outside the environment that their rule names."""
    judgement = Judgement(question)
    for step in judgement.steps:
        facts = step.declaration.facts
        image = facts.get("container")
        if facts.get("container_engine"):  # the workflow's engine started it, and says so
            yield from _mounted(judgement, step, str(image))
        elif isinstance(image, str) and image:
            yield from _container(judgement, step, image)
        elif facts.get("conda"):
            yield from _prefix(judgement, step)


def _prefix(judgement: Judgement, step: DeclaredStep) -> Iterator[Finding]:
    question = judgement.question
    graph, table = question.graph, question.graph.accesses
    prefixes = tuple(sorted(_active(question, step)))
    if not prefixes:
        return
    seen: set[bytes] = set()
    for row in judgement.rows(step):
        act, version = table.act[row], graph.versions[table.version[row]]
        path = version.path
        if path in seen or table.error[row] or version.kind != "file":
            continue
        if not _is_foreign(path, act, prefixes, graph.run.directory):
            continue
        seen.add(path)
        name = printable(step.declaration.name)
        message = f"{name} takes {name_of(path)} from outside its environment {name_of(prefixes[0])}"
        yield Finding("outside-environment", step.number, path, message, (access_of(judgement, row),))


def _is_foreign(path: bytes, act: int, prefixes: tuple[bytes, ...], directory: bytes) -> bool:
    if below_any(path, prefixes) or below(path, directory):
        return False
    if _OWN_LIBRARIES.match(path):
        return act in (Act.READ, Act.LOAD, Act.EXECUTE)
    return act == Act.EXECUTE and not below_any(path, _SYSTEM)


def _active(question: Question, step: DeclaredStep) -> Iterator[bytes]:
    """Give the prefixes of the environments that were active in the step's programs."""
    graph = question.graph
    seen: set[int] = set()
    for number in step.inside:
        for one in question.execs_by_step.get(number, ()):
            environment = graph.execs[one].environment
            if environment is None or environment in seen:
                continue
            seen.add(environment)
            for variable in graph.environments[environment]:
                if variable.name == b"CONDA_PREFIX" and variable.value:
                    yield variable.value.rstrip(b"/")


def _mounted(judgement: Judgement, step: DeclaredStep, image: str) -> Iterator[Finding]:
    """Tell of programs that ran inside the container, and are the host's."""
    question, graph = judgement.question, judgement.question.graph
    inside = _inside(question)
    seen: set[bytes] = set()
    for row in judgement.rows(step):
        path = graph.versions[graph.accesses.version[row]].path
        process = graph.execs[graph.accesses.exec[row]].process
        if graph.accesses.act[row] != Act.EXECUTE or process not in inside or path in seen:
            continue
        own = below(path, graph.run.directory) or judgement.is_own(step.declaration, path)
        if own or path.startswith(CONTAINER):
            continue
        seen.add(path)
        name = printable(step.declaration.name)
        message = f"{name} runs {name_of(path)} of the host inside the container {printable(image)}"
        yield Finding("outside-environment", step.number, path, message, (access_of(judgement, row),))


def _inside(question: Question) -> frozenset[int]:
    """Give the processes that ran a program of an image, with all below them."""
    graph = question.graph
    found = {one.process for one in graph.execs if one.program.startswith(CONTAINER)}
    for process in graph.processes:
        above = process.parent
        while above is not None and above not in found:
            above = graph.processes[above].parent
        if above is not None:
            found.add(process.number)
    return frozenset(found)


def _container(judgement: Judgement, step: DeclaredStep, image: str) -> Iterator[Finding]:
    """Tell that the step ran without the container that its rule names."""
    question = judgement.question
    graph = question.graph
    ran = [graph.execs[one] for number in step.inside for one in question.execs_by_step.get(number, ())]
    if any(one.program.startswith(CONTAINER) for one in ran):
        yield from _mounted(judgement, step, image)
        return
    if not ran or any(one.program.rpartition(b"/")[2] in _STARTERS for one in ran):
        return
    if any(gap.reason in _UNSEEN and gap.step in step.inside for gap in graph.gaps):
        return
    programs = list(dict.fromkeys(name_of(one.program) for one in ran))
    shown = ", ".join(programs[:3]) + (", …" if len(programs) > 3 else "")
    name = printable(step.declaration.name)
    message = f"{name} names the container {printable(image)}, and ran on the host without it"
    evidence = (
        f"{count_of(len(programs), 'program')} of the host: {shown}",
        command_at(question, ran[0].number),
    )
    yield Finding("outside-environment", step.number, None, message, evidence)
