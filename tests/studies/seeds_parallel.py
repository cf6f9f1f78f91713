"""Faults that a parallel make exposes, put into a package: a header that is made while who includes it does
not say so (which is stale, too, when what it is made of changes), and a file that two recipes write.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

from packages import Built, Fault

HEADER, SOURCE, SHARED = "probe-made.h", "probe-made.in", "probe-shared.txt"
RULE = "\n{header}: {source}\n\tcp {source} {header}\n{first}: {header}\n"


@dataclass(frozen=True)
class Raced:
    """A race that was put in: who makes the file, and what goes wrong when that is held up."""

    fault: Fault
    maker: str  # what its command line has in it
    source: str = ""  # of a made header

    @property
    def is_made_twice(self) -> bool:
        """Tell whether two recipes write the file, and not one of them reads it."""
        return self.fault.lint == "written-twice"


def make_a_header(built: Built, place: Path, objects: dict[str, Path], chosen: random.Random) -> Raced | None:
    """Let two sources of a folder include a header that is made, and only the first one's object say so.

    ``objects``: the objects that are made of one source each, in make's order, with the Makefile of each.
    """
    sources = {target: source for target in objects if (source := _source(built, target)) is not None}
    pairs = [
        (first, second)
        for at, first in enumerate(sources)
        for second in list(sources)[at + 1 :]
        if objects[first] == objects[second]
        and Path(sources[first]).parent == Path(sources[second]).parent
        and sources[first] != sources[second]
    ]
    if not pairs:
        return None
    first, second = chosen.choice(pairs)
    makefile, folder = objects[first], Path(sources[first]).parent
    for target in (first, second):
        file = place / sources[target]
        file.write_bytes(f'#include "{HEADER}"\n'.encode() + file.read_bytes())
    (place / folder / SOURCE).write_text("#define PROBE_MADE 1\n")
    header, source, target = (
        os.path.relpath(place / one, makefile.parent) for one in (folder / HEADER, folder / SOURCE, first)
    )
    with makefile.open("a") as text:
        text.write(RULE.format(header=header, source=source, first=target))
    fault = Fault("undeclared-input", second, str(folder / HEADER))
    return Raced(fault, f"cp {source}", str(folder / SOURCE))


def write_twice(first: tuple[str, str], second: tuple[str, str], folder: str) -> tuple[Raced, set[Fault]]:
    """Give the race of two recipes that write one file, and what is to be said of it in any order.

    ``first`` and ``second``: targets, each as the package names it and as its Makefile does.
    """
    file = os.path.normpath(os.path.join(folder, SHARED))
    left = {Fault("undeclared-output", target, file) for target, _ in (first, second)}
    return Raced(Fault("written-twice", second[0], file), f"echo {first[1]} > {SHARED}"), left


def _source(built: Built, target: str) -> str | None:
    """Give the C file that goes into this target and into no other."""
    assert built.workflow is not None
    graph, question = built.workflow.graph, built.workflow.question
    number = next(step.number for step in graph.steps if built.target(step.number) == target)
    read = {graph.versions[one].path for one in question.versions_read(number)}
    own = [path for path in read if path.endswith(b".c") and built.name(path)[:3] != "../"]
    if len(own) != 1:
        return None
    others = (
        step.number for step in graph.steps if step.number != number and built.target(step.number) != target
    )
    for other in others:
        if any(graph.versions[one].path == own[0] for one in question.versions_read(other)):
            return None
    return built.name(own[0])
