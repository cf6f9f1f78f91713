"""What targets were seen to depend on, as rules that a Makefile includes: `probe deps`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from probe_core.ask.judgement import TAKEN_IN, DeclaredStep, Judgement, is_the_users
from probe_core.ask.question import Question
from probe_core.ask.wording import shown
from probe_core.errors import FormatError
from probe_core.model import RunGraph
from probe_make.spelling import can_be_named, near, quoted

HEAD = b"# What was seen to be read. Put this at the end of the Makefile:  -include %b\n"
UNNAMED = b"# not told, since make cannot name it: %b, which %b reads\n"
UNNAMED_TARGET = b"# not told, since make cannot name it: the target %b\n"


@dataclass(frozen=True)
class Seen:
    """A target with what its recipe was seen to read, absolute."""

    target: bytes  # as the Makefile names it
    inputs: tuple[bytes, ...]


def write(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    """Write a rule for each target that make's recipes made in ``options["directory"]``.

    With ``options["folder"]`` each target has a file of its own there, which ``out`` includes. Raises
    FormatError where no target was made in that directory.
    """
    directory = os.path.abspath(os.fsencode(options.get("directory") or graph.run.directory))  # noqa: PTH100
    question = Question(graph)
    seen = list(targets(question, directory, everything=bool(options.get("all"))))
    if not seen:
        reason = f"no target of make was made in {os.fsdecode(directory)} in this run"
        raise FormatError("make-deps", reason)
    folder = options.get("folder")
    out.write(HEAD % (b"deps.d" if folder is None else b"this file"))
    for gap in dict.fromkeys((gap.detail, gap.remedy) for gap in graph.gaps):
        out.write(b"# not seen: %b; %b\n" % tuple(os.fsencode(" ".join(text.split())) for text in gap))
    if folder is None:
        for one in seen:
            out.write(rule(one, directory))
        out.write(leaves((path for one in seen for path in one.inputs), question, directory))
        return
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for one in seen:
        file = place / (re.sub(r"[^\w.+-]", "_", os.fsdecode(one.target)) + ".d")
        file.write_bytes(rule(one, directory) + leaves(one.inputs, question, directory))
        out.write(b"-include " + quoted(near(os.path.abspath(os.fsencode(file)), directory)) + b"\n")  # noqa: PTH100


def targets(question: Question, directory: bytes, *, everything: bool) -> Iterator[Seen]:
    """Give the targets made in ``directory`` with what each read: the user's files, or ``everything``."""
    judgement = Judgement(question)
    found: dict[bytes, dict[bytes, None]] = {}
    for step in judgement.steps:
        told = step.declaration
        target = told.facts.get("target")
        if told.engine != "make" or told.directory != directory or not isinstance(target, str):
            continue
        if question.graph.steps[step.number].status not in (0, None) or told.facts.get("member"):
            continue
        if told.facts.get("phony") is True or not judgement.has_product(step):
            continue
        inputs = dict.fromkeys(_inputs(judgement, step, everything=everything))
        found.setdefault(os.fsencode(target), {}).update(inputs)
    for name, paths in sorted(found.items()):
        if paths:
            yield Seen(name, tuple(sorted(paths)))


def _inputs(judgement: Judgement, step: DeclaredStep, *, everything: bool) -> Iterator[bytes]:
    question = judgement.question
    table = question.graph.accesses
    for row in judgement.rows(step):
        version = question.graph.versions[table.version[row]]
        if table.act[row] not in TAKEN_IN or table.error[row] or version.kind != "file":
            continue
        if question.is_declared_output(step.number, version.path) or judgement.made_inside(
            version, step.number
        ):
            continue
        if judgement.is_own(step.declaration, version.path) or not os.path.exists(version.path):  # noqa: PTH110
            continue
        kernels = version.path.startswith((b"/proc/", b"/dev/", b"/sys/"))
        if kernels or not (everything or is_the_users(question, version)):
            continue
        if not _comes_after(judgement, version.made_by, step.number):
            yield version.path


def _comes_after(judgement: Judgement, maker: int | None, step: int) -> bool:
    """Tell whether the file's maker is declared to come after the step: a rule would go in a circle."""
    if maker is None:
        return False
    made_in = judgement.owner(judgement.question.graph.execs[maker].step)
    return made_in is not None and step in judgement.order.before(made_in).steps


def rule(seen: Seen, directory: bytes) -> bytes:
    """Write a rule without a recipe; comments for names that a Makefile cannot hold."""
    if not can_be_named(seen.target, target=True):
        return UNNAMED_TARGET % _shown(seen.target)
    names = [near(path, directory) for path in seen.inputs]
    comments = [UNNAMED % (_shown(name), _shown(seen.target)) for name in names if not can_be_named(name)]
    written = [quoted(name) for name in names if can_be_named(name)]
    if not written:
        return b"".join(comments)
    head = quoted(seen.target, target=True)
    return b"".join(comments) + head + b": \\\n  " + b" \\\n  ".join(written) + b"\n\n"


def leaves(paths: Iterable[bytes], question: Question, directory: bytes) -> bytes:
    """Write empty rules for files that nothing made, so that make goes on when one is removed."""
    made = {one.path for one in question.graph.versions if one.made_by is not None}
    names = sorted({near(path, directory) for path in paths if path not in made})
    return b"".join(quoted(name, target=True) + b":\n" for name in names if can_be_named(name, target=True))


def _shown(name: bytes) -> bytes:
    return shown(name).encode("utf-8", "surrogateescape")
