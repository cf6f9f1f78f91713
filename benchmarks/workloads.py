"""The workloads: what each needs on the disk, and the commands that are compared."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache"
EXAMPLES = Path("/usr/share/doc/bowtie2/examples")

STARTS = 1000
FILES = 50_000
IMPORTS = "import argparse, asyncio, email.message, http.client, json, sqlite3, subprocess, unittest"


@dataclass(frozen=True)
class Workload:
    """One row of the table."""

    name: str
    prepare: Callable[[Path], None]
    native: Sequence[str]
    bar: str
    recorded: Sequence[str] | None = None  # None: the native command behind probe-record
    rivals: bool = True  # compare with the empty library and strace too
    clean: str | None = None  # a shell text before every execution
    floor: bool = False  # compare with the empty library alone: what any preload costs
    engine: bool = False  # measured once more with the taking in, which else goes on behind
    long: bool = False  # some minutes a round: only when asked for by name


def nothing(place: Path) -> None:
    """Prepare nothing."""


def small_files(place: Path) -> None:
    """Make 50,000 files of some hundred bytes in 500 folders."""
    for folder in range(FILES // 100):
        below = place / "tree" / f"{folder:03}"
        below.mkdir(parents=True)
        for number in range(100):
            (below / f"{number:02}.txt").write_text(f"{folder} {number}\n" * 20)


def lua(place: Path) -> None:
    """Unpack Lua from the `lupa` distribution on PyPI; without a network make a C project like it."""
    try:
        with tarfile.open(_source("lupa")) as opened:
            opened.extractall(place / "unpacked", filter="data")
        (source,) = place.glob("unpacked/lupa-*/third-party/lua54")
        shutil.copytree(source, place / "lua")
    except (subprocess.SubprocessError, ValueError, OSError):
        generated(place / "lua")
    folder = min((path.parent for path in (place / "lua").rglob("*.c")), key=lambda path: len(path.parts))
    objects = sorted(path.stem + ".o" for path in folder.glob("*.c") if path.stem not in MAINS)
    (folder / "bench.mk").write_text(
        f"all: libbench.a\nlibbench.a: {' '.join(objects)}\n\tar rcs $@ $^\n"
        "%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\nclean:\n\trm -f *.o libbench.a\n"
    )
    (place / "source").symlink_to(folder)


def _source(name: str, version: str = "") -> Path:
    """Fetch an archive from PyPI once; pip asks the package for its requirements, which can take a minute."""
    CACHE.mkdir(exist_ok=True)
    if not list(CACHE.glob(f"{name}-*.tar.gz")):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            name,
            name + version,
        ]
        subprocess.run(command, cwd=CACHE, check=True, capture_output=True, timeout=600)
    return next(CACHE.glob(f"{name}-*.tar.gz"))


def configure(place: Path) -> None:
    """Unpack a package with a small `./configure` of Autoconf: some 500 programs and as many subshells."""
    with tarfile.open(_source("cysignals", "==1.11.4")) as opened:
        opened.extractall(place, filter="data")
    (unpacked,) = place.glob("cysignals-*")
    (place / "source").symlink_to(unpacked)


PIPELINE = """
set -e
gzip -dc reads_1.fq.gz reads_2.fq.gz | sort | gzip > sorted.gz
bwa mem -v 1 lambda.fa reads_1.fq.gz reads_2.fq.gz | samtools sort -o pairs.bam -
samtools index pairs.bam
samtools depth -a pairs.bam > depth
gzip -dc sorted.gz | sort -c
"""


def pipeline(place: Path) -> None:
    """Lay out lambda phage reads (Debian's bowtie2-examples), indexed, and a script that aligns them."""
    for name in ("reads/reads_1.fq.gz", "reads/reads_2.fq.gz", "reference/lambda_virus.fa.gz"):
        shutil.copy(EXAMPLES / name, place)
    (place / "lambda.fa").write_bytes(gzip.decompress((place / "lambda_virus.fa.gz").read_bytes()))
    subprocess.run(["bwa", "index", "lambda.fa"], cwd=place, check=True, capture_output=True)
    (place / "pipeline.sh").write_text(PIPELINE)


MAINS = {"lua", "luac", "onelua", "ltests"}


def generated(folder: Path) -> None:
    """Make 40 C files that need about as long as Lua's."""
    folder.mkdir()
    for number in range(40):
        functions = "\n".join(
            f"int f{number}_{i}(int n) {{ int s = {i}; for (int k = 0; k < n; k++) s += k * s % {i + 2}; "
            f'printf("%d", s); return s; }}'
            for i in range(200)
        )
        (folder / f"part{number}.c").write_text(f"#include <stdio.h>\n#include <stdlib.h>\n{functions}\n")


def _compiled_loop(place: Path, *flags: str) -> None:
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-O2", *flags, "-pthread", "-o", "loop", HERE / "loop.c"], cwd=place, check=True
    )


