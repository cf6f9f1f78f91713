"""Which static programs are watched: by choice, one listener for each, none for those that need their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from calls.frames import frames
from probe_core.capture.spool import Spool
from probe_core.stitch import stitch
from recording import LAUNCHER
from watching import STATIC, watch


@pytest.mark.parametrize("policy", ["", "gap"])
def test_the_default_is_a_gap_that_names_the_option(policy: str, static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "opens", "2", policy=policy)
    assert seen.gaps() == [STATIC]
    assert not seen.of("READ")
    (gap,) = stitch(Spool(tmp_path / "spool").runs()[0], []).gaps
    assert "--static=" in gap.remedy


def test_the_environment_chooses(static: Path, tmp_path: Path) -> None:
    assert watch(tmp_path, static, "opens", "2", policy="", PROBE_STATIC="watch").gaps() == []


def test_container_starters_are_never_watched(static: Path, tmp_path: Path) -> None:
    shutil.copy(static, tmp_path / "runc")
    assert watch(tmp_path, tmp_path / "runc", "opens", "2").gaps() == [STATIC]


def test_a_recording_inside_a_watched_one(static: Path, tmp_path: Path) -> None:
    """There is one listener only: the inner recording has a gap, the outer one sees the program."""
    inner = tmp_path / "inner"
    again = [LAUNCHER, "--spool", inner, "--static=watch", "-q", "--", static, "opens", "4"]
    seen = watch(tmp_path, static, "start-f", *again)
    assert seen.result.stdout == "0 0\n"
    (run,) = (inner / "runs").iterdir()
    assert [frame.more["reason"] for frame in frames(run) if frame.kind == "GAP"] == [STATIC]
    assert [frame.more["count"] for frame in seen.of("READ") if frame.path == str(tmp_path / "input")] == [4]
