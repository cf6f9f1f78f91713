"""Ninja as an engine of PROBE."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook
from probe_ninja.names import COMMANDS, LEFT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from probe_core.hooks import Declared, Engine, Finding, Seen
    from probe_core.model import Declaration, Step


class Ninja:
    """The adapter: `probe ninja …`, and every ninja below a recording, as cmake and meson start it.

    Ninja has no place for a variable, so its steps are found afterwards.
    """

    name = "ninja"
    commands = COMMANDS
    found_by = COMMANDS

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Run ninja as it was typed, and remember how to ask it afterwards."""
        from probe_ninja.build import remember

        remember(command, run_folder, environment)
        return Preparation(tuple(command))

    def declared(self, run_folder: Path) -> Declared | None:
        """Ask ninja for the build statements; their steps are found by the commands that ran."""
        if (run_folder / LEFT).exists():
            from probe_ninja.steps import declared

            return declared(run_folder)
        from probe_core.hooks import Declared

        return Declared(find=_found, programs=frozenset(map(os.fsencode, COMMANDS)))

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """Give what to write into the build statement."""
        if finding.path is None or step is None or step.declaration is None:
            return None
        told = step.declaration
        output, place = told.name, told.facts.get("build_file", "build.ninja")
        path = os.fsdecode(finding.path)
        base = os.fsdecode(told.directory or b"/")
        near = os.path.relpath(path, base) if path.startswith(base.rstrip("/") + "/") else path
        name = near.replace("$", "$$").replace(" ", "$ ").replace(":", "$:")
        match finding.lint:
            case "undeclared-input" | "race":
                return f"in {place}: build {output}: … | {name}"
            case "unused-input":
                return f"in {place}: take {name} out of the build statement of {output}"
            case "undeclared-output":
                return f"in {place}: build {output} | {name}: …"
            case "unmade-output":
                return f"in {place}: let the command of {output} write {name}, or take it out"
            case "written-twice":
                return f"in {place}: let one build statement make {name}"
            case _:
                return None


def _found(seen: Sequence[Seen]) -> Iterable[tuple[int, Declaration]]:
    from probe_ninja.steps import found  # a recording without ninja need not pay for it

    return found(seen, None)


@hook
def probe_engine() -> Engine:
    """Give ninja."""
    return Ninja()