def dynamic_loop(place: Path) -> None:
    """Build the program that opens, reads and closes the 50,000 small files, by one thread or eight."""
    small_files(place)
    _compiled_loop(place)


def static_loop(place: Path) -> None:
    """Build the same program without a loader, so that no preload can enter it."""
    small_files(place)
    _compiled_loop(place, "-static")


def go_module(place: Path) -> None:
    """Write a Go program and build it once."""
    (place / "go.mod").write_text("module example.com/small\n")
    (place / "main.go").write_text(
        'package main\nimport ("encoding/json"; "os")\nfunc main() { json.NewEncoder(os.Stdout).Encode(1) }\n'
    )
    subprocess.run(["go", "build", "-o", "small", "."], cwd=place, check=True)


WATCHED = [str(BIN / "probe-record"), "-q", "--static=auto", "--"]
GO_BUILD = ["go", "build", "-o", "small", "."]

WORKLOADS = (
    Workload(
        "1,000 × /bin/true from sh",
        nothing,
        ["sh", "-c", f"i=0; while [ $i -lt {STARTS} ]; do /bin/true; i=$((i+1)); done"],
        "≤ 1.08",
    ),
    Workload(
        "50,000 × open, read, close and stat",
        dynamic_loop,
        ["./loop", "1", "stat"],
        "≤ 1.10",
    ),
    Workload("8 threads open, read and close", dynamic_loop, ["./loop", "8"], "≤ 1.10"),
    Workload(
        "./configure",
        configure,
        ["sh", "-c", "cd source && ./configure"],
        "≤ 1.05",
    ),
    Workload("sort, gzip, bwa, samtools", pipeline, ["sh", "pipeline.sh"], "≤ 1.03"),
    Workload(
        "pure CPU",
        nothing,
        [sys.executable, "-c", "print(sum(i * i % 7 for i in range(8_000_000)))"],
        "≤ 1.03",
    ),
    Workload(
        "compiling Lua",
        lua,
        ["make", "-s", "-C", "source", "-f", "bench.mk"],
        "≤ 1.03",
        clean="make -s -C source -f bench.mk clean",
    ),
    Workload(
        "20 Python starts with imports",
        nothing,
        ["sh", "-c", f"for i in $(seq 20); do {sys.executable} -c '{IMPORTS}'; done"],
        "≤ 1.03",
    ),
    Workload(
        "50,000 small files read",
        small_files,
        ["sh", "-c", "find tree -type f -print0 | xargs -0 cat"],
        "≤ 1.10",
    ),
    # The watching is done by processes of its own: `measure.sample` waits for them and counts their CPU.
    Workload("static: 50,000 files read", static_loop, ["./loop"], "≤ 3.0", recorded=[*WATCHED, "./loop"]),
    Workload(
        "static: the same by 8 threads",
        static_loop,
        ["./loop", "8"],
        "≤ 4",
        recorded=[*WATCHED, "./loop", "8"],
    ),
    Workload(
        "static: go build",
        go_module,
        GO_BUILD,
        "≤ 1.15",
        recorded=[*WATCHED, *GO_BUILD],
        clean='rm -f small; echo "// $(date +%s%N)" >> main.go',
    ),
)


def empty_library(place: Path) -> Path:
    """Build a shared library with nothing in it."""
    source, library = place / "empty.c", place / "empty.so"
    source.write_text("")
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-nostdlib", "-o", library, source], check=True)
    return library
