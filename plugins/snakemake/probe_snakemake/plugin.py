"""Snakemake as an engine of PROBE."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from probe_core.hooks import Declared, Engine, Finding
    from probe_core.model import Step

# What to write for a file and a rule.
_SENTENCES = {
    "undeclared-input": "add {!r} to input: of rule {}",
    "undeclared-output": "add {!r} to output: of rule {}",
    "race": "add {!r} to input: of rule {}",
    "early-read": "add {!r} to input: of rule {}",
    "unused-input": "take {!r} out of input: of rule {}",
    "unmade-output": "let the rule write {!r}, or name what it writes in output: of rule {}",
    "absolute-path": "read the folder of {!r} from config, or name it relative to the workflow, in rule {}",
}


class Snakemake:
    """The adapter: `probe snakemake …` is `snakemake --executor probe …` with Snakemake itself recorded."""

    name = "snakemake"
    commands: tuple[str, ...] = ("snakemake",)

    def prepare(
        self,
        command: Sequence[bytes],
        run_folder: Path,  # noqa: ARG002
        environment: Mapping[bytes, bytes],
    ) -> Preparation:
        """Choose our executor, unless the user chose one that is more than the local one."""
        from probe_snakemake import command_line

        program, *arguments = command
        chosen = command_line.executor_on(arguments)
        if chosen is None and command_line.executor_of_profile(arguments, environment) in (None, b"local"):
            if command_line.has_our_plugin(program, environment):
                return Preparation((program, b"--executor", b"probe", *arguments))
            lacking = f"{os.fsdecode(program)} runs in an environment without probe-provenance"
            return Preparation(tuple(command), notes=(f"{lacking}: its steps are not told apart",))
        if chosen == b"probe":
            return Preparation(tuple(command))
        return Preparation(tuple(command), {b"PROBE_SNAKEMAKE": b"1"})  # recorded where jobs run

    def declared(self, run_folder: Path) -> Declared | None:
        """Give the jobs with what their rules declare."""
        from probe_snakemake.declarations import declared

        return declared(run_folder)

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """Give the line to add to the rule, and where the rule stands."""
        if finding.path is None or step is None or step.declaration is None:
            return None
        sentence = _SENTENCES.get(finding.lint)
        if sentence is None:
            return None
        declaration = step.declaration
        base = os.fsdecode(declaration.directory or b"/")
        path = os.fsdecode(finding.path)
        if os.path.commonpath((path, base)) == base:
            path = os.path.relpath(path, base)
        return sentence.format(path, declaration.rule) + _place(declaration.facts, base)


def _place(facts: Mapping[str, object], base: str) -> str:
    snakefile, line = facts.get("snakefile"), facts.get("line")
    if not isinstance(snakefile, str):
        return ""
    shown = os.path.relpath(snakefile, base) if os.path.commonpath((snakefile, base)) == base else snakefile
    return f" in {shown}:{line}" if line else f" in {shown}"


@hook
def probe_engine() -> Engine:
    """Give Snakemake."""
    return Snakemake()
