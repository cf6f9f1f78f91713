"""The second mechanism sees of a static program what the preload sees of the same one, linked dynamically."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from calls.frames import Frame, frames
from calls.recorded import program
from recording import LAUNCHER, environment
from watching import can_watch

PATHS = {"RENAME": 2, "LINK": 2, "SYMLINK": 2}
ACCESSES = {"READ", "LOOKUP", "LIST", "WRITE", "REMOVE", "MAKE", "CHANGE", "METADATA", *PATHS}
TEMPORARY = re.compile(r"/([tuv])[A-Za-z0-9]{6}")
Told = tuple[str, int, tuple[str, ...]]

# What only one of the two can tell: a descriptor's own name, and libc's own calls below a walk.
ONLY_PRELOAD = {("METADATA", 0, ("",)), ("WRITE", 0, ("",)), ("LIST", 2, ("work/none",))}
ONLY_WATCH = {("LOOKUP", 0, ("work/d",)), ("READ", 0, ("work/d",)), ("READ", 0, ("work/d/e",)),
              ("READ", 2, ("work/none",)), ("WRITE", 0, ("/tmp",))}  # fmt: skip


def _texts(frame: Frame, place: str, directories: dict[int, str], below: Path) -> tuple[str, ...]:
    found = []
    for number, text in enumerate(frame.texts[: PATHS.get(frame.kind, 1)]):
        key = frame.more.get("directory_second" if number else "directory", 0)
        base = directories[key] if frame.detail & (2 if number else 1) else place
        content = frame.kind == "SYMLINK" and number == 0
        full = text if content or not text else os.path.normpath(Path(base, text))
        found.append(TEMPORARY.sub(r"/\1XXXXXX", str(full).replace(f"{below}/", "")))
    return tuple(found)


def seen(made: Path, below: Path) -> set[Told]:
    """Run a program under ``--static=watch``; what was noted of its accesses, with absolute paths."""
    (below / "work").mkdir(parents=True)
    command = [LAUNCHER, "--spool", below / "spool", "--static=watch", "-q", "--", made]
    subprocess.run(
        command, cwd=below / "work", env=environment(), capture_output=True, check=True, timeout=60
    )
    (run,) = (below / "spool" / "runs").iterdir()
    noted = frames(run)
    own = [frame for frame in noted if frame.exec == noted[0].exec]
    directories = {frame.more["key"]: frame.path for frame in own if frame.kind == "DIRECTORY"}
    place, told = str(below / "work"), set()
    for frame in own:
        if frame.kind == "PLACE":
            place = frame.path
        elif frame.kind in ACCESSES:
            told.add((frame.kind, frame.error, _texts(frame, place, directories, below)))
    return told


CASES = [(name, "gcc") for name in ("opens", "names", "questions", "metadata", "place", "streams", "walks")]


@pytest.mark.parametrize(("name", "compiler"), [*CASES, ("names", "musl-gcc")])
def test_a_static_program_is_seen_as_a_dynamic_one(name: str, compiler: str, tmp_path: Path, needs) -> None:
    if not can_watch():
        pytest.skip("the kernel or the surroundings forbid watching here")
    needs(compiler, package="musl-tools" if compiler == "musl-gcc" else None)
    dynamic = seen(program(name), tmp_path / "dynamic")
    static = seen(program(name, "-static", compiler=compiler), tmp_path / "static")
    assert dynamic
    assert dynamic - static <= ONLY_PRELOAD
    assert static - dynamic <= ONLY_WATCH
