"""Taking runs in: once, whole, and never at the cost of what was recorded. Stitching is a stand-in here."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

import probe_core.stitch
from graphs import BEGIN, Building
from probe_core.capture.living import boot_id, started_at
from probe_core.capture.spool import RunFolder, Spool
from probe_core.errors import HistoryError, SegmentError
from probe_core.history import History, finish
from probe_core.history.intake import LOCK, take_in, take_in_all
from probe_core.model import GapReason, RunGraph, RunState
from probe_core.stitch.digests import KnownDigests
from probe_core.stitch.gaps import gap

Make = Callable[..., RunFolder]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def make(spool: Spool) -> Make:
    """Make a run's folder: ended with ``status``, or (None) without a result; ``pid``: its root."""

    def made(status: int | None = 0, pid: int = 0, **changes: object) -> RunFolder:
        folder = spool.run(str(uuid4()))
        folder.path.mkdir(parents=True)
        (folder.path / "segment-box-0").write_bytes(b"canary")
        described = {
            "version": 1,
            "id": folder.id,
            "name": None,
            "engine": None,
            "command": ["true"],
            "directory": "/w",
            "host": os.uname().nodename,
            "boot": boot_id(),
            "user": "al",
            "uid": 0,
            "pid": pid,
            "pid_started": started_at(pid) or 0,
            "started": time.time_ns(),
            "outer_run": None,
            "outer_step": None,
            "descriptors": [],
        }
        (folder.path / "run.json").write_text(json.dumps(described | changes))
        if status is not None:
            folder.finish(status)
        return folder

    return made


@pytest.fixture
def digested() -> list[bool]:
    """Tell of each version whether its digest had to be taken."""
    return []


@pytest.fixture(autouse=True)
def stitching(monkeypatch: pytest.MonkeyPatch, digested: list[bool]) -> list[str]:
    """Stand in for stitching: the run as its folder tells it, around one process. Gives who was stitched."""
    stitched: list[str] = []

    def stand_in(folder: RunFolder, engines: object, *, known: KnownDigests) -> RunGraph:
        stitched.append(folder.id)
        if (folder.path / "broken").exists():
            raise SegmentError(folder.path / "segment-box-0", "it is torn")
        building = Building(folder.id)
        building.read(building.exec(), b"/w/in", digest="in")
        graph = building.graph()
        for number, one in enumerate(graph.versions):
            assert one.inode is not None
            assert one.size is not None
            told = known.known(one.volume, one.inode, one.size, one.modified or 0, one.changed or 0)
            digested.append(told is None)
            graph.versions[number] = replace(one, digest=told or "sha256:" + "1" * 64)
        graph.run = replace(folder.run(), facts={"engines": 0 if not engines else 1})
        if graph.run.state is RunState.LOST:
            graph.gaps.append(gap(GapReason.LAUNCHER_LOST))
        return graph

    monkeypatch.setattr(probe_core.stitch, "stitch", stand_in, raising=False)
    return stitched


def test_a_run_is_stored_and_its_frames_are_gone(make: Make, history: History) -> None:
    folder = make()
    graph = take_in(folder, history)
    assert graph is not None
    assert history.graph(folder.id) == graph
    assert not folder.path.exists()


def test_a_kept_run_is_taken_in_once(
    make: Make, spool: Spool, history: History, stitching: list[str]
) -> None:
    folder = make()
    take_in(folder, history, keep=True)
    assert (folder.path / "segment-box-0").exists()
    assert take_in_all(spool, history) == []
    assert stitching == [folder.id]


def test_a_run_still_open_is_stored_and_taken_again(make: Make, spool: Spool, history: History) -> None:
    with subprocess.Popen(["sleep", "60"]) as root:
        folder = make(None, pid=root.pid)
        take_in(folder, history)
        assert history.run(folder.id).state is RunState.OPEN
        assert folder.path.exists()
        assert take_in_all(spool, history) == []
        assert folder.path.exists()
        root.kill()
    folder.finish(3)
    assert take_in_all(spool, history) == []
    assert history.run(folder.id).state is RunState.FAILED
    assert not folder.path.exists()


def test_a_lost_launcher_is_taken_in(make: Make, spool: Spool, history: History) -> None:
    folder = make(None)
    assert take_in_all(spool, history) == []
    assert history.graph(folder.id).run.state is RunState.LOST


def test_a_launcher_that_lives_takes_its_own_in(make: Make, spool: Spool, history: History) -> None:
    folder = make(0, pid=os.getpid())
    assert take_in_all(spool, history) == []
    assert folder.path.exists()


