"""What `probe check` finds in Nextflow pipelines, and the facts that it goes by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workflows import record, run, write

GLOB = """process MAKE {
    output:
    path '*.txt'

    script:
    '''
    seq 5 > passing.txt
    wc -l < passing.txt > count.txt
    '''
}

process USE {
    input:
    path count

    output:
    stdout

    script:
    "cat $count"
}

workflow { USE(MAKE().flatten().filter { file -> file.name == 'count.txt' }) }
"""
UNDECLARED = """process READ {
    output:
    path 'out.txt'

    script:
    "cat $projectDir/secret.txt > out.txt; echo x > passing.txt"
}

workflow { READ() }
"""
CONTAINER = """process INSIDE {
    container 'docker.io/library/debian:12'

    output:
    path 'out.txt'

    script:
    'seq 3 | sort > out.txt'
}

workflow { INSIDE() }
"""
CONDA = """process ACTIVE {
    conda "$projectDir/prefix"
    spack 'zlib@1.3'
    container 'docker.io/library/debian:12'

    output:
    path 'out.txt'

    script:
    'greet > out.txt; stray >> out.txt'
}

workflow { ACTIVE() }
"""


@pytest.fixture
def around(nextflow: Path, home: Path) -> dict[str, str]:
    """The variables of a recorded Nextflow."""
    return {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}


def findings(directory: Path) -> list[dict[str, Any]]:
    """Give what `probe check` says of the newest run."""
    told = json.loads(run(["probe", "check", "--json"], directory).stdout)
    return list(told["findings"])


def program(directory: Path, name: str) -> Path:
    """Write a program that says its name."""
    path = directory / name
    write(directory, {name: f"#!/bin/sh\necho {name}\n"})
    path.chmod(0o755)
    return path


def test_an_undeclared_read_is_found(around: dict[str, str], tmp_path: Path) -> None:
    directory = write(tmp_path / "w", {"secret.txt": "told by nobody\n", "main.nf": UNDECLARED})
    _, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout
    (one,) = findings(directory)  # and not what stays in the work directory
    assert one["lint"] == "undeclared-input"
    assert "READ reads" in one["message"]
    assert "secret.txt" in one["message"]
    wanted = (
        f"add `path 'secret.txt'` to input: of process READ in main.nf, and give it '{directory}/secret.txt'"
    )
    assert one["remedy"] == wanted


def test_an_intermediate_that_a_pattern_caught_is_found(around: dict[str, str], tmp_path: Path) -> None:
    directory = write(tmp_path / "w", {"main.nf": GLOB})
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout
    (one,) = findings(directory)
    assert (one["lint"], one["path"].rpartition("/")[2]) == ("caught-by-pattern", "passing.txt")
    assert "output: of process MAKE in main.nf" in one["remedy"]
    made = workflow.step("MAKE").declaration
    assert made is not None
    assert made.facts["patterns"] == ["*.txt"]


def test_a_task_without_its_container_is_found(around: dict[str, str], tmp_path: Path) -> None:
    directory = write(tmp_path / "w", {"main.nf": CONTAINER})
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout
    (one,) = findings(directory)
    assert one["lint"] == "outside-environment"
    assert "ran on the host without it" in one["message"]
    assert "docker.enabled = true" in one["remedy"]
    told = workflow.step("INSIDE").declaration
    assert told is not None
    assert told.facts["container"] == "docker.io/library/debian:12"
    assert "container_engine" not in told.facts


def test_a_local_conda_prefix_is_told_and_what_comes_from_outside_it(
    around: dict[str, str], tmp_path: Path
) -> None:
    """The environment is a folder with a script to activate it, as conda's own: no channel is asked."""
    prefix = tmp_path / "w" / "prefix"
    program(prefix / "bin", "greet")
    elsewhere = program(tmp_path / "elsewhere", "stray").parent
    conda = program(tmp_path / "conda" / "bin", "conda").parent
    activate = f'export CONDA_PREFIX="$1" PATH="$1/bin:{elsewhere}:$PATH"\n'
    write(conda, {"activate": activate})
    (conda / "conda").write_text(f'#!/bin/sh\necho \'  "conda_prefix": "{conda.parent}",\'\n')
    directory = write(tmp_path / "w", {"main.nf": CONDA, "nextflow.config": "conda.enabled = true\n"})
    path = f"{conda}:{run(['sh', '-c', 'echo $PATH'], directory).stdout.strip()}"
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = workflow.step("ACTIVE").declaration
    assert told is not None
    assert told.facts["conda"] == str(prefix)
    assert told.facts["directives"]["spack"] == "zlib@1.3"  # as it is written: Spack is not switched on
    assert "spack" not in told.facts
    assert "container" not in told.facts  # conda takes its place
    (one,) = findings(directory)
    assert (one["lint"], Path(one["path"]).name) == ("outside-environment", "stray")
    assert "conda or spack directive of process ACTIVE" in one["remedy"]
