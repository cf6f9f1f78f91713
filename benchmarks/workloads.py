"""The workloads: what each needs on the disk, and the commands that are compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
CACHE = Path(__file__).parents[1] / ".cache"

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
        with tarfile.open(_lupa()) as opened:
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


def _lupa() -> Path:
    """Fetch the archive once; pip asks the package for its requirements, which takes a minute."""
    CACHE.mkdir(exist_ok=True)
    if not list(CACHE.glob("lupa-*.tar.gz")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "lupa", "lupa"]
        subprocess.run(command, cwd=CACHE, check=True, capture_output=True, timeout=600)
    return next(CACHE.glob("lupa-*.tar.gz"))


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


STATIC = r"""
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static long each;
static void *loop(void *from)
{
    char path[64], text[16];
    for (long i = 0, at = (long)from; i < each; i++, at++) {
        snprintf(path, sizeof path, "tree/%03ld/%02ld.txt", at / 100 % 500, at % 100);
        int file = open(path, O_RDONLY);
        if (file < 0 || read(file, text, sizeof text) < 0)
            exit(1);
        close(file);
    }
    return NULL;
}
int main(int count, char **arguments)
{
    pthread_t all[8];
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    each = 50000 / threads;
    for (long i = 0; i < threads; i++)
        pthread_create(&all[i], NULL, loop, (void *)(i * each));
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    return 0;
}
"""


def static_loop(place: Path) -> None:
    """Build a static program that opens, reads and closes the 50,000 small files, by one thread or eight."""
    small_files(place)
    (place / "loop.c").write_text(STATIC)
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O2", "-static", "-pthread", "-o", "loop", "loop.c"], cwd=place, check=True)


def go_module(place: Path) -> None:
    """Build a static program that opens, reads and closes 50,000 small files, by one thread or eight."""
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
        "≤ 1.15",
    ),
    Workload(
        "compiling Lua",
        lua,
        ["make", "-s", "-C", "source", "-f", "bench.mk"],
        "≤ 1.05",
        clean="make -s -C source -f bench.mk clean",
    ),
    Workload(
        "20 Python starts with imports",
        nothing,
        ["sh", "-c", f"for i in $(seq 20); do {sys.executable} -c '{IMPORTS}'; done"],
        "≤ 1.05",
    ),
    Workload(
        "50,000 small files read",
        small_files,
        ["sh", "-c", "find tree -type f -print0 | xargs -0 cat"],
        "≤ 1.3",
    ),
    # The watching is done by processes of its own: here the wall counts, the CPU is the program's only.
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