def test_what_another_takes_in_is_left_to_it(make: Make, spool: Spool, history: History) -> None:
    folder = make()
    with (folder.path / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert take_in(folder, history) is None
        assert take_in_all(spool, history) == []
        assert folder.path.exists()
    assert take_in_all(spool, history) == []
    assert not folder.path.exists()
    assert take_in(folder, history) is None  # gone, and that is no error


def test_one_broken_run_does_not_stop_the_others(make: Make, spool: Spool, history: History) -> None:
    broken, unreadable, sound = make(), make(), make()
    (broken.path / "broken").touch()
    (unreadable.path / "run.json").write_text("{")
    faults = take_in_all(spool, history)
    assert len(faults) == 2
    assert all("\n" not in str(fault) for fault in faults)
    assert broken.path.exists()
    assert (broken.path / "segment-box-0").exists()
    assert [run.id for run in history.runs()] == [sound.id]


def test_a_history_that_cannot_be_written_leaves_the_spool(
    make: Make, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()

    def full(graph: RunGraph) -> None:
        raise HistoryError(history.place, "the disk is full")

    monkeypatch.setattr(history, "store", full)
    with pytest.raises(HistoryError):
        take_in(folder, history)
    assert (folder.path / "segment-box-0").exists()


def test_engines_are_looked_for_only_when_one_left_something(
    make: Make, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    import probe_core.plugins

    monkeypatch.setattr(probe_core.plugins, "engines", lambda: {"toy": object()})
    plain, declaring = make(), make()
    for one in (plain, declaring):
        (one.declarations / "toy").mkdir(parents=True)
    (declaring.declarations / "toy" / "steps").touch()
    take_in(plain, history)
    take_in(declaring, history)
    assert history.run(plain.id).facts == {"engines": 0}
    assert history.run(declaring.id).facts == {"engines": 1}


def test_a_file_that_did_not_change_is_digested_once(
    make: Make, history: History, digested: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        take_in(make(), history)
    assert digested == [True, False]


def test_the_digest_of_a_file_just_changed_is_not_remembered(
    make: Make, history: History, digested: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: BEGIN)
    for _ in range(2):
        take_in(make(), history)
    assert digested == [True, True]


def test_a_run_that_goes_while_it_is_looked_at_is_no_fault(
    make: Make, spool: Spool, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    listed = spool.runs()
    folder.remove()
    monkeypatch.setattr(Spool, "runs", lambda _: listed)
    assert take_in_all(spool, history) == []


def test_finish_says_one_line_when_asked(
    make: Make, capsys: pytest.CaptureFixture[str], history: History
) -> None:
    folder = make()
    assert finish.finish(["-v", "--history", history.place, str(folder.path)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"recorded {folder.id[:8]}: 1 process, 1 file, 0 gaps\n"


@pytest.mark.parametrize(
    ("words", "terminal", "inside", "lines"),
    [
        ([], False, False, 0),
        ([], True, False, 1),
        ([], True, True, 0),
        (["-q"], True, False, 0),
        (["-v"], False, True, 1),
        (["-q", "-v"], True, False, 0),
    ],
)
def test_finish_is_silent_unless_somebody_looks(
    make: Make, monkeypatch: pytest.MonkeyPatch, words: list[str], terminal: bool, inside: bool, lines: int
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    folder = make(outer_run=str(uuid4()) if inside else None)
    assert finish.finish([*words, str(folder.path)]) == 0
    assert stream.getvalue().count("\n") == lines


def test_finish_tells_the_main_reason_of_gaps(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make(None, name="night\n\udcff")
    assert finish.finish(["--verbose", str(folder.path)]) == 0
    line = capsys.readouterr().err
    assert line.startswith("recorded night\\n\\xff: 1 process, 1 file, 1 gap (nobody waited for")
    assert f"`probe show {folder.id[:8]}` tells more" in line
    assert line.count("\n") == 1


def test_finish_keeps_what_it_cannot_take_in(
    make: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = make()
    wrong = tmp_path / "text"
    wrong.write_text("no history")
    assert finish.finish(["--history", str(wrong), str(folder.path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder.path) in said
    assert (folder.path / "segment-box-0").exists()
    assert finish.finish(["--keep", str(folder.path)]) == 0
    assert (folder.path / "segment-box-0").exists()


@pytest.mark.parametrize("words", [[], ["--odd", "x"], ["a", "b"], ["--history", "x"]])
def test_finish_wants_one_folder(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert finish.finish(words) == 2
    assert "usage" in capsys.readouterr().err
