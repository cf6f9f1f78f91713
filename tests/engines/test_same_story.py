"""One workflow under three engines: the same results, and `probe why` of the figure tells the same story."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from nextflows import plugin_is_built
from workflows import Workflow, record, run

FIGURE = "results/variants.svg"
RESULTS = ("variants.svg", "variants.vcf", "coverage.tsv")
COMMANDS = {
    "make": ["make", "-j2"],
    "snakemake": ["snakemake", "--cores", "2", "--quiet", "all"],
    "nextflow": ["nextflow", "run", "main.nf"],
}
Story = dict[
    str, tuple[str, frozenset[str]]
]  # by file: the program that made it, what its step read

# What is true of this workflow, whoever runs it.
TRUE: Story = {
    "variants.svg": ("python", frozenset({"plot.py", "coverage.tsv", "variants.vcf"})),
    "coverage.tsv": ("samtools", frozenset({"pairs.bam"})),
    "variants.vcf": ("bcftools", frozenset({"lambda.fa", "lambda.fa.fai", "pairs.bam", "long.bam"})),
    "pairs.bam": ("samtools", frozenset({"pairs.sam"})),
    "lambda.fa": ("gzip", frozenset({"lambda_virus.fa.gz"})),
}
FIRST = {"plot.py", "lambda_virus.fa.gz", "reads_1.fq.gz", "reads_2.fq.gz", "longreads.fq.gz"}

INDEX = {f"lambda.fa.{ending}" for ending in ("amb", "ann", "bwt", "pac")}

# By Nextflow's task: what must have been read (file names), and which programs must have run.
TASKS = {
    "REFERENCE": ({"lambda_virus.fa.gz"}, {"gzip"}),
    "INDEX": ({"lambda.fa"}, {"bwa", "samtools"}),
    "ALIGN (pairs)": ({*INDEX, "reads_1.fq.gz", "reads_2.fq.gz"}, {"bwa"}),
    "ALIGN (long)": ({*INDEX, "longreads.fq.gz"}, {"bwa"}),
    "SORT (pairs)": ({"pairs.sam"}, {"samtools"}),
    "SORT (long)": ({"long.sam"}, {"samtools"}),
    "COVERAGE": ({"pairs.bam"}, {"samtools"}),
    "CALL": ({"lambda.fa", "lambda.fa.fai", "pairs.bam", "long.bam"}, {"bcftools"}),
    "PLOT": ({"plot.py", "coverage.tsv", "variants.vcf"}, {"python"}),
}


def story(workflow: Workflow, directory: Path) -> tuple[Story, set[str]]:
    """Tell what `probe why` tells of the figure, without what an engine names as it likes.

    That are folders (Nextflow's work directories), steps, and copies from one folder into another.
    """
    told = json.loads(run(["probe", "why", "--json", FIGURE], directory).stdout)
    wanted = {
        place: Path(file["path"]).name
        for place, file in enumerate(told["files"])
        if file["class"] in ("data", "script") and file["path"].startswith(f"{directory}/")
    }
    found: Story = {}
    for place, name in wanted.items():
        file = told["files"][place]
        for maker in (told["makers"][one] for one in file["makers"]):
            if maker.get("rule") != "publish":
                inputs = frozenset(wanted[one["file"]] for one in maker["inputs"] if one["file"] in wanted)
                own = {wanted[one["file"]] for one in maker["outputs"] if one["file"] in wanted}
                found[name] = (_program(workflow, file["version"]), inputs - own)
    return found, {Path(file["path"]).name for place, file in enumerate(told["files"])
                   if place in wanted and file["first"]}  # fmt: skip


def _program(workflow: Workflow, version: int) -> str:
    made_by = workflow.graph.versions[version].made_by
    assert made_by is not None
    program = workflow.graph.execs[made_by].program.decode()
    return re.sub(r"[\d.]+$", "", Path(program).name)


def lines(result: Path) -> list[bytes]:
    """Give a result's lines, but for where the reference lay."""
    return [line for line in result.read_bytes().splitlines() if not line.startswith(b"##reference=")]


def assert_tasks(workflow: Workflow) -> None:
    """Every task read what it must have read, and ran what it must have run."""
    for told, (inputs, programs) in TASKS.items():
        name = next(one for one in workflow.names if one in (told, f"{told} (1)"))
        assert inputs <= {Path(path).name for path in workflow.reads(name)}, name
        assert programs <= {one.partition(".")[0].rstrip("3") for one in workflow.programs(name)}, name


@pytest.mark.slow
def test_three_engines_tell_one_story(nextflow: Path, home: Path, pipeline: Path, tmp_path: Path) -> None:
    pytest.importorskip("snakemake")
    plugin_is_built()
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}
    told: dict[str, Story] = {}
    for engine, command in COMMANDS.items():
        directory = Path(shutil.copytree(pipeline, tmp_path / engine))
        workflow, done = record(command, directory, **around)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not workflow.graph.gaps
        told[engine], first = story(workflow, directory)
        assert first == FIRST, engine
        if engine == "nextflow":
            assert_tasks(workflow)
        assert "undeclared-input" not in run(["probe", "check"], directory).stdout
        for result in RESULTS:
            assert lines(directory / "results" / result) == lines(tmp_path / "make" / "results" / result)
    assert told["make"].items() >= TRUE.items()
    assert told["snakemake"] == told["make"]
    assert told["nextflow"] == told["make"]
