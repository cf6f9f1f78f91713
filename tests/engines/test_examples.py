"""The short-read pipeline on real reads, under Snakemake and under make: every true input and program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from workflows import contents, record, run

INDEX = {f"reference/lambda.fa{ending}" for ending in (".amb", ".ann", ".bwt", ".pac", ".sa")}
BAMS = {"aligned/pairs.bam", "aligned/long.bam"}

# By what is made: what must have been read, and which programs must have run.
TRUE = {
    "reference/lambda.fa": ({"data/lambda_virus.fa.gz"}, {"gzip"}),
    "reference/lambda.fa.bwt": ({"reference/lambda.fa"}, {"bwa"}),
    "reference/lambda.fa.fai": ({"reference/lambda.fa"}, {"samtools"}),
    "aligned/pairs.sam": (
        INDEX - {"reference/lambda.fa.sa"} | {"data/reads_1.fq.gz", "data/reads_2.fq.gz"},
        {"bwa"},
    ),
    "aligned/long.sam": ({"data/longreads.fq.gz", "reference/lambda.fa.bwt"}, {"bwa"}),
    "aligned/pairs.bam": ({"aligned/pairs.sam"}, {"samtools"}),
    "aligned/long.bam.bai": ({"aligned/long.bam"}, {"samtools"}),
    "results/coverage.tsv": ({"aligned/pairs.bam"}, {"samtools"}),
    "results/variants.vcf": (BAMS | {"reference/lambda.fa", "reference/lambda.fa.fai"}, {"bcftools"}),
    "results/variants.svg": ({"scripts/plot.py", "results/coverage.tsv", "results/variants.vcf"}, {"python"}),
}


@pytest.mark.parametrize("engine", ["make", "snakemake"])
def test_provenance_names_every_true_input_and_program(pipeline: Path, tmp_path: Path, engine: str) -> None:
    if engine == "snakemake":
        pytest.importorskip("snakemake")
    plain = Path(shutil.copytree(pipeline, tmp_path / "plain"))
    words = {"make": ["make", "-j2"], "snakemake": ["snakemake", "--cores", "2", "--quiet", "all"]}[engine]
    assert run(words, plain).returncode == 0
    workflow, done = record(words, pipeline)
    assert done.returncode == 0, done.stderr
    assert contents(plain) == contents(pipeline)

    for output, (inputs, programs) in TRUE.items():
        makers = [step.name for step in workflow.graph.steps if output in workflow.writes(step.name)]
        assert len(makers) == 1, (output, makers)
        assert inputs <= workflow.reads(makers[0]), output
        ran = {name.partition(".")[0].rstrip("3") for name in workflow.programs(makers[0])}
        assert programs <= ran, output
    assert not workflow.graph.gaps

    by_path = {version.path: version for version in workflow.graph.versions if version.kind == "file"}
    passing = {
        name for name in TRUE if engine == "make" and name.endswith(".sam")
    }  # make removes them itself
    for name in TRUE.keys() - passing:
        assert by_path[bytes(pipeline / name)].digest is not None, name
    done = run(["probe", "check"], pipeline)
    assert "undeclared-input" not in done.stdout, done.stdout
