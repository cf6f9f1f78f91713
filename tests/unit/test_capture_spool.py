"""The spool: finding runs, telling their state, and removing them without harm."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from probe_core.capture import spool
from probe_core.capture.living import Census, boot_id, started_at
from probe_core.capture.spool import RunFolder, Spool
from probe_core.errors import SpoolError
from probe_core.model import RunState
from segments import EPOCH, TraceBuilder


def make_run(spool: Path, number: int = 1, **described: object) -> RunFolder:
    builder = TraceBuilder(run=uuid.UUID(int=number))
    builder.start(100, 1, "/bin/sh", ["sh", "-c", "\udcff"], "/w\udc80")
    return RunFolder(builder.write_run(spool, **described))


def ours(**more: object) -> dict[str, object]:
    """What run.json says of a run whose root is this very process."""
    me = os.getpid()
    own = {"boot": boot_id(), "host": os.uname().nodename, "pid": me, "pid_started": started_at(me)}
    return own | more


def test_a_run_is_described(tmp_path: Path) -> None:
    folder = make_run(tmp_path, name="mine", engine="make", outer_run="0" * 8, outer_step="st\udcffep")
    run = folder.run()
    assert run.id == folder.id == str(uuid.UUID(int=1))
    assert (run.name, run.engine, run.host, run.user) == ("mine", "make", "host", "someone")
    assert (run.command, run.directory) == ((b"sh", b"-c", b"\xff"), b"/w\x80")
    assert (run.outer_run, run.outer_step) == ("0" * 8, b"st\xffep")
    assert (run.status, run.state) == (0, RunState.ENDED)
    assert run.ended is not None
    assert run.started is not None
    assert run.started < run.ended


@pytest.mark.parametrize(
    ("status", "state"), [(0, RunState.ENDED), (3, RunState.FAILED), (None, RunState.LOST)]
)
def test_state_when_nobody_lives(tmp_path: Path, status: int | None, state: RunState) -> None:
    dead = ours(pid_started=1)
    folder = make_run(tmp_path, status=status, **dead)
    assert folder.run().state == state
    assert not folder.is_open()


def test_open_while_the_root_lives(tmp_path: Path) -> None:
    folder = make_run(tmp_path, status=None, **ours())
    assert folder.run().state == RunState.OPEN
    folder.finish(1)
    assert folder.run().state == RunState.FAILED


def test_open_while_a_segment_is_mapped(tmp_path: Path) -> None:
    folder = make_run(tmp_path, **ours(pid_started=1))
    with folder.segments()[0].open("r+b") as file, mmap.mmap(file.fileno(), 0):
        assert RunFolder(folder.path).is_open()
    assert not RunFolder(folder.path).is_open()


def test_a_run_of_another_boot_is_over_and_of_another_host_unknown(tmp_path: Path) -> None:
    assert make_run(tmp_path, 1, status=None, host=os.uname().nodename).run().state == RunState.LOST
    assert make_run(tmp_path, 2, status=None, host="elsewhere").run().state == RunState.OPEN
    assert make_run(tmp_path, 3, host="elsewhere").run().state == RunState.ENDED


def test_a_zombie_does_not_live() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert started_at(child.pid) is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started_at(child.pid) is None
    child.wait()
    child.stdout.close()


def test_one_census_serves_many(tmp_path: Path) -> None:
    census = Census()
    assert census.runs_in_use() is census.runs_in_use()


def test_runs_come_by_their_start(tmp_path: Path) -> None:
    for number, started in ((1, 30), (2, 10), (3, 20)):
        make_run(tmp_path, number, started=EPOCH + started)
    (tmp_path / "runs" / str(uuid.UUID(int=4))).mkdir()  # being made: no run.json yet
    (tmp_path / "runs" / "notes.txt").write_text("a stranger")
    (tmp_path / "runs" / str(uuid.UUID(int=5))).symlink_to(tmp_path / "runs" / str(uuid.UUID(int=1)))
    assert [uuid.UUID(folder.id).int for folder in Spool(tmp_path).runs()] == [2, 3, 1]


def test_no_spool_no_runs(tmp_path: Path) -> None:
    assert Spool(tmp_path / "none").runs() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version 2, and this PROBE reads 1"),
        ({"version": None}, "version None"),
        ({"command": "true"}, "'command' in it is 'true'"),
        ({"command": ["a", 1]}, "'command' in it holds 1"),
        ({"started": "now"}, "'started' in it is 'now'"),
        ({"pid": True}, "'pid' in it is True"),
        ({"directory": "\ud800"}, "'directory' in it holds text that no program was given"),
        ({"directory": "/a\0b"}, "'directory' in it holds text that no program was given"),
        ({"id": "other"}, "another run, 'other'"),
    ],
)
def test_a_foreign_description_is_told(tmp_path: Path, change: dict[str, object], said: str) -> None:
    folder = make_run(tmp_path, **change)
    with pytest.raises(SpoolError, match=said) as caught:
        folder.run()
    assert "run.json" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Spool(tmp_path).runs() == [folder]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b"{}", b"7"])
def test_what_is_not_json_is_told(tmp_path: Path, content: bytes) -> None:
    folder = make_run(tmp_path)
    (folder.path / "run.json").write_bytes(content)
    with pytest.raises(SpoolError):
        folder.run()
    assert Spool(tmp_path).runs() == [folder]


def test_a_broken_result_is_told(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    (folder.path / "result.json").write_text('{"status": "fine"}')
    with pytest.raises(SpoolError, match=r"result\.json cannot be used: 'status'"):
        folder.run()


def test_descriptors(tmp_path: Path) -> None:
    entry = {"fd": 1, "path": "/out\udcff", "device": 2, "inode": 3, "mode": 4, "flags": 5}
    (found,) = make_run(tmp_path, descriptors=[entry]).descriptors()
    assert found == (1, b"/out\xff", 2, 3, 4, 5)
    with pytest.raises(SpoolError, match="descriptor"):
        make_run(tmp_path, 2, descriptors=[{"fd": "one"}]).descriptors()


def test_segments_come_by_host_and_number(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = ["segment-a-b-0", "segment-a-b-2", "segment-a-b-10", "segment-c-0"]
    for name in [*reversed(names), "segment-c-0.123", "segment-c-", "segments", "run.json"]:
        (tmp_path / name).touch()
    assert [path.name for path in folder.segments()] == names


def test_removal_takes_links_and_leaves_what_they_point_to(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "spool")
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "kept").touch()
    (folder.declarations / "link").symlink_to(treasure)
    folder.remove()
    assert not folder.path.exists()
    assert (treasure / "kept").exists()


def test_a_removal_that_was_cut_short_is_swept_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path)

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(spool, "_remove_all", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.remove()
    assert Spool(tmp_path).runs() == []  # half removed, it must not be taken for a run
    (left,) = (tmp_path / "runs").iterdir()
    Spool(tmp_path).sweep()
    assert left.exists()  # somebody may be at it
    os.utime(left, (0, 0))
    Spool(tmp_path).sweep()
    assert not left.exists()


def test_a_run_that_was_taken_in_a_moment_ago_is_not_open(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    folder.remove()
    assert not folder.is_open()
    assert not folder.exists()


def test_what_is_no_run_is_not_removed(tmp_path: Path) -> None:
    real = make_run(tmp_path / "spool")
    link = tmp_path / real.id
    link.symlink_to(real.path)
    with pytest.raises(SpoolError, match="left alone"):
        RunFolder(link).remove()
    other = tmp_path / "documents"
    other.mkdir()
    with pytest.raises(SpoolError, match="left alone"):
        RunFolder(other).remove()
    with pytest.raises(SpoolError, match="no such file"):
        Spool(tmp_path).run(str(uuid.UUID(int=9))).remove()
    assert real.run().id == real.id
    assert other.is_dir()


def test_default_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Spool.default({"PROBE_SPOOL": "/s", "HOME": "/h"}).folder == Path("/s")
    assert Spool.default({"PROBE_SPOOL": "here"}).folder == tmp_path / "here"
    home, state = str(tmp_path), str(tmp_path / "state")
    assert Spool.default({"HOME": home}).folder == tmp_path / ".local/state/probe"
    assert Spool.default({"HOME": home, "XDG_STATE_HOME": state}).folder == tmp_path / "state/probe"
    relative = Spool.default({"HOME": home, "XDG_STATE_HOME": "relative"})
    assert relative.folder == tmp_path / ".local/state/probe"


def test_default_below_tmp_when_nothing_else_can_be_written() -> None:
    below = Path(f"/tmp/probe-{os.geteuid()}")
    assert Spool.default({}).folder == below
    assert Spool.default({"HOME": "/dev/null/home"}).folder == below


def test_run_json_of_the_builder_has_what_the_contract_says(tmp_path: Path) -> None:
    described = json.loads((make_run(tmp_path).path / "run.json").read_text())
    assert list(described) == [
        "version", "id", "name", "engine", "command", "directory", "host", "boot", "user", "uid", "pid",
        "pid_started", "started", "outer_run", "outer_step", "descriptors",
    ]  # fmt: skip


def test_what_never_became_a_run_is_swept_after_a_day(tmp_path: Path) -> None:
    """Its launcher was killed before run.json stood there. A whole run, and one in the making, stay."""
    whole, making, left = make_run(tmp_path, 1), make_run(tmp_path, 2), make_run(tmp_path, 3)
    for folder in (making, left):
        (folder.path / "run.json").unlink()
    for folder in (whole, left):
        os.utime(folder.path, (1, 1))
    Spool(tmp_path).sweep()
    assert [folder.path.exists() for folder in (whole, making, left)] == [True, True, False]


def test_programs_whose_steps_are_found_are_looked_for_in_the_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path)
    assert not folder.may_be_found(), "nobody asks for any"
    names = folder.path / "found-by"
    names.write_text("weaver\nweaver-build\nloom")
    assert not folder.may_be_found()
    names.write_text("weaver\nsh")
    assert folder.may_be_found()
    names.write_text("weaver\nloom")
    monkeypatch.setattr(spool, "PART", 64)
    (segment,) = folder.segments()
    for at in (3, 60, 61, 1 << 20):  # in one part, over its end, behind a hole
        with segment.open("wb") as file:
            file.truncate(2 << 20)
            file.seek(at)
            file.write(b"/bin/weaver\0")
        assert folder.may_be_found(), at
    segment.write_bytes(b"")
    assert not folder.may_be_found()
