"""A run of another machine or root: what lies here under its names is not what it read."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from probe_core.capture.living import boot_id
from probe_core.capture.spool import RunFolder
from probe_core.model import GapReason, Proof, RunGraph
from probe_core.stitch import stitch
from probe_core.stitch.elsewhere import DistantFacts
from probe_core.stitch.files import DiskFacts, Volume
from segments import EPOCH, TraceBuilder

HERE = {"host": os.uname().nodename, "boot": boot_id()}
ROOT = {"device": os.stat("/").st_dev, "inode": os.stat("/").st_ino}


def graph(tmp_path: Path, *, at: int = EPOCH, **described: object) -> RunGraph:
    (tmp_path / "in").write_text("another file of the same name\n")
    os.utime(tmp_path / "in", ns=(0, 0))
    builder = TraceBuilder(host=str(described["host"]), boot=uuid.UUID(boot_id()), at=at)
    shell = builder.start(100, 1, "/bin/sh", ["sh"], str(tmp_path), libraries=[
        "/there/lib/libprobe-0123456789abcdef.so", "/lib/libc.so.6",
    ])  # fmt: skip
    builder.read(shell, "../" + tmp_path.name + "/in")
    builder.write(shell, "out")
    builder.exit(shell, 0)
    return stitch(RunFolder(builder.write_run(tmp_path / "spool", **described)), [])


@pytest.mark.parametrize(
    ("described", "where"),
    [
        ({"host": "far", "boot": str(uuid.UUID(int=7))}, b"on far"),
        ({**HERE, "root": {"device": 1, "inode": 2}}, b"in another root (a container or chroot)"),
        ({**HERE, "boot": "", "root": {"device": 1, "inode": 2}}, b"in another root (a container or chroot)"),
    ],
)
@pytest.mark.parametrize("at", [EPOCH, 10**15, 4 * 10**18])
def test_nothing_here_is_taken_for_what_was_there(
    described: dict[str, object], where: bytes, at: int, tmp_path: Path
) -> None:
    found = graph(tmp_path, at=at, **described)
    versions = {version.path: version for version in found.versions}
    read = versions[bytes(tmp_path / "in")]
    assert (read.digest, read.size, read.proof) == (None, None, Proof.GONE)
    assert read.volume.startswith(("host far", "root "))
    assert bytes(tmp_path / "out") in versions
    assert not any(b"libprobe" in path for path in versions)
    assert (found.gaps[0].reason, found.gaps[0].about) == (GapReason.ELSEWHERE, where)


@pytest.mark.parametrize(
    "described", [{**HERE, "root": ROOT}, {**HERE}, {**HERE, "boot": str(uuid.UUID(int=7)), "root": ROOT}]
)
def test_this_machine_and_root_are_looked_at(described: dict[str, object], tmp_path: Path) -> None:
    found = graph(tmp_path, **described)
    (read,) = [version for version in found.versions if version.path == bytes(tmp_path / "in")]
    assert read.proof is Proof.CHANGED, "it was made long after the run"
    assert GapReason.ELSEWHERE not in {gap.reason for gap in found.gaps}


def test_what_is_served_over_a_network_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "in").write_text("served\n")
    here = DiskFacts()
    here._mounts[bytes(tmp_path / "shared")] = Volume("nfs server:/x", bytes(tmp_path / "shared"), b"/", True)
    path = bytes(tmp_path / "shared" / "in")
    assert DistantFacts(here, "host far", shared=True).fact(path).size == 7
    assert DistantFacts(here, "host far", shared=True).volume(path)[0].name == "nfs server:/x"
    assert DistantFacts(here, "root here:1:2", shared=False).fact(path).kind == "missing"
