"""bubblewrap, unshare, Charliecloud and chroot: real namespaces, and a root made of this machine's files."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Needs, absent
from probe_core.model import GapReason
from recording import LAUNCHER, READS, WRITES, Recording, environment, record
from roots import paths_of

COPY = "cat in > out; echo x > /tmp/own; cat /tmp/own"


@pytest.fixture
def bwrap(needs: Needs) -> str:
    found = needs("bwrap", package="bubblewrap")
    tried = subprocess.run([found, "--ro-bind", "/", "/", "true"], capture_output=True, check=False)
    if tried.returncode:
        absent(f"bubblewrap makes no namespaces here: {os.fsdecode(tried.stderr)}")
    return found


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "in").write_text("input\n")
    return folder


def whole(work: Path) -> list[str]:
    """Options: the root of this machine, a /tmp of its own."""
    return ["--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(work), str(work)]


ROOTS = {
    "whole": lambda work, _: [*whole(work), "--proc", "/proc", "--unshare-pid"],
    "whole-all": lambda work, _: [*whole(work), "--proc", "/proc", "--unshare-all", "--hostname", "inner"],
    "no-proc": lambda work, _: [*whole(work), "--unshare-pid", "--tmpfs", "/proc"],
    "image": lambda work, root: [
        "--ro-bind", str(root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-all",
        "--bind", str(work), "/data", "--chdir", "/data",
    ],
    "parts": lambda work, _: [
        "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
        "--symlink", "usr/bin", "/bin", "--tmpfs", "/tmp", "--proc", "/proc", "--unshare-all", "--clearenv",
        "--setenv", "PATH", "/usr/bin", "--bind", str(work), "/data", "--chdir", "/data",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", ROOTS)
def test_bubblewrap(kind: str, bwrap: str, root: Path, work: Path, tmp_path: Path) -> None:
    options = ROOTS[kind](work, root)
    command = [bwrap, *options, "sh", "-c", COPY]
    native = subprocess.run(command, cwd=work, env=environment(), capture_output=True, check=False)
    told = record(command, work, tmp_path / "spool")
    assert (native.returncode, native.stdout, native.stderr) == (0, b"x\n", b"")
    assert (told.result.returncode, told.result.stdout, told.result.stderr) == (0, b"x\n", b"")
    assert bytes(work / "in") in told.touched(READS)
    assert bytes(work / "out") in told.touched(WRITES)
    assert b"/container:bwrap/tmp/own" in told.touched(WRITES)
    assert not [path for path in paths_of(told) if b"newroot" in path], "what bubblewrap does is no output"
    assert not told.graph.gaps
    assert connected(told)
    starter = next(one for one in told.graph.execs if one.program.endswith(b"bwrap"))
    assert [os.fsdecode(word) for word in starter.arguments] == command


def connected(told: Recording) -> bool:
    """Whether every process but the first has a parent."""
    return sum(process.parent is None for process in told.graph.processes) == 1


def test_bubblewrap_in_a_rule(bwrap: str, work: Path, tmp_path: Path) -> None:
    """Started by a shell, twice at once: their pids are the same inside."""
    line = shlex.join([bwrap, *ROOTS["whole"](work, work), "sh", "-c"])
    script = f"export PROBE_STEP=rule; {line} 'cat in > a' & {line} 'cat in > b' & wait"
    told = record(["sh", "-c", script], work, tmp_path / "spool")
    assert told.result.returncode == 0, told.result.stderr
    assert {bytes(work / "a"), bytes(work / "b")} <= told.touched(WRITES)
    assert not told.graph.gaps
    assert connected(told)
    (step,) = told.graph.steps
    inner = [one for one in told.graph.execs if one.program.endswith((b"bwrap", b"/cat"))]
    assert {one.step for one in inner} == {step.number}


def test_a_root_where_nothing_may_be_made_is_a_gap(
    bwrap: str, root: Path, work: Path, tmp_path: Path
) -> None:
    command = [bwrap, "--bind", str(root), "/", "--bind", str(work), "/data", "cat", "/data/in"]
    told = record(command, work, tmp_path / "spool")
    assert (told.result.stdout, told.result.stderr) == (b"input\n", b""), "and no complaint of a loader"
    assert GapReason.CONTAINER in {gap.reason for gap in told.graph.gaps}
    assert not (root / ".probe").exists()


def test_options_that_are_not_known_are_left_alone(bwrap: str, work: Path, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"\0".join((b"--ro-bind", b"/", b"/")) + b"\0")
    os.close(write)
    told = subprocess.run(
        [LAUNCHER, "--spool", tmp_path / "spool", "-q", bwrap, "--args", str(read), "cat", "in"],
        cwd=work, env=environment(), pass_fds=[read], capture_output=True, check=False,
    )  # fmt: skip
    os.close(read)
    assert (told.stdout, told.stderr) == (b"input\n", b"")


@pytest.mark.parametrize(
    "options", [["-m"], ["-mpf", "--mount-proc"], ["-r", "-m"], ["-r", "-u"]], ids=" ".join
)
def test_unshare(options: list[str], needs: Needs, work: Path, tmp_path: Path) -> None:
    needs("unshare", package="util-linux")
    if subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode:
        absent(f"unshare {' '.join(options)} is not allowed here")
    told = record(["unshare", *options, "sh", "-c", "cat in > out"], work, tmp_path / "spool")
    assert told.result.returncode == 0, told.result.stderr
    assert bytes(work / "in") in told.touched(READS)
    assert bytes(work / "out") in told.touched(WRITES)
    assert not told.graph.gaps
    assert connected(told)


def test_a_mount_made_inside_maps_back(needs: Needs, work: Path, tmp_path: Path) -> None:
    needs("unshare", package="util-linux")
    (work / "there").mkdir()
    script = f"mount --bind {work} there && cat there/in > there/out"
    told = record(["unshare", "-m", "sh", "-c", script], work, tmp_path / "spool")
    if told.result.returncode:
        absent(f"nothing can be mounted here: {os.fsdecode(told.result.stderr)}")
    assert bytes(work / "in") in told.touched(READS)


def test_charliecloud(needs: Needs, root: Path, work: Path, tmp_path: Path) -> None:
    command = [
        needs("ch-run", package="charliecloud"),
        "-b",
        f"{work}:/mnt/1",
        "-c",
        "/mnt/1",
        str(root),
        "--",
    ]
    named = {"USER": "root", "HOME": str(tmp_path)}
    if subprocess.run(
        [*command, "true"], env=environment(named), capture_output=True, check=False
    ).returncode:
        absent("ch-run makes no namespaces here")
    told = record([*command, "sh", "-c", "cat in > out"], work, tmp_path / "spool", named)
    assert (told.result.returncode, told.result.stderr) == (0, b"")
    assert bytes(work / "in") in told.touched(READS)
    assert bytes(work / "out") in told.touched(WRITES)
    assert not told.graph.gaps


def test_chroot_runs_without_a_word_from_the_loader(root: Path, work: Path, tmp_path: Path) -> None:
    if os.geteuid():
        absent("only root may chroot")
    command = ["chroot", str(root), "sh", "-c", "cat /etc/in-image; env"]
    kept = {"LD_PRELOAD": ""}
    told = record(command, work, tmp_path / "spool", kept)
    assert (told.result.returncode, told.result.stderr) == (0, b"")
    assert b"PROBE_" not in told.result.stdout.replace(b"PROBE_SPOOL", b"").replace(b"PROBE_HISTORY", b"")
    assert {gap.reason for gap in told.graph.gaps} >= {GapReason.ROOT_CHANGED}


def test_a_root_of_musl(bwrap: str, work: Path, tmp_path: Path, needs: Needs) -> None:
    """One library serves both libcs: a musl program finds its loader, and is recorded."""
    compiler = needs("musl-gcc", package="musl-tools")
    root = tmp_path / "musl"
    (root / "lib").mkdir(parents=True)
    source = tmp_path / "copy.c"
    source.write_text(
        '#include <stdio.h>\nint main(void) { FILE *in = fopen("in", "r"), *out = fopen("out", "w"); int c;\n'
        "while ((c = getc(in)) != EOF) putc(c, out); return fclose(out); }\n"
    )
    subprocess.run([compiler, "-o", root / "copy", source], check=True)
    loader = next(Path("/lib").glob("ld-musl-*.so.1")).resolve()
    shutil.copy(loader, root / "lib" / f"ld-musl-{os.uname().machine}.so.1")
    options = ["--ro-bind", str(root), "/m", "--symlink", "m/lib", "/lib", "--proc", "/proc", "--unshare-pid"]
    told = record(
        [bwrap, *options, "--bind", str(work), "/w", "--chdir", "/w", "/m/copy"], work, tmp_path / "spool"
    )
    assert (told.result.returncode, told.result.stderr) == (0, b"")
    assert bytes(work / "in") in told.touched(READS)
    assert bytes(work / "out") in told.touched(WRITES)
    assert not told.graph.gaps
