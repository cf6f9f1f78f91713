"""What a job on a node that does not see the spool does with what it recorded there."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from probe_snakemake import node


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on this node, which ended, of a job whose run is elsewhere; the workflow's directory is ``w``."""
    monkeypatch.setenv("PROBE_RUN", "/nowhere/runs/outer")
    (tmp_path / "w").mkdir()
    monkeypatch.chdir(tmp_path / "w")
    (tmp_path / "spool" / "runs").mkdir(parents=True)
    place = tmp_path / "node" / "runs" / str(uuid.uuid4())
    place.mkdir(parents=True)
    run = {"version": 1, "id": place.name, "name": None, "engine": None, "command": ["x"], "directory": "/w",
           "host": os.uname().nodename, "boot": "another", "user": "u", "uid": 0, "pid": 1, "pid_started": 1,
           "started": 5, "outer_run": None, "outer_step": None, "descriptors": []}  # fmt: skip
    (place / "run.json").write_text(json.dumps(run))
    result = {"status": 0, "ended": 9, "user": 0, "system": 0, "memory": 0, "pid": 1}
    (place / "result.json").write_text(json.dumps(result))
    return place


def collected(tmp_path: Path) -> tuple[int, list[str], list[str]]:
    """Collect as the submitting Snakemake does: how many, what was told, and which runs its spool has."""
    told: list[str] = []
    moved = node.collect(tmp_path / "spool", told.append)
    return moved, told, [one.name for one in (tmp_path / "spool" / "runs").iterdir()]


def test_a_run_comes_home_when_its_job_ends(folder: Path, tmp_path: Path) -> None:
    node.announce(folder)
    assert node.leave(folder)
    assert not folder.exists()
    assert collected(tmp_path) == (1, [], [folder.name])
    assert not list(node.HOME.iterdir())


def test_a_run_whose_job_was_killed_is_told_with_its_place_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.announce(folder)
    here = os.uname()
    far = os.uname_result(("Linux", "far", *here[2:]))
    monkeypatch.setattr(os, "uname", lambda: far)
    moved, told, _ = collected(tmp_path)
    assert moved == 0
    (line,) = told
    assert f"recorded on {here.nodename}: what it did stays there, in {folder}" in line
    assert collected(tmp_path) == (0, [], [])
    monkeypatch.setattr(os, "uname", lambda: here)  # seen later, by a Snakemake on that node
    assert collected(tmp_path) == (1, [], [folder.name])
    assert not list(node.HOME.iterdir())


def test_a_directory_that_cannot_be_written_is_one_line_with_host_and_path(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node.HOME.parent.mkdir()
    node.HOME.write_text("a file in its place: not even root can make a folder of it")
    node.announce(folder)
    assert node.leave(folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"probe: what this job recorded stays in {os.uname().nodename}:{folder}")
    assert (folder / "run.json").exists()
