"""Ninja as an engine of PROBE."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from probe_core.hooks import Declared, Engine, Finding
    from probe_core.model import Step


class Ninja:
    """The adapter: `probe ninja …`. Ninja has no place for a variable, so its steps are found afterwards."""

    name = "ninja"
    commands: tuple[str, ...] = ("ninja", "ninja-build", "samu")

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Run ninja as it was typed, and remember how to ask it afterwards."""
        from probe_ninja.build import remember

        remember(command, run_folder, environment)
        return Preparation(tuple(command))

    def declared(self, run_folder: Path) -> Declared | None:
        """Ask ninja for the build statements; their steps are found by the commands that ran."""
        from probe_ninja.steps import declared

        return declared(run_folder)

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


@hook
def probe_engine() -> Engine:
    """Give ninja."""
    return Ninja()
