"""The workloads of the workflow engines: what their steps cost under each door."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from workloads import BIN, Workload, lua, nothing

ROOT = Path(__file__).parents[1]
PROBE = str(BIN / "probe")
NOTHING_DECLARED = "probe-record, nothing declared"
TARGET_ALONE = "probe-record, PROBE_STEP=$@ alone"
RECIPES = 2000
SNAKEFILE = """rule all:
    input: expand("out/{{n}}", n=range({jobs}))
rule one:
    output: "out/{{n}}"
    shell: "echo {{wildcards.n}} > {{output}}"
"""
PIPELINE = """process ONE {{
    input: val n
    output: path 'out'
    script: "{work}"
}}
workflow {{ Channel.of({tasks}) | ONE }}
"""
# A tenth of a second, or so.
COMPUTES = "awk 'BEGIN { for (i = 0; i < 2400000; i++) s += i % 7 }' > out"
IMPORT = "import snakemake.cli; snakemake.cli.get_argument_parser()"  # imports all plugins that it finds
WITHOUT_OURS = f"""import pkgutil
found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *a, **k: (one for one in found(*a, **k) if "_plugin_probe" not in one.name)
{IMPORT}"""


def snakemake(jobs: int, cores: int, door: str, bar: str, *, long: bool = False) -> Workload:
    """Trivial shell jobs, by the local executor and by ``door``."""

    def prepare(place: Path) -> None:
        (place / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs))

    words = [f"-j{cores}", "--quiet", "all", "--scheduler", "greedy"]
    plain = [str(BIN / "snakemake"), *words]
    recorded = [PROBE, "snakemake", *words] if door == "probe snakemake" else [*plain, "--executor", "probe"]
    name = f"{jobs:,} Snakemake jobs, -j{cores}: {door}"
    return Workload(
        name, prepare, [*plain, "--executor", "local"], bar, recorded, rivals=False, engine=True, long=long,
        clean="rm -rf out .snakemake",
    )  # fmt: skip


def make(name: str, recipe: str, door: str, bar: str) -> Workload:
    """Recipes of phony targets, by make and by ``door``. Without a bar it is there to compare with."""

    def prepare(place: Path) -> None:
        targets = " ".join(f"t{number}" for number in range(RECIPES))
        (place / "Makefile").write_text(f".PHONY: all {targets}\nall: {targets}\n{targets}:\n\t@{recipe}\n")

    plain = ["make", "-s", "-j2"]
    recorded = _make_door(door, plain)
    return Workload(
        f"{name}: {door}", prepare, plain, bar, recorded, rivals=False, floor=True, engine=bool(bar)
    )


def _make_door(door: str, plain: list[str]) -> list[str]:
    if door == "probe make":
        return [PROBE, *plain]
    if door == "SHELL=probe-sh":
        return [*plain, f"SHELL={BIN / 'probe-sh'}"]
    told = ["env", "GNUMAKEFLAGS=PROBE_STEP=$$@"] if door == TARGET_ALONE else []
    return [*told, str(BIN / "probe-record"), "-q", *plain]


def echoes(place: Path) -> None:
    """Write a Makefile of 2,000 recipes, each of which writes its target."""
    targets = " ".join(f"out/{number}" for number in range(RECIPES))
    (place / "Makefile").write_text(f"all: {targets}\n{targets}: ; @echo $@ > $@\n")


def nextflow(
    tasks: int, bar: str, *, work: str = "echo 1 > out", kind: str = "", long: bool = False
) -> Workload:
    """Tasks of one shell text, by the Nextflow that the tests fetch (or ``NEXTFLOW=/path``)."""

    def prepare(place: Path) -> None:
        channel = f"1..{tasks}" if tasks else ""
        (place / "main.nf").write_text(PIPELINE.format(tasks=channel, work=work))
        (place / "program").write_text(f"{_nextflow()}\n")

    around = 'read -r NEXTFLOW <program; export NEXTFLOW NXF_ANSI_LOG=false NXF_HOME="$PWD/home"; exec'
    return Workload(
        f"Nextflow, {tasks:,} {kind}tasks" if tasks else "Nextflow without a task",
        prepare,
        ["sh", "-c", f'{around} "$NEXTFLOW" -q run main.nf'],
        bar,
        ["sh", "-c", f"{around} {PROBE} nextflow -q run main.nf"],
        rivals=False,
        engine=True,
        long=long,
        clean="rm -rf work .nextflow .nextflow.log*",
    )


def _nextflow() -> Path:
    sys.path.insert(0, str(ROOT / "tests"))
    from nextflows import fetched

    def needs(thing: str, *, package: str | None = None, why: str = "") -> str:
        found = thing if thing.startswith("/") and Path(thing).exists() else shutil.which(thing)
        if found is None:
            raise FileNotFoundError(f"{thing} is not installed: apt-get install {package or thing} {why}")
        return found

    return fetched(needs)


ENGINE_WORKLOADS = (
    *(
        snakemake(500, cores, door, "wall ≤ 1.05, CPU ≤ 1.05")
        for door in ("--executor probe", "probe snakemake")
        for cores in (1, 2)
    ),
    snakemake(10_000, 2, "--executor probe", "wall ≤ 1.05, CPU ≤ 1.05", long=True),
    Workload(
        "importing the Snakemake plugins",
        nothing,
        [sys.executable, "-c", WITHOUT_OURS],
        "adds ≤ 0.03 s CPU",
        [sys.executable, "-c", IMPORT],
        rivals=False,
    ),
    Workload(
        "2,000 make recipes that write: probe make",
        echoes,
        ["make", "-s", "-j2"],
        "wall ≤ 1.05, CPU ≤ 1.05",
        [PROBE, "make", "-s", "-j2"],
        rivals=False,
        engine=True,
        clean="rm -rf out; mkdir out",
    ),
    make("2,000 plain recipes", "/bin/true $@", "probe make", "wall ≤ 1.05, CPU ≤ 1.05"),
    make("2,000 plain recipes", "/bin/true $@", NOTHING_DECLARED, ""),
    make("2,000 plain recipes", "/bin/true $@", TARGET_ALONE, ""),
    make("2,000 plain recipes", "/bin/true $@", "SHELL=probe-sh", "wall ≤ 2.5, CPU ≤ 2.5"),
    make("2,000 recipes with a shell", ": $@ || exit 1; : again", "probe make", "wall ≤ 1.05, CPU ≤ 1.05"),
    make("2,000 recipes with a shell", ": $@ || exit 1; : again", "SHELL=probe-sh", "wall ≤ 1.3, CPU ≤ 1.3"),
    Workload(
        "building Lua: probe make",
        lua,
        ["make", "-s", "-C", "source", "-f", "bench.mk"],
        "wall ≤ 1.03, CPU ≤ 1.03",
        [PROBE, "make", "-s", "-C", "source", "-f", "bench.mk"],
        rivals=False,
        engine=True,
        clean="make -s -C source -f bench.mk clean",
    ),
    nextflow(0, "adds ≤ 0.5 s"),
    nextflow(200, "adds ≤ 4 s CPU"),
    nextflow(1000, "wall ≤ 1.03, CPU ≤ 1.03, adds ≤ 20 s CPU", long=True),
    nextflow(1000, "wall ≤ 1.03, CPU ≤ 1.03", work=COMPUTES, kind="computing ", long=True),
)


def taken_in(environment: dict[str, str]) -> None:
    """Wait until what was recorded is taken in, so that it disturbs nobody's next sample."""
    subprocess.run([PROBE, "runs"], env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
