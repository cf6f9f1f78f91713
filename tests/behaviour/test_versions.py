"""Which version of a file was read, made or lost: told by real commands."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

from probe_core.model import Act, GapReason, Proof
from recording import READS, WRITES, record


def _versions_read(recording, path: Path) -> list[int]:
    graph, table = recording.graph, recording.graph.accesses
    return sorted(
        {
            graph.versions[version].ordinal
            for version, act in zip(table.version, table.act, strict=True)
            if Act(act) in READS and graph.versions[version].path == os.fsencode(path)
        }
    )


def test_read_write_read_is_two_versions(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("one\n")
    recording = record(["sh", "-c", "cat data; echo two > data; cat data"], tmp_path, tmp_path / "spool")
    assert recording.result.stdout == b"one\ntwo\n"
    assert _versions_read(recording, data) == [0, 1]
    newest = max(
        (version for version in recording.graph.versions if version.path == os.fsencode(data)),
        key=lambda version: version.ordinal,
    )
    assert newest.digest == "sha256:" + hashlib.sha256(b"two\n").hexdigest()
    assert newest.made_by is not None


def test_an_unrecorded_writer_is_a_gap(tmp_path: Path) -> None:
    data = tmp_path / "input"
    data.write_text("before\n")
    time.sleep(0.05)
    writer = subprocess.Popen(
        ["sh", "-c", "while [ ! -e read ]; do sleep 0.05; done; echo after > input; : > edited"], cwd=tmp_path
    )
    recording = record(
        ["sh", "-c", "cat input; : > read; while [ ! -e edited ]; do sleep 0.05; done"],
        tmp_path,
        tmp_path / "spool",
    )
    writer.wait()
    gaps = [gap for gap in recording.graph.gaps if gap.reason is GapReason.UNRECORDED_WRITER]
    assert [gap.about for gap in gaps] == [os.fsencode(data)]
    assert any(
        version.path == os.fsencode(data) and version.proof is Proof.CHANGED
        for version in recording.graph.versions
    )


def test_an_untouched_input_is_proved(tmp_path: Path) -> None:
    data = tmp_path / "input"
    data.write_text("kept\n")
    time.sleep(0.05)
    recording = record(["cat", "input"], tmp_path, tmp_path / "spool")
    (version,) = [version for version in recording.graph.versions if version.path == os.fsencode(data)]
    assert version.proof is Proof.PROVED
    assert version.digest == "sha256:" + hashlib.sha256(b"kept\n").hexdigest()


def test_a_rename_carries_the_content(tmp_path: Path) -> None:
    recording = record(["sh", "-c", "echo x > a.tmp; mv a.tmp a; cat a"], tmp_path, tmp_path / "spool")
    final = [version for version in recording.graph.versions if version.path == os.fsencode(tmp_path / "a")][
        -1
    ]
    assert final.digest == "sha256:" + hashlib.sha256(b"x\n").hexdigest()
    assert os.fsencode(tmp_path / "a.tmp") in recording.touched(WRITES)
    assert os.fsencode(tmp_path / "a.tmp") in recording.touched({Act.RENAME_FROM})


def test_a_huge_sparse_input_does_not_delay(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(100 * 1024**3)
    recording = record(["head", "-c", "1", "sparse"], tmp_path, tmp_path / "spool")
    (version,) = [v for v in recording.graph.versions if v.path == os.fsencode(tmp_path / "sparse")]
    assert version.digest is None
    assert version.size == 100 * 1024**3


def test_redirections_and_pipes_are_data_flow(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("b\na\n")
    recording = record(["sh", "-c", "sort < in | uniq > out"], tmp_path, tmp_path / "spool")
    graph, table = recording.graph, recording.graph.accesses
    named = {exec.number: os.path.basename(exec.program) for exec in graph.execs}
    inherited = {
        (named[exec], os.path.basename(graph.versions[version].path), Act(act))
        for exec, version, act in zip(table.exec, table.version, table.act, strict=True)
    }
    assert (b"sort", b"in", Act.INHERITED_READ) in inherited
    assert (b"uniq", b"out", Act.INHERITED_WRITE) in inherited
    flows = {
        (named[writer], named[reader])
        for channel in graph.channels
        for writer in channel.writers
        for reader in channel.readers
    }
    assert (b"sort", b"uniq") in flows


def test_names_that_are_not_text(tmp_path: Path) -> None:
    name = b"odd name\n\xff\xfe"
    recording = record([b"sh", b"-c", b'echo x > "$1"; cat "$1"', b"sh", name], tmp_path, tmp_path / "spool")
    assert os.path.join(os.fsencode(tmp_path), name) in recording.touched(WRITES)
    assert os.path.join(os.fsencode(tmp_path), name) in recording.touched({Act.READ})
