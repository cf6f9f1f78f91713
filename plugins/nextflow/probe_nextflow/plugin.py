"""Nextflow as an engine of PROBE."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe_core.hooks import Declared, Engine, Finding, Preparation, hook

if TYPE_CHECKING:
    from probe_core.model import Step

OVERRIDE = b"NEXTFLOW"  # the user's own nextflow, where another one is first on PATH


class Nextflow:
    """The adapter: `probe nextflow …` is the user's own nextflow with the plugin nf-probe active."""

    name = "nextflow"
    commands: tuple[str, ...] = ("nextflow",)
    version_option = "-version"

    def surroundings(
        self,
        run_folder: Path,  # noqa: ARG002
        environment: Mapping[bytes, bytes],  # noqa: ARG002
    ) -> Mapping[bytes, bytes]:
        """Give nothing: a Nextflow tells its tasks when nf-probe is among its plugins."""
        return {}

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Install and activate nf-probe; where that cannot be, let each task at least know its name."""
        from probe_nextflow.door import opened

        program = environment.get(OVERRIDE) if command[0] == b"nextflow" else None
        return opened((program or command[0], *command[1:]), run_folder, environment)

    def declared(self, run_folder: Path) -> Declared | None:
        """Give the tasks that nf-probe told of, and what was published of them."""
        from probe_nextflow.declarations import declared

        return declared(run_folder)

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """Give what to write into the process, and where that stands."""
        if finding.path is None or step is None or step.declaration is None:
            return None
        facts = step.declaration.facts
        module, process = facts.get("module"), step.declaration.rule.rpartition(":")[2]
        place = f" in {os.path.relpath(module)}" if isinstance(module, str) else ""
        name = os.fsdecode(finding.path)
        match finding.lint:
            case "undeclared-input":
                wanted = f"`path {Path(name).name!r}`"
                return f"add {wanted} to input: of process {process}{place}, and give it {name!r}"
            case "undeclared-output":
                return (
                    f"let process {process}{place} write in its work directory, and publish with publishDir"
                )
            case _:
                return None

    def limits(self) -> Iterator[str]:
        """Give what is missing of this installation, for `probe doctor`."""
        from probe_nextflow.installation import JAR

        if not JAR.exists():
            yield (
                "nf-probe is not installed: Nextflow's tasks are told apart, but not what they declare "
                "(install from a wheel, or with Maven at hand: make build)"
            )


@hook
def probe_engine() -> Engine:
    """Give Nextflow."""
    return Nextflow()
