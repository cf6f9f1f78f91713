"""A spool that cannot be used, or only in part: the command runs, and one line tells what is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from launching import launch, runs


@pytest.mark.parametrize("name", ["with space", "with:colon", "with$dollar"])
def test_a_spool_the_loader_cannot_name(name: str, tmp_path: Path) -> None:
    result = launch(["sh", "-c", "echo $LD_PRELOAD"], "--spool", tmp_path / name)
    assert result.stderr == b""
    assert result.stdout.decode().startswith(f"/tmp/probe-{os.getuid()}/lib/libprobe-")
    assert len(runs(tmp_path / name)) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_spool_that_is_no_folder(quiet: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = launch(
        ["sh", "-c", "echo out; env | grep -c LD_PRELOAD; exit 4"],
        *(["-q"] if quiet else []),
        "--spool",
        tmp_path / "file",
    )
    assert (result.returncode, result.stdout) == (4, b"out\n0\n")
    expected = f"probe: not recorded: cannot write {tmp_path}/file: Not a directory\n"
    assert result.stderr.decode() == ("" if quiet else expected)


@pytest.fixture
def small_disk(tmp_path: Path):
    """Give a file system of 1 MiB; needs root."""
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "probe-test", place]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    result = launch(["sh", "-c", "echo out"], "--spool", small_disk / "spool")
    assert (result.returncode, result.stdout) == (0, b"out\n")
    assert result.stderr.startswith(b"probe: not recorded: ")
    assert result.stderr.endswith(b"No space left on device\n")
    assert runs(small_disk / "spool") == [], "no half-made run is left"


def test_a_read_only_spool(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = launch(["echo", "out"], "--spool", small_disk / "spool")
    assert (result.returncode, result.stdout) == (0, b"out\n")
    assert result.stderr.endswith(b"Read-only file system\n")


def test_a_disk_without_executables(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,noexec,size=64m", small_disk], check=True)
    result = launch(["sh", "-c", "echo $LD_PRELOAD"], "--spool", small_disk / "spool")
    assert result.stderr == b""
    assert result.stdout.startswith(b"/tmp/probe-")
