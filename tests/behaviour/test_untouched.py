"""Programs in odd places behave recorded as they do unrecorded, and are recorded there."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from calls.recorded import program
from conftest import Needs, absent
from probe_core.model import Act, GapReason
from probe_core.stitch import stitch
from recording import READS, WRITES, Recording, environment, record


def both(
    command: list[str], tmp_path: Path, **more: str
) -> tuple[subprocess.CompletedProcess[bytes], Recording]:
    """Run a command in two empty folders: unrecorded, and recorded. The outcomes are the same."""
    native, recorded = tmp_path / "native", tmp_path / "folder"
    native.mkdir()
    recorded.mkdir()
    plain = subprocess.run(
        command, cwd=native, env=environment(more), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    told = record(command, recorded, tmp_path / "spool", more)
    outcome = (told.result.returncode, told.result.stdout, told.result.stderr)
    assert outcome == (plain.returncode, plain.stdout, plain.stderr)
    return plain, told


def peculiar(*words: str) -> list[str]:
    return [str(program("peculiar", "-pthread")), *words]


# mode of tests/calls/programs/peculiar.c -> what it prints when all is well
MODES = {
    "tiny-stack": b"1\n",
    "signal-stack": b"100\n",
    "few-descriptors": b"3 -1 24\n5\n",
    "no-file-may-grow": b"-1 27 3\n",
    "errno": b"0\n",
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode(mode: str, tmp_path: Path) -> None:
    plain, told = both(peculiar(mode), tmp_path)
    assert plain.stdout == MODES[mode]
    assert told.touched({*READS, *WRITES, Act.MISSING})


def test_everything_closed(tmp_path: Path) -> None:
    plain, told = both(peculiar("closing"), tmp_path)
    assert plain.stdout == b"3 200 3 0 3\n"
    assert (tmp_path / "folder/out").read_bytes() == b"done\n"
    assert bytes(tmp_path / "folder/out") in told.touched(WRITES)


def test_no_descriptor_of_ours_is_seen(tmp_path: Path) -> None:
    plain, _ = both(peculiar("descriptors"), tmp_path)
    assert plain.stdout.split()[:4] == [b"0", b"1", b"2", b"3"]


def test_only_what_must_be_is_in_the_environment(tmp_path: Path) -> None:
    told = record(["env"], tmp_path, tmp_path / "spool", {"A": "b"})
    lines = told.result.stdout.decode().splitlines()
    own = [line.partition("=")[0] for line in lines if line.startswith(("LD_", "PROBE_", "ASAN", "GLIBC"))]
    assert sorted(set(own) - {"PROBE_SPOOL", "PROBE_HISTORY"}) == ["LD_PRELOAD", "PROBE_RUN"]


def test_paths_up_to_the_longest(tmp_path: Path) -> None:
    plain, told = both(peculiar("long-paths"), tmp_path)
    assert re.fullmatch(rb"4095 \d -1 36 -1 36 -1 36\n", plain.stdout)
    assert max(map(len, told.touched(WRITES))) == 4095


def test_two_hundred_threads(tmp_path: Path) -> None:
    plain, told = both(peculiar("many-threads"), tmp_path)
    assert plain.stdout == b"0\n"
    assert len([path for path in told.touched({Act.MISSING}) if b"/none-" in path]) == 4000


def test_two_thousand_forks_at_once(tmp_path: Path) -> None:
    plain, told = both(peculiar("many-forks"), tmp_path)
    if plain.stdout != b"2000\n":
        absent(f"2,000 processes at once are not allowed here: {plain.stdout!r}")
    assert len([path for path in told.touched({Act.MISSING}) if b"/none-" in path]) == 2000
    assert len(told.graph.processes) == 2001


def test_deep_binding_is_kept(tmp_path: Path) -> None:
    source, plugin = tmp_path / "plugin.c", tmp_path / "plugin.so"
    source.write_text("int who(void) { return 2; }\nint asks(void) { return who(); }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", plugin, source], check=True)
    plain, _ = both(
        [str(program("peculiar", "-pthread", "-rdynamic")), "deep-binding", str(plugin)], tmp_path
    )
    assert plain.stdout == b"2\n"


@pytest.mark.parametrize("sanitizer", ["address", "thread", "undefined"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_sanitizers(sanitizer: str, compiler: str, tmp_path: Path, needs: Needs) -> None:
    source, made = tmp_path / "a.c", tmp_path / "sanitized"
    source.write_text(
        "#include <stdio.h>\n"
        'int main(void) { FILE *f = fopen("/etc/passwd", "r"); return !f || fclose(f); }\n'
    )
    subprocess.run([needs(compiler), f"-fsanitize={sanitizer}", "-o", made, source], check=True)
    if subprocess.run([made], capture_output=True, check=False).returncode:
        absent(f"programs with -fsanitize={sanitizer} of {compiler} do not run on this kernel")
    _, told = both(["sh", "-c", f"{made}; echo $?"], tmp_path)
    assert told.result.stdout == b"0\n"
    assert b"/etc/passwd" in told.touched(READS)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_jemalloc(after: bool, tmp_path: Path) -> None:
    found = [*Path("/usr/lib").glob("*/libjemalloc.so.2"), *Path("/usr/lib").glob("libjemalloc.so.2")]
    if not found:
        absent("jemalloc is not installed: sudo apt-get install libjemalloc2")
    inner = f"LD_PRELOAD={'$LD_PRELOAD:' if after else ''}{found[0]}"
    inside = "wc -l < /etc/passwd > lines; sort /etc/passwd > sorted; grep -c jemalloc /proc/self/maps > maps"
    script = f"{inner} sh -c '{inside}'"
    _, told = both(["sh", "-c", script], tmp_path)
    assert int((tmp_path / "folder/maps").read_text()) > 0
    assert b"/etc/passwd" in told.touched(READS)
    assert bytes(tmp_path / "folder/sorted") in told.touched(WRITES)


def test_arguments_of_one_point_eight_megabytes(tmp_path: Path) -> None:
    words = ["x" * 100_000] * 18
    _, told = both(["sh", "-c", 'true "$@"; /bin/echo "$#"', "sh", *words], tmp_path)
    assert told.result.stdout == b"18\n"
    assert {one.program.rpartition(b"/")[2] for one in told.graph.execs} >= {b"dash", b"echo"}


def test_a_daemon_that_outlives_the_command(tmp_path: Path) -> None:
    """What it writes later lands, and is taken in: the run is open until then."""
    script = (
        "setsid sh -c 'while [ ! -e go ]; do sleep 0.05; done; cat /etc/passwd > late' >/dev/null 2>&1 & :"
    )
    told = record(["sh", "-c", script], tmp_path, tmp_path / "spool")
    assert told.folder.is_open()
    assert bytes(tmp_path / "late") not in told.touched(WRITES)
    (tmp_path / "go").touch()
    until = time.monotonic() + 20
    while told.folder.is_open() and time.monotonic() < until:
        time.sleep(0.1)
    late = Recording(told.folder, told.result, stitch(told.folder, []))
    assert bytes(tmp_path / "late") in late.touched(WRITES)
    assert not late.graph.gaps


def test_a_sandboxed_program_lives(tmp_path: Path) -> None:
    """A filter that kills for any call but five; see also tests/calls/test_calls.py."""
    plain, told = both([str(program("confined"))], tmp_path)
    assert plain.returncode == 0
    assert bytes(tmp_path / "folder/made") in told.touched(WRITES)


def test_a_program_with_a_loader_and_no_libc(tmp_path: Path) -> None:
    """As Go makes them: it starts, is recorded as a program, and what it does past us is a gap."""
    flags = (
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-fPIE",
        "-pie",
        "-Wl,--dynamic-linker=" + loader(),
    )
    made = program("no_libc", *flags)
    plain, told = both([str(made), "word"], tmp_path)
    assert (plain.returncode, plain.stdout) == (5, b"fine\n")
    (one,) = told.graph.execs
    assert one.arguments == (bytes(made), b"word")
    assert [gap.reason for gap in told.graph.gaps] == [GapReason.PAST_LIBC]


def loader() -> str:
    """Give the path of this machine's dynamic loader."""
    told = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    return next(word for word in told.split() if "/ld-linux" in word)
