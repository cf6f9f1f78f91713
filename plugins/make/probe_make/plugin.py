"""GNU make as an engine of PROBE."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook
from probe_make.surroundings import ARGUMENT, lacks_file, surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, BinaryIO

    from probe_core.hooks import Declared, Engine, Finding, Format
    from probe_core.model import RunGraph, Step

OWN_SHELL = "SHELL= on the command line replaces the Makefile's own SHELL; `probe make` needs no SHELL="
BLANKS = "GNU make 4.4 or newer cannot declare its targets: the spool's path has a blank (set PROBE_SPOOL)"


class Make:
    """The adapter: `probe make …`, and every GNU make started anywhere below a recording."""

    name = "make"
    commands: tuple[str, ...] = ("make", "gmake")

    def surroundings(self, run_folder: Path, environment: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """Let every GNU make below tell its steps, without a change to its command line."""
        return surroundings(run_folder, environment)

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Run make as it was typed: what it needs is in its surroundings, unless it is older than 4.0."""
        notes = [OWN_SHELL] if any(word.startswith(b"SHELL=") for word in command) else []
        if len(os.fsencode(run_folder).split()) > 1:
            notes.append(BLANKS)
        old = lacks_file(command[0], environment)
        words = (command[0], ARGUMENT, *command[1:]) if old else tuple(command)
        return Preparation(words, surroundings(run_folder, environment, old=old), tuple(notes))

    def declared(self, run_folder: Path) -> Declared | None:
        """Give the targets whose recipes ran, with their prerequisites."""
        from probe_make.declarations import declared

        return declared(run_folder)

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """Give the line to add to the Makefile."""
        if finding.path is None or step is None or step.declaration is None:
            return None
        facts = step.declaration.facts
        target = facts.get("target")
        if target is None:
            return "record with `probe make`: make SHELL= does not tell the target"
        makefile, line = _place(facts, step)
        name = _written(os.fsdecode(finding.path), step)
        match finding.lint:
            case "undeclared-input" | "race":
                return f"add to {makefile}: {_quoted(target)}: {_quoted(name)}{line}"
            case "unused-input":
                return f"take out of {makefile}: {_quoted(target)}: {_quoted(name)}{line}"
            case "unmade-output":
                return f"let the recipe in {makefile} write {_quoted(name)}, or name what it writes{line}"
            case "written-twice":
                return f"let one rule make {_quoted(name)}, in {makefile}, and the others depend on it"
            case "undeclared-output":
                return f"make it a target too, in {makefile}: {_quoted(target)} {_quoted(name)} &: …{line}"
            case _:
                return None


def _place(facts: Mapping[str, Any], step: Step) -> tuple[str, str]:
    """The Makefile to write into, and where in it the rule stands, if that is known."""
    if "makefile" in facts:
        return _written(facts["makefile"], step), f" (its rule: line {facts['line']})"
    return (_written(facts["makefiles"][0], step) if facts.get("makefiles") else "the Makefile"), ""


def _written(path: str, step: Step) -> str:
    """``path`` as a Makefile in the step's directory would write it."""
    directory = step.declaration.directory if step.declaration else None
    if directory is None:
        return path
    base = os.fsdecode(directory)
    return os.path.relpath(path, base) if os.path.commonpath((path, base)) == base else path


def _quoted(name: str) -> str:
    from probe_make.spelling import quoted

    return os.fsdecode(quoted(os.fsencode(name)))


def _write_dependencies(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    from probe_make.dependencies import write

    write(graph, out, options)


@hook
def probe_formats() -> Sequence[Format]:
    """Give the format of dependency files."""
    from probe_core.hooks import Format, Option

    directory = Option(
        "directory", "take the targets of the Makefile in this directory, and not of the run's own"
    )
    folder = Option("folder", "write a file for each target into this folder, and here only their inclusion")
    dependencies = Format(
        name="make-deps",
        summary="what each target was seen to read, as rules that a Makefile includes",
        endings=(".d",),
        write=_write_dependencies,
        verb="deps",
        options=(directory, folder, Option("all", "with what operating system and environments ship", False)),
    )
    return (dependencies,)


@hook
def probe_engine() -> Engine:
    """Give make."""
    return Make()
