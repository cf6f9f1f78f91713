"""Nextflow as an engine of PROBE."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from probe_core.hooks import Declared, Engine, Finding
    from probe_core.model import Step

OVERRIDE = b"NEXTFLOW"  # the user's own nextflow, where another one is first on PATH

# What to write for a file and a process.
_SENTENCES = {
    "undeclared-input": "add `path {name!r}` to input: of process {process}, and give it {file!r}",
    "undeclared-output": "let process {process} write in its work directory, and publish with publishDir",
    "race": "give process {process} the file through a channel: add `path {name!r}` to its input:",
    "early-read": "give process {process} the file through a channel: add `path {name!r}` to its input:",
    "unused-input": "take {name!r} out of input: of process {process}, and out of the channel that brings it",
    "unmade-output": "let process {process} write {name!r}, or add `optional: true` to it in output:",
    "absolute-path": "let {file!r} come in as an input, from params or projectDir, in process {process}",
    "caught-by-pattern": "narrow the pattern in output: of process {process}, or let it remove {name!r}",
}
_WITHOUT_CONTAINER = (
    "switch an engine on for process {process}: docker.enabled = true (or podman, apptainer …) in"
    " nextflow.config, or -with-docker"
)
_OF_HOST = "bring {name!r} along in the image that process {process} names, and no longer from the host"
_OUTSIDE = "name what brings {name!r} in the conda or spack directive of process {process}"


class Nextflow:
    """The adapter: `probe nextflow …` is the user's own nextflow with the plugin nf-probe active."""

    name = "nextflow"
    commands: tuple[str, ...] = ("nextflow",)
    version_option = "-version"

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
        if step is None or step.declaration is None:
            return None
        facts = step.declaration.facts
        sentence = _SENTENCES.get(finding.lint)
        if finding.lint == "outside-environment":
            contained = _OF_HOST if facts.get("container_engine") else _OUTSIDE
            sentence = contained if finding.path else _WITHOUT_CONTAINER
        if sentence is None:
            return None
        module = facts.get("module")
        process = step.declaration.rule.rpartition(":")[2]
        place = f"{process} in {os.path.relpath(module)}" if isinstance(module, str) else process
        name = os.fsdecode(finding.path or b"")
        return sentence.format(process=place, file=name, name=name.rpartition("/")[2])

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
