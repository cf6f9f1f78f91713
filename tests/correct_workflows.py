"""Ten workflows whose text is right, for `probe check`: laid out, with the command that runs each."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from c_project import PROJECT
from conftest import Needs
from workflows import example, run, write

LAMBDA = Path("/usr/share/doc/bowtie2/examples")
SNAKEMAKE = ("snakemake", "--cores", "2", "--quiet", "all")

# The workflow of Snakemake's tutorial, its basic and advanced parts; the script plots without pysam.
TUTORIAL = {
    "config.yaml": "samples:\n    A: data/samples/A.fastq\n    B: data/samples/B.fastq\n"
    "prior_mutation_rate: 0.001\n",
    "Snakefile": """configfile: "config.yaml"


rule all:
    input:
        "plots/quals.svg",


def get_bwa_map_input_fastqs(wildcards):
    return config["samples"][wildcards.sample]


rule bwa_map:
    input:
        "data/genome.fa",
        get_bwa_map_input_fastqs,
    output:
        temp("mapped_reads/{sample}.bam"),
    params:
        rg=r"@RG\\tID:{sample}\\tSM:{sample}",
    log:
        "logs/bwa_mem/{sample}.log",
    threads: 8
    shell:
        "(bwa mem -R '{params.rg}' -t {threads} {input} | "
        "samtools view -Sb - > {output}) 2> {log}"


rule samtools_sort:
    input:
        "mapped_reads/{sample}.bam",
    output:
        protected("sorted_reads/{sample}.bam"),
    shell:
        "samtools sort -T sorted_reads/{wildcards.sample} "
        "-O bam {input} > {output}"


rule samtools_index:
    input:
        "sorted_reads/{sample}.bam",
    output:
        "sorted_reads/{sample}.bam.bai",
    shell:
        "samtools index {input}"


rule bcftools_call:
    input:
        fa="data/genome.fa",
        bam=expand("sorted_reads/{sample}.bam", sample=config["samples"]),
        bai=expand("sorted_reads/{sample}.bam.bai", sample=config["samples"]),
    output:
        "calls/all.vcf",
    params:
        rate=config["prior_mutation_rate"],
    log:
        "logs/bcftools_call/all.log",
    shell:
        "(bcftools mpileup -f {input.fa} {input.bam} | "
        "bcftools call -mv -P {params.rate} - > {output}) 2> {log}"


rule plot_quals:
    input:
        "calls/all.vcf",
    output:
        "plots/quals.svg",
    script:
        "scripts/plot-quals.py"
""",
    "scripts/plot-quals.py": """quals = []
with open(snakemake.input[0]) as calls:
    for line in calls:
        if not line.startswith("#"):
            quals.append(float(line.split("\\t")[5]))
with open(snakemake.output[0], "w") as plot:
    plot.write("<svg xmlns='http://www.w3.org/2000/svg'>")
    for place, height in enumerate(sorted(quals)):
        plot.write(f"<rect x='{place * 4}' y='0' width='3' height='{height:.0f}'/>")
    plot.write("</svg>")
""",
}


@dataclass(frozen=True)
class Correct:
    """A workflow: how it is laid into a folder, and the command that runs it."""

    lay: Callable[[Path, Needs], Path]
    command: tuple[str, ...]


def tutorial(to: Path, needs: Needs) -> Path:
    """The tutorial's workflow with its data: a genome with the indexes that lie beside it, and reads."""
    for program in ("bwa", "samtools", "bcftools"):
        needs(program)
    write(to, TUTORIAL)
    chosen = random.Random(8)
    genome = "".join(chosen.choices("ACGT", k=6000))
    write(
        to, {"data/genome.fa": ">I\n" + "\n".join(genome[at : at + 60] for at in range(0, 6000, 60)) + "\n"}
    )
    for sample in "AB":
        reads = []
        for number in range(400):
            at = chosen.randrange(5900)
            read = genome[at : at + 100].replace("ACGTA", "ACTTA")
            reads.append(f"@{sample}{number}\n{read}\n+\n{'I' * len(read)}\n")
        write(to, {f"data/samples/{sample}.fastq": "".join(reads)})
    for command in (["bwa", "index", "data/genome.fa"], ["samtools", "faidx", "data/genome.fa"]):
        assert run(command, to).returncode == 0
    return to


def variant_calling(to: Path, needs: Needs) -> Path:
    """The example with the lambda phage's reads."""
    for program in ("bwa", "samtools", "bcftools"):
        needs(program)
    needs(str(LAMBDA), package="bowtie2-examples")
    example("variant-calling", to)
    (to / "data").mkdir()
    for file in (LAMBDA / "reference/lambda_virus.fa.gz", *(LAMBDA / "reads").glob("*.fq.gz")):
        shutil.copy(file, to / "data")
    return to


def upstream(name: str) -> Callable[[Path, Needs], Path]:
    """One of the workflows that Snakemake tests itself with, from its source distribution."""

    def lay(to: Path, needs: Needs) -> Path:
        place = Path(__file__).parent / "engines" / "upstream_snakemake" / "run"
        loader = SourceFileLoader("upstream_snakemake_run", str(place))
        spec = spec_from_loader(loader.name, loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        shutil.copytree(module.fetched() / "tests" / name, to)
        shutil.rmtree(to / "expected-results", ignore_errors=True)
        return to

    return lay


def c_project(to: Path, needs: Needs) -> Path:
    """A C project with generated headers, a library of its own and order-only prerequisites."""
    return write(to, PROJECT)


def penguins(to: Path, needs: Needs) -> Path:
    """The example with the penguins and a small table, its one undeclared input declared."""
    head = "Individual ID,Species,Sex,Flipper Length (mm),Body Mass (g)"
    birds = [
        f"N{i}A{i},{species} Penguin,{('FEMALE', 'MALE')[i % 2]},{180 + 3 * i + j},{3500 + 90 * i - j}"
        for i in range(12)
        for j, species in enumerate(("Adelie", "Chinstrap", "Gentoo"))
    ]
    makefile = (example("palmer-penguins", to) / "Makefile").read_text()
    rule = "scripts/fit.py results/clean.csv\n\t$(PYTHON) $^ "
    assert rule in makefile
    mended = (
        "scripts/fit.py results/clean.csv data/exclude.txt\n\t$(PYTHON) scripts/fit.py results/clean.csv "
    )
    return write(
        to,
        {
            "data/penguins-raw.csv": "\n".join([head, *birds, ""]),
            "Makefile": makefile.replace(rule, mended),
        },
    )


CORRECT: Mapping[str, Correct] = {
    "Snakemake's tutorial": Correct(tutorial, SNAKEMAKE),
    "variant calling, Snakemake": Correct(variant_calling, SNAKEMAKE),
    **{
        f"Snakemake's {name}": Correct(upstream(name), SNAKEMAKE)
        for name in ("test02", "test05", "test12", "test_pathlib", "test_scatter_gather")
    },
    "a C project, make": Correct(c_project, ("make", "-j2", "all", "gen-a.c")),
    "variant calling, make": Correct(variant_calling, ("make", "-j2")),
    "penguins, make": Correct(penguins, ("make", "-j2")),
}
