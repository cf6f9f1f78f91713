"""Kinds of static program, watched: each is recorded whole, and says what it says without it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from calls.frames import lost
from calls.recorded import program
from conftest import absent
from probe_core.capture.spool import Spool
from probe_core.model import GapReason
from probe_core.stitch import stitch
from watching import ATTEMPTED, watch


def test_the_first_command(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "opens", "5", MARKER="here")
    assert seen.result.stdout == "0 0\n"
    (start,) = seen.of("START")
    assert start.texts[:5] == [str(static), str(tmp_path), str(static), "opens", "5"]
    assert any(text.startswith("MARKER") for frame in seen.of("ENVIRON") for text in frame.texts)
    (read,) = (frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input"))
    assert (read.more["count"], read.detail & ATTEMPTED) == (5, ATTEMPTED)
    assert [frame.more["status"] for frame in seen.of("EXIT")] == [0]
    assert seen.gaps() == []
    assert lost(seen.run) == 0


@pytest.mark.parametrize("how", "sfv3")
@pytest.mark.parametrize("parent", ["dynamic", "static"])
def test_below_another_program(parent: str, how: str, static: Path, tmp_path: Path) -> None:
    """By posix_spawn, fork, vfork and clone3; a failed exec before it stays exact."""
    above = static if parent == "static" else program("watched", "-pthread")
    seen = watch(tmp_path, above, f"start-{how}", static, "opens", "2")
    assert (seen.result.returncode, seen.result.stdout) == (0, "0 0\n")
    assert [frame.texts[3:5] for frame in seen.of("START")][-1] == ["opens", "2"]
    assert sum(frame.kind == "READ" and frame.path.endswith("/input") for frame in seen.frames) == 1
    assert seen.gaps() == []
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert not graph.gaps
    assert [process.parent for process in graph.processes] == [None, 0]


def test_back_into_a_dynamic_program_is_kept_once(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "start-f", "/bin/cat", "input")
    assert seen.result.stdout == "text\n"
    reads = [frame for frame in seen.of("READ") if frame.path.endswith("input")]
    assert [frame.detail & ATTEMPTED for frame in reads] == [0]  # the preload's
    assert len(seen.of("START")) == 2
    assert seen.gaps() == []


def test_below_a_dynamic_program_below_a_static_one(static: Path, tmp_path: Path) -> None:
    """The filter is there already; nobody asks for another one, and the static program is seen."""
    seen = watch(tmp_path, static, "start-f", "/bin/sh", "-c", f"{static} opens 3; cat < input > output")
    assert seen.result.stdout == "0 0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("input")) == 3 + 1
    assert seen.gaps() == []


def test_without_the_preload_in_its_environment(static: Path, tmp_path: Path) -> None:
    """A dynamic program that lost the preload is watched like a static one."""
    loses = tmp_path / "loses.c"
    loses.write_text(
        "#include <unistd.h>\n"
        "int main(int n, char **v) { char *none[] = {0}; (void)n; return execve(v[1], v + 1, none); }"
    )
    subprocess.run(["gcc", "-static", loses, "-o", tmp_path / "loses"], check=True)
    seen = watch(tmp_path, tmp_path / "loses", "/bin/cat", "input")
    assert seen.result.stdout == "text\n"
    assert str(tmp_path / "input") in [frame.path for frame in seen.of("READ")]
    assert [frame.texts[0] for frame in seen.of("START")][-1] == "/bin/cat"


def test_musl(tmp_path: Path, needs) -> None:
    needs("musl-gcc", package="musl-tools")
    seen = watch(tmp_path, program("watched", "-static", compiler="musl-gcc"), "threads")
    assert seen.result.stdout == "0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("/input")) == 8 * 500


NARROW = ("-m32", "-pthread", "-idirafter", "/usr/include/x86_64-linux-gnu")


@pytest.fixture(params=["static", "dynamic"])
def narrow(request: pytest.FixtureRequest) -> Path:
    """A 32-bit program on x86-64, which no preload can enter either way."""
    if os.uname().machine != "x86_64":
        pytest.skip("only x86-64 has another word size that is watched")
    try:
        return program("watched", *NARROW, *(["-static"] if request.param == "static" else []))
    except subprocess.CalledProcessError:
        absent("gcc -m32 does not work: sudo apt-get install libc6-dev-i386 lib32gcc-$(gcc -dumpversion)-dev")
        raise


def test_another_word_size(narrow: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, narrow, "opens", "5")
    assert (seen.result.stdout, seen.result.stderr) == ("0 0\n", "")
    (start,) = seen.of("START")
    assert start.texts[:5] == [str(narrow), str(tmp_path), str(narrow), "opens", "5"]
    (read,) = (frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input"))
    assert read.more["count"] == 5
    assert [frame.more["status"] for frame in seen.of("EXIT")] == [0]
    assert seen.gaps() == []


@pytest.mark.parametrize("how", "sfv")
def test_another_word_size_and_back(how: str, narrow: Path, static: Path, tmp_path: Path) -> None:
    """From a shell through a 32-bit program to one of this machine's own, and to a static one."""
    for inner in (["/bin/cat", "input"], [str(static), "opens", "2"]):
        place = tmp_path / Path(inner[0]).name
        place.mkdir()
        seen = watch(place, "sh", "-c", f"{narrow} start-{how} {' '.join(inner)}; :")
        assert seen.result.stderr == ""
        assert "input" in {Path(frame.path).name for frame in seen.of("READ")}
        assert seen.gaps() == []
        graph = stitch(Spool(place / "spool").runs()[0], [])
        assert not graph.gaps
        last = graph.execs[-1]
        assert os.fsdecode(last.arguments[0]) == inner[0]


def test_another_word_size_by_default(narrow: Path, tmp_path: Path) -> None:
    """A gap, and no complaint of its loader about our library."""
    seen = watch(tmp_path, "sh", "-c", f"{narrow} opens 2; :", policy="")
    assert (seen.result.stdout, seen.result.stderr) == ("0 0\n", "")
    (gap,) = stitch(Spool(tmp_path / "spool").runs()[0], []).gaps
    assert gap.reason is GapReason.FOREIGN
    assert "--static=watch" in gap.remedy


def test_threads(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "threads")
    assert seen.result.stdout == "0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("/input")) == 8 * 500


def test_many_short_threads(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "churn", "6000")
    reads = [frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [6000]
    assert [frame.kind for frame in seen.of("START", "FORKED", "EXIT")] == ["START", "EXIT"]


def test_an_end_among_threads_that_go_on(static: Path, tmp_path: Path) -> None:
    """Calls of other threads after exit belong to the program that ended, not to a new process."""
    seen = watch(tmp_path, static, "race")
    assert seen.result.returncode == 0
    assert [frame.kind for frame in seen.of("START", "FORKED", "EXIT")] == ["START", "EXIT"]


def test_a_program_that_changes_its_directory(tmp_path: Path) -> None:
    made = program("place", "-static")
    seen = watch(tmp_path, made)
    assert all(frame.path.startswith("/") for frame in seen.of("READ", "WRITE", "LOOKUP", "MAKE"))
