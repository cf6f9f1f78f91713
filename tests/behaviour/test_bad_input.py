"""Bad input ends in one clear sentence, the right status, and nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calls.recorded import program
from probe_core.model import GapReason
from recording import environment, record

PROBE = Path(sys.executable).parent / "probe"


def probe(*words: str | bytes | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run the installed `probe`."""
    return subprocess.run(
        [PROBE, *words], cwd=cwd, env=environment(env), capture_output=True, check=False, timeout=60
    )


def one_sentence(done: subprocess.CompletedProcess[bytes], status: int, *words: str) -> None:
    """The command failed with that status and said one line that holds the words."""
    text = done.stderr.decode()
    assert done.returncode == status, text
    assert b"Traceback" not in done.stderr
    last = text.strip().splitlines()[-1]
    assert last.startswith(("probe", "Error")), text
    for word in words:
        assert word in last


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    done = probe("record", "--name", "first", "sh", "-c", "echo x > made", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == b""
    return tmp_path


def test_unknown_run(recorded: Path) -> None:
    one_sentence(probe("show", "nothing-like-it", cwd=recorded), 2, "nothing-like-it")


def test_unknown_file(recorded: Path) -> None:
    one_sentence(probe("why", "never-seen", cwd=recorded), 1, "never-seen")


def test_unknown_format(recorded: Path) -> None:
    one_sentence(probe("export", "no-such-format", cwd=recorded), 2, "no-such-format")


def test_more_than_one_run(tmp_path: Path) -> None:
    ids = [f"ab0000{number}0-0000-4000-8000-000000000000" for number in range(2)]
    for one in ids:
        subprocess.run([PROBE.with_name("probe-record"), "--id", one, "-q", "true"], check=True)
    one_sentence(probe("show", "ab", cwd=tmp_path), 2, "'ab' names more than one run (ab000010, ab000000)")


@pytest.mark.parametrize("words", [["runs"], ["export", "prov-json", "-o", "-"]])
def test_a_full_output(words: list[str], recorded: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [PROBE, *words], cwd=recorded, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        b"probe: not all could be written: no space left on device\n",
    )


def test_an_export_where_nothing_can_be_written(recorded: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("mounting a read-only folder needs root")
    (recorded / "still").mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "probe-test", recorded / "still"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        done = probe("export", "prov-json", "-o", "still/x.json", cwd=recorded)
    finally:
        subprocess.run(["umount", "-l", recorded / "still"], check=True)
    one_sentence(done, 1, "still/x.json: read-only file system")


def test_unknown_option(recorded: Path) -> None:
    one_sentence(probe("show", "--no-such-option", cwd=recorded), 2, "--no-such-option")


def test_missing_command_is_127(tmp_path: Path) -> None:
    done = probe("record", "no-such-command-here", cwd=tmp_path)
    assert done.returncode == 127
    assert b"no-such-command-here" in done.stderr


def test_not_executable_is_126(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    done = probe("record", "./plain", cwd=tmp_path)
    assert done.returncode == 126
    assert b"plain" in done.stderr


def test_a_foreign_history_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "other.sqlite"
    with sqlite3.connect(place) as other:
        other.execute("create table mine (a)")
    other.close()
    before = place.read_bytes()
    one_sentence(probe("runs", cwd=tmp_path, PROBE_HISTORY=str(place)), 1, str(place))
    assert place.read_bytes() == before


def test_a_history_that_is_no_database(tmp_path: Path) -> None:
    place = tmp_path / "text"
    place.write_text("this is not a database, and it is long enough to be looked at as one" * 20)
    one_sentence(probe("runs", cwd=tmp_path, PROBE_HISTORY=str(place)), 1, str(place))
    assert place.read_text().startswith("this is not")


def test_a_history_that_cannot_be_written_keeps_the_run(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = probe(
        "record", "sh", "-c", "echo out; exit 3", cwd=tmp_path, PROBE_HISTORY=str(blocked / "history")
    )
    assert done.returncode == 3
    assert done.stdout == b"out\n"
    listed = probe("runs", "--json", cwd=tmp_path)
    assert b"echo out" in listed.stdout, "the next command takes it in"


def test_truncated_segment_loses_only_itself(tmp_path: Path) -> None:
    spool = Path(os.environ["PROBE_SPOOL"])
    blocked = tmp_path / "file"
    blocked.write_text("")
    probe("record", "true", cwd=tmp_path, PROBE_HISTORY=str(blocked / "history"))
    (segment,) = spool.glob("runs/*/segment-*-0")
    segment.write_bytes(segment.read_bytes()[:5000])
    probe("record", "--name", "second", "true", cwd=tmp_path)
    listed = probe("runs", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert b"second" in listed.stdout


def test_a_newer_segment_is_told_and_kept(tmp_path: Path) -> None:
    spool = Path(os.environ["PROBE_SPOOL"])
    blocked = tmp_path / "file"
    blocked.write_text("")
    probe("record", "true", cwd=tmp_path, PROBE_HISTORY=str(blocked / "history"))
    (segment,) = spool.glob("runs/*/segment-*-0")
    content = bytearray(segment.read_bytes())
    content[8] = 99
    segment.write_bytes(content)
    listed = probe("runs", cwd=tmp_path)
    assert listed.returncode == 0
    assert b"version 99" in listed.stderr
    assert segment.exists(), "what cannot be read is not thrown away"


def test_interrupted_in_the_middle(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [PROBE, "record", "--name", "cut", "sh", "-c", "echo begun > begun; exec sleep 30"],
        cwd=tmp_path, env=environment(), start_new_session=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=20)
    assert running.returncode == -signal.SIGINT
    shown = probe("show", "cut", "--json", cwd=tmp_path)
    assert b"begun" in shown.stdout


def test_launcher_killed_is_taken_in_later(tmp_path: Path) -> None:
    running = subprocess.Popen(
        [PROBE, "record", "--name", "orphan", "sh", "-c", "echo a > begun; sleep 1; echo b > done"],
        cwd=tmp_path, env=environment(),
    )  # fmt: skip
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    running.kill()
    running.wait()
    while not (tmp_path / "done").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    shown = probe("show", "orphan", "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert b"launcher-lost" in shown.stdout
    assert b"done" in shown.stdout


def test_two_at_once_and_one_inside_another(tmp_path: Path) -> None:
    twins = [("record", "--name", f"twin{i}", "sh", "-c", f"echo {i} > t{i}") for i in range(2)]
    both = [subprocess.Popen([PROBE, *words], cwd=tmp_path, env=environment()) for words in twins]
    assert [one.wait(timeout=30) for one in both] == [0, 0]
    script = f"echo a > a; {PROBE} record --name inner sh -c 'cat a > b'; cat b > c"
    done = probe("record", "--name", "outer", "sh", "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = probe("runs", "--json", cwd=tmp_path).stdout
    for name in (b"twin0", b"twin1", b"outer", b"inner"):
        assert name in listed


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    place = tmp_path / "text"
    place.write_text("this is not a database" * 100)
    done = probe("--debug", "runs", cwd=tmp_path, PROBE_HISTORY=str(place))
    assert b"Traceback" in done.stderr


def test_a_full_segment_is_one_gap_that_names_the_program(tmp_path: Path) -> None:
    """Where no further segment may be made the program goes on, and the run says who met it."""
    seen = record(["sh", "-c", f"ulimit -f 1000; {program('busy')}; true"], tmp_path, tmp_path / "spool")
    assert seen.result.returncode == 0
    (gap,) = seen.graph.gaps
    assert gap.reason is GapReason.NO_ROOM
    assert gap.about.endswith(b"busy-gcc")
