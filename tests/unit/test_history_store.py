"""The history as a file: made private, refused when it is something else, whole after a crash."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from graphs import SECOND, Building
from probe_core.errors import HistoryError, UnknownRun
from probe_core.history import History, open_history, schema
from probe_core.history.identifier import version_identifier
from probe_core.history.place import file_system
from probe_core.history.sqlite import SqliteHistory
from probe_core.model import FileVersion, GapReason, RunGraph


def graph(name: str = "one", begin: int = 10**18, digest: str = "b", **changes) -> RunGraph:
    run = Building(name, begin=begin)
    step = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"])
    script = run.exec(b"/usr/bin/python3", step=step, arguments=[b"python3", b"\xff\n"])
    run.read(script, b"/w/raw.csv", digest="a")
    run.write(script, b"/w/clean.csv", digest=digest)
    run.gap(GapReason.STATIC, b"/bin/busybox", exec=script)
    return run.graph(**changes)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "new" / "history.sqlite"


@pytest.fixture
def history(place: Path):
    with open_history(place) as opened:
        yield opened


def test_it_is_the_owners_alone(history: History, place: Path) -> None:
    history.store(graph())
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    for beside in place.parent.iterdir():
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600


def test_the_default_place_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBE_HISTORY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with open_history() as history:
        assert history.place == str(tmp_path / "probe" / "history.sqlite")
    monkeypatch.setenv("PROBE_HISTORY", str(tmp_path / "mine"))
    with open_history() as history:
        assert history.place == str(tmp_path / "mine")


def test_runs_are_listed_newest_first_with_counts(history: History) -> None:
    history.store(graph("late", begin=2 * 10**18))
    history.store(graph("early", begin=10**18))
    late, early = history.runs()
    assert (late.name, early.name) == ("late", "early")
    assert (late.steps, late.processes, late.files, late.gaps) == (1, 1, 2, 1)
    assert [one.name for one in history.runs(limit=1)] == ["late"]


def test_a_run_is_found_by_all_its_names(history: History) -> None:
    old, new = graph("fit", begin=10**18), graph("fit", begin=2 * 10**18)
    inner = graph("inner", begin=3 * 10**18, outer_run=new.run.id)
    new.run = replace(new.run, id="abcd" + new.run.id[4:])
    old.run = replace(old.run, id="abce" + old.run.id[4:])
    for one in (old, new, inner):
        history.store(one)
    assert history.find_run("@") == new.run.id  # not the one inside
    assert history.find_run("@-1") == old.run.id
    assert history.find_run("fit") == new.run.id
    assert history.find_run("inner") == inner.run.id
    assert history.find_run(old.run.id.upper()) == old.run.id
    assert history.find_run("abcd") == new.run.id
    with pytest.raises(UnknownRun) as error:
        history.find_run("abc")
    assert set(error.value.candidates) == {old.run.id, new.run.id}
    for wrong in ("@-2", "zzz", "%", "abc%", "", "@1", "00000000"):
        with pytest.raises(UnknownRun):
            history.find_run(wrong)


def test_versions_are_found_by_path_content_and_identity(history: History) -> None:
    first, second = graph("first", digest="x"), graph("second", begin=2 * 10**18, digest="x")
    history.store(first)
    history.store(second)
    made = first.versions[1]
    assert made.digest is not None
    assert [kept.run for kept in history.versions_at(b"/w/clean.csv")] == [second.run.id, first.run.id]
    assert [kept.run for kept in history.versions_with_digest(made.digest)] == [second.run.id, first.run.id]
    assert [kept.run for kept in history.versions_with_identity(made)] == [first.run.id]
    assert history.versions_at(b"/w/nothing") == []
    assert [one.path for one in history.versions_made_by(first.run.id, [0])] == [b"/w/clean.csv"]


def test_digests_are_remembered_by_identity(history: History) -> None:
    known = {("uuid:disk", 2**64 - 1, 5, 10, 20): "sha256:" + "0" * 64, ("nfs a:/b", 7, 0, 1, 2): "odd:1"}
    history.learn_digests(known)
    history.learn_digests(known)
    asked = [*known, ("uuid:disk", 2**64 - 1, 5, 10, 21)]
    assert history.known_digests(asked) == known
    assert history.known_digests([]) == {}


def test_what_is_forgotten_is_not_on_the_disk(history: History, place: Path) -> None:
    secret = Building("secret")
    secret.exec(arguments=[b"sh", b"canary-4711"])
    history.store(graph("kept"))
    history.store(secret.graph())
    history.forget(secret.graph().run.id)
    history.close()
    assert all(b"canary-4711" not in file.read_bytes() for file in place.parent.iterdir())
    with open_history(place) as again:
        kept = graph("kept")
        assert again.graph(kept.run.id) == kept


def test_storing_many_digests_of_every_size_of_list(history: History) -> None:
    run = Building("wide")
    one = run.exec()
    for number in range(1200):
        run.read(one, b"/w/%d" % number, digest=f"d{number}")
    whole = run.graph()
    history.store(whole)
    assert history.graph(whole.run.id) == whole
    assert len(history.versions(whole.run.id, range(1200))) == 1200


@pytest.mark.parametrize(
    "content", [b"plain text, and long enough to be read as a header" * 20, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_history_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "other"
    place.write_bytes(content)
    with pytest.raises(HistoryError, match=r"left as it is|damaged"):
        open_history(place)
    assert place.read_bytes() == content


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "other.sqlite"
    with sqlite3.connect(place) as other:
        other.execute("CREATE TABLE precious (x)")
    other.close()
    before = place.read_bytes()
    with pytest.raises(HistoryError, match="something else"):
        open_history(place)
    assert place.read_bytes() == before


def test_a_newer_history_is_refused_and_kept(place: Path) -> None:
    with open_history(place) as history:
        history.store(graph())
    raw = sqlite3.connect(place)
    raw.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    raw.close()
    before = place.read_bytes()
    with pytest.raises(HistoryError, match="newer PROBE"):
        open_history(place)
    assert place.read_bytes() == before


def test_an_older_history_is_brought_up_to_date(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = graph()
    with open_history(place) as history:
        history.store(stored)
    later = (*schema.MIGRATIONS, ("CREATE TABLE added (x INTEGER)", "INSERT INTO added VALUES (1)"))
    monkeypatch.setattr(schema, "MIGRATIONS", later)
    with open_history(place) as history:
        assert history.graph(stored.run.id) == stored
    assert sqlite3.connect(place).execute("SELECT x FROM added").fetchall() == [(1,)]


def test_a_migration_that_fails_leaves_the_old(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_history(place) as history:
        history.store(graph())
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE added (x)", "NONSENSE")))
        with pytest.raises(HistoryError):
            open_history(place)
    with open_history(place) as history:
        assert [one.name for one in history.runs()] == ["one"]


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM access WHERE part = 'version'", "UPDATE access SET body = x'00ff'", "DELETE FROM access"],
)
def test_a_damaged_run_is_named_and_can_be_forgotten(place: Path, damage: str) -> None:
    with open_history(place) as history:
        kept = graph("kept")
        history.store(kept)
    with sqlite3.connect(place) as database:
        assert database.execute(damage).rowcount > 0
    database.close()
    with open_history(place) as history:
        with pytest.raises(HistoryError, match=r"is damaged; `probe forget"):
            history.graph(kept.run.id)
        history.forget(kept.run.id)
        assert history.runs() == []


@pytest.mark.parametrize("kind", ["folder", "url", "unmakeable"])
def test_a_place_that_cannot_be_one(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    place = {
        "folder": str(tmp_path),
        "url": "postgresql://host/db",
        "unmakeable": str(tmp_path / "file" / "h"),
    }
    with pytest.raises(HistoryError) as error:
        open_history(place[kind])
    assert "\n" not in str(error.value)


def test_a_read_only_history_can_be_asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_history(place) as history:
        history.store(graph())
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    with open_history(place) as history:
        assert len(history.runs()) == 1
        with pytest.raises(HistoryError, match="cannot be written"):
            history.store(graph("two"))


def test_a_crash_in_the_middle_leaves_the_old(place: Path) -> None:
    with open_history(place) as history:
        history.store(graph(digest="old"))
    body = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from test_history_store import graph
from probe_core.history import open_history, write
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
write._channel_rows = die  # most of the run is written by then
open_history(sys.argv[1]).store(graph(digest="new"))
"""
    here = Path(__file__).parent
    died = subprocess.run(
        [sys.executable, "-c", body, place, here, here.parent, *sys.path],
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    with open_history(place) as history:
        old = graph(digest="old")
        assert history.graph(old.run.id) == old


def test_a_failed_store_leaves_the_old(history: History) -> None:
    old, new = graph(digest="old"), graph(digest="new")
    history.store(old)
    new.gaps.append("not a gap")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        history.store(new)
    assert history.graph(old.run.id) == old


def test_two_at_once_wait_for_each_other(place: Path) -> None:
    body = """
import sys, time
sys.path[:0] = sys.argv[4:]
from test_history_store import graph
from probe_core.history import open_history
time.sleep(max(0, float(sys.argv[3]) - time.time()))  # both make the file at the same moment
with open_history(sys.argv[1]) as history:
    for number in range(10):
        history.store(graph(sys.argv[2] + str(number)))
"""
    here, moment = Path(__file__).parent, str(time.time() + 1)
    both = [
        subprocess.Popen([sys.executable, "-c", body, place, name, moment, here, here.parent, *sys.path])
        for name in "abc"
    ]
    assert [one.wait() for one in both] == [0, 0, 0]
    with open_history(place) as history:
        assert len(history.runs()) == 30


def test_a_file_system_is_named() -> None:
    assert file_system(Path("/proc/self/status")) == "proc"
    assert file_system(Path("/no/such/place")) != ""


def test_identifiers_never_change() -> None:
    version = FileVersion(
        3, b"/w/a", 1, "file", None, 10, 20, 30, 8, 40, "uuid:disk", b"/a", made_by=None, made_at=None
    )  # fmt: skip
    assert version_identifier(version, "run") == "identity:973b89887f74946a081e853375e1380c"
    made = replace(version, made_by=2, made_at=5 * SECOND)
    assert version_identifier(made, "run") == "identity:991302827f1925d6e50d856f0c2c4edb"
    assert version_identifier(replace(made, digest="sha256:00"), "run") == "sha256:00"


def test_a_full_disk_is_told_and_leaves_the_old(history: History, place: Path) -> None:
    old = graph("old")
    history.store(old)
    wide = Building("wide")
    one = wide.exec()
    for number in range(20_000):
        wide.read(one, b"/w/%d" % number, digest=f"{number}")
    assert isinstance(history, SqliteHistory)
    history._database.do("PRAGMA max_page_count = 60")  # as a full disk does
    with pytest.raises(HistoryError, match="disk is full"):
        history.store(wide.graph())
    history.close()
    with open_history(place) as again:
        assert [run.name for run in again.runs()] == ["old"]
        assert again.graph(old.run.id) == old


@pytest.mark.parametrize(("shared", "mode"), [(False, "wal"), (True, "delete")])
def test_shared_file_systems_get_no_wal(
    place: Path, monkeypatch: pytest.MonkeyPatch, shared: bool, mode: str
) -> None:
    monkeypatch.setattr("probe_core.history.connection.is_shared", lambda _: shared)
    with open_history(place) as history:
        history.store(graph())
        assert sqlite3.connect(place).execute("PRAGMA journal_mode").fetchone() == (mode,)
