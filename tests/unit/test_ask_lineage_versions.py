"""Which recorded version `why` and `uses` are about: names as typed, changed files, copies."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from graphs import BEGIN, SECOND, Building
from lineages import keep, names
from probe_core.ask.lineage import why
from probe_core.errors import UnknownFile, UnknownVersion
from probe_core.history import History
from probe_core.model import Act

DAY = 86_400 * SECOND


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def on_disk(history: History, path: Path, *contents: bytes) -> list[str]:
    """Record ``contents`` one after the other at ``path``, a run each; leave the last. Gives their ids."""
    ids = []
    for number, content in enumerate(contents):
        path.write_bytes(content)
        run = Building(f"run{number}", begin=BEGIN + number * DAY)
        one = run.exec(b"/usr/bin/tool%d" % number)
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        run.write(one, os.fsencode(path), digest=digest, size=len(content), inode=number)
        graph = run.graph()
        ids.append(graph.run.id)
        history.store(graph)
    return ids


def test_a_file_is_named_as_it_is_typed(
    history: History, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"odd \n\xff")
    on_disk(history, work / name, b"content")
    (work / "sub").mkdir()
    (work / "link").symlink_to(work / name)
    (work / "sub" / "up").symlink_to(work)
    monkeypatch.chdir(work / "sub")
    for typed in (
        f"../{name}",
        "../link",
        f"up/{name}",
        "./../link",
        str(work / name),
        os.fsencode(work / name),
    ):
        answer = why(history, typed)
        assert answer.target.disk == "same", typed
        assert answer.files[answer.file].version.path == os.fsencode(work / name)
        json.dumps(answer.to_json()).encode("ascii")


def test_what_is_on_disk_is_meant(history: History, work: Path) -> None:
    path = work / "data"
    on_disk(history, path, b"first one", b"second one")
    assert names(why(history, path)) == ["/usr/bin/tool1"]
    path.write_bytes(b"first one")
    answer = why(history, path)
    assert names(answer) == ["/usr/bin/tool0"]
    assert answer.target.disk == "same"
    assert "newest" in answer.target.notes[0]


def test_a_changed_file_is_answered_for_and_said_so(history: History, work: Path) -> None:
    path = work / "data"
    on_disk(history, path, b"first one", b"second one")
    on_disk(history, work / "other", b"of another")
    path.write_bytes(b"edited")
    answer = why(history, path)
    assert (names(answer), answer.target.disk) == (["/usr/bin/tool1"], "changed")
    assert "has changed since" in answer.target.notes[0]
    path.write_bytes(b"of another")
    assert "recorded as" in why(history, path).target.notes[0]
    path.unlink()
    answer = why(history, path)
    assert (names(answer), answer.target.disk) == (["/usr/bin/tool1"], "gone")


def test_a_version_is_asked_for_in_every_way(history: History, work: Path) -> None:
    path = work / "data"
    first, second = on_disk(history, path, b"first one", b"second one")
    digest = hashlib.sha256(b"first one").hexdigest()
    for version in ("2", digest, "sha256:" + digest, digest[:8], first, first[:13], "run0", "@-1"):
        answer = why(history, path, version=version)
        assert names(answer) == ["/usr/bin/tool0"], version
        assert "newest" in answer.target.notes[0]
    for version in ("1", second, "@"):
        assert names(why(history, path, version=version)) == ["/usr/bin/tool1"]
        assert why(history, path, version=version).target.notes == ()
    for version in ("0", "3", "@-7", "f00f00f00", "", "sha256:", "-1"):
        with pytest.raises(UnknownVersion) as error:
            why(history, path, version=version)
        assert digest[:12] in str(error.value)


def test_a_copy_is_answered_through_its_content(history: History, work: Path) -> None:
    on_disk(history, work / "data", b"some content")
    (work / "copy").write_bytes(b"some content")
    answer = why(history, work / "copy")
    assert (names(answer), answer.target.disk) == (["/usr/bin/tool0"], "elsewhere")
    assert str(work / "data") in answer.target.notes[0]


def test_what_nobody_touched_is_unknown(history: History, work: Path) -> None:
    on_disk(history, work / "data", b"", b"x")
    (work / "empty").touch()
    (work / "other").write_bytes(b"unseen")
    for name in ("empty", "other", "absent", "", "absent/deeper"):
        with pytest.raises(UnknownFile):
            why(history, work / name)
    missing = Building("missing")
    missing.read(missing.exec(), os.fsencode(work / "absent"), act=Act.MISSING, kind="missing")
    keep(history, missing)
    with pytest.raises(UnknownFile):
        why(history, work / "absent")
