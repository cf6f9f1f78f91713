"""Compiling libprobe and small programs, and running them in a run's folder made by hand."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from calls.frames import Frame, frames

SOURCE = Path(__file__).parents[2] / "libprobe"
PROGRAMS = Path(__file__).parent / "programs"
FLAGS = [
    "-D_GNU_SOURCE", "-std=gnu11", "-O2", "-ffreestanding", "-fno-builtin", "-fno-stack-protector",
    "-U_FORTIFY_SOURCE", "-fno-strict-aliasing", "-fPIC", "-fvisibility=hidden",
    "-fasynchronous-unwind-tables", "-ftls-model=initial-exec", "-Wall", "-Wextra", "-Werror",
]  # fmt: skip
LINK = ["-shared", "-nostdlib", "-Wl,-Bsymbolic", "-Wl,--hash-style=gnu", "-Wl,-z,now",
        "-Wl,-z,noseparate-code", "-Wl,-z,norelro", f"-Wl,-T,{SOURCE / 'layout.ld'}"]  # fmt: skip
NOT_OURS = {"START", "ENVIRON", "LIBRARIES", "DESCRIPTOR", "EXIT", "END", "DIRECTORY"}


@cache
def workshop() -> Path:
    """A folder for what is compiled, for this test process."""
    folder = Path(tempfile.mkdtemp(prefix="probe-calls-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def library(compiler: str = "gcc") -> Path:
    """libprobe.so, compiled from the sources that meson.build names."""
    made = workshop() / f"libprobe-{compiler}.so"
    listed = re.findall(r"'([\w/-]+\.c)'", (SOURCE / "meson.build").read_text())
    extra = ["-fno-tree-loop-distribute-patterns", "-fcf-protection=none"] if compiler == "gcc" else []
    sources = [str(SOURCE / name) for name in listed]
    subprocess.run([compiler, *FLAGS, *extra, *LINK, *sources, "-o", str(made)], check=True)
    return made


@cache
def program(name: str, *flags: str, compiler: str = "gcc") -> Path:
    """A program of ``programs/``, compiled."""
    made = workshop() / "-".join([name, compiler, *(re.sub(r"\W", "", flag) for flag in flags)])
    source = PROGRAMS / f"{name}.c"
    subprocess.run([compiler, "-Wall", "-O1", *flags, str(source), "-o", str(made)], check=True)
    return made


@cache
def creator() -> Path:
    """The program that makes a segment: the very code that the launcher uses."""
    made = workshop() / "make-segment"
    main = b"#include <stdlib.h>\nint probe_segment_create(const char *, unsigned);\n"
    main += b"int main(int c, char **v) { return -probe_segment_create(v[1], c > 2 ? atoi(v[2]) : 0); }\n"
    (workshop() / "make-segment.c").write_bytes(main)
    sources = [str(workshop() / "make-segment.c"), str(SOURCE / "create.c"), str(SOURCE / "kernel.c")]
    flags = ["-D_GNU_SOURCE", "-fno-stack-protector", "-U_FORTIFY_SOURCE"]
    subprocess.run(["gcc", *flags, f"-I{SOURCE}", *sources, "-o", str(made)], check=True)
    return made


@dataclass
class Recorded:
    """One command under the recorder."""

    folder: Path
    result: subprocess.CompletedProcess[bytes]
    frames: list[Frame]

    def of(self, *kinds: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.kind in kinds]

    def starts(self) -> list[list[str]]:
        """The arguments of every program that announced itself, in order."""
        return [frame.texts[2 : 2 + frame.more["arguments"]] for frame in self.of("START")]

    def gaps(self) -> set[int]:
        return {frame.more["reason"] for frame in self.of("GAP")}


def make_run(below: Path, *, with_segment: bool = True) -> Path:
    """An empty run's folder in a spool of its own."""
    (below / "spool" / "runs").mkdir(parents=True, exist_ok=True)
    (below / "spool" / "key").write_bytes(bytes(range(16)))
    folder = below / "spool" / "runs" / str(uuid.uuid4())
    folder.mkdir(mode=0o700)
    if with_segment:
        subprocess.run([str(creator()), str(folder)], check=True)
    return folder


def surroundings(folder: Path, compiler: str = "gcc") -> dict[str, str]:
    """The environment of a recorded program."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "LD_PRELOAD": str(library(compiler)), "PROBE_RUN": str(folder)}


def record(
    command: Sequence[str | Path],
    below: Path,
    *,
    more: Mapping[str, str] | None = None,
    folder: Path | None = None,
    compiler: str = "gcc",
    stdin: bytes | None = None,
    check: bool = True,
) -> Recorded:
    """Run a command under the recorder, in ``below/work``."""
    folder = folder or make_run(below)
    work = below / "work"
    work.mkdir(exist_ok=True)
    environment = {**surroundings(folder, compiler), **(more or {})}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=work,
        env=environment,
        capture_output=True,
        input=stdin or b"",
        timeout=60,
    )
    assert not check or result.returncode == 0, (result.returncode, result.stdout, result.stderr)
    return Recorded(folder, result, frames(folder))


BITS = {4: "created", 8: "exclusive", 16: "truncated", 32: "appended", 64: "both", 128: "no-name",
        256: "no-follow", 512: "directory", 2048: "spawned", 4096: "cut"}  # fmt: skip


def told(recorded: Recorded) -> list[str]:
    """The first exec's notes as lines: kind, bits, error, times, paths (``<d>/x``: below the directory d)."""
    first = recorded.of("START")[0].exec
    own = [frame for frame in recorded.frames if frame.exec == first]
    directories = {frame.more["key"]: frame.path for frame in own if frame.kind == "DIRECTORY"}
    return [_line(frame, directories) for frame in own if frame.kind not in NOT_OURS]


def _line(frame: Frame, directories: Mapping[int, str]) -> str:
    words = [frame.kind, *(name for bit, name in BITS.items() if frame.detail & bit)]
    if frame.error:
        words.append(f"error={frame.error}")
    if frame.more.get("count", 1) > 1:
        words.append(f"times={frame.more['count']}")
    paths = {"CLOSE": 0, "PIPE": 0, "RENAME": 2, "LINK": 2, "SYMLINK": 2, "FORK": 0, "WAIT": 0}
    for place, text in enumerate(frame.texts[: paths.get(frame.kind, 1)]):
        below = frame.detail & (2 if place else 1)
        key = frame.more.get("directory_second" if place else "directory", 0)
        words.append(f"<{Path(directories[key]).name}>/{text}" if below else text or "''")
    return " ".join(words)
