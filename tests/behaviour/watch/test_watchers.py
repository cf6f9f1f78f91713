"""Who watches: killed, signalled, outlived, and with many programs at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from calls.frames import frames, lost
from probe_core.capture.spool import Spool
from probe_core.model import GapReason
from probe_core.stitch import stitch
from recording import LAUNCHER, environment
from watching import MANY, UNWATCHED, eventually, keepers, only_run, started, watch, workers


def test_a_daemon_keeps_working_after_the_recording(static: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    seen = watch(tmp_path, static, "daemon", tmp_path / "late")
    assert time.monotonic() - begun < 0.6  # nobody waited for it, and our processes hold no pipe
    assert workers(seen.run.name)
    assert eventually(lambda: (tmp_path / "late").exists() and (tmp_path / "late").read_text()) == "0\n"
    assert eventually(lambda: not workers(seen.run.name))
    late = [frame.path for frame in seen.of("WRITE")]
    assert late == [str(tmp_path / "late")]
    assert eventually(lambda: not Spool(tmp_path / "spool").runs()[0].is_open())


def test_the_worker_killed(static: Path, tmp_path: Path) -> None:
    """Every call goes on, the keeper answers; a gap tells it."""
    process, worker = started(tmp_path, static, "opens", str(MANY))
    time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    assert process.communicate(timeout=120)[0] == "0 0\n"
    found = frames(only_run(tmp_path))
    assert [frame.more["reason"] for frame in found if frame.kind == "GAP"] == [UNWATCHED]
    assert 0 < sum(frame.more["count"] for frame in found if frame.path.endswith("/input")) < MANY
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert GapReason.UNWATCHED in {gap.reason for gap in graph.gaps}


def test_the_keeper_killed(static: Path, tmp_path: Path) -> None:
    """Recording goes on, and the next program gets a new keeper."""
    before = keepers()
    process, _ = started(tmp_path, static, "opens", str(MANY))
    for keeper in keepers() - before:
        session = int(Path(f"/proc/{keeper}/stat").read_text().rpartition(")")[2].split()[3])
        if session == keeper and _of_run(keeper, process.pid):
            os.kill(keeper, signal.SIGKILL)
    assert process.communicate(timeout=120)[0] == "0 0\n"
    found = frames(only_run(tmp_path))
    assert sum(frame.more["count"] for frame in found if frame.path.endswith("/input")) == MANY


def _of_run(keeper: int, launcher: int) -> bool:
    """Whether a keeper has the same command line as this launcher: it is its child's child."""
    return Path(f"/proc/{keeper}/cmdline").read_bytes() == Path(f"/proc/{launcher}/cmdline").read_bytes()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "TSTP"])
def test_signals_do_not_reach_the_worker(name: str, static: Path, tmp_path: Path) -> None:
    process, worker = started(tmp_path, static, "opens", "20000")
    os.kill(worker, signal.Signals[f"SIG{name}"])
    assert process.communicate(timeout=60)[0] == "0 0\n"
    assert [frame.kind for frame in frames(only_run(tmp_path)) if frame.kind == "GAP"] == []


def test_two_hundred_at_once(static: Path, tmp_path: Path) -> None:
    script = f"for i in $(seq 200); do {static} opens 20 & done; wait"
    seen = watch(tmp_path, "sh", "-c", script)
    assert seen.result.stdout == "0 0\n" * 200
    reads = [frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [20] * 200
    assert seen.gaps() == []
    assert lost(seen.run) == 0
    assert eventually(lambda: not workers(seen.run.name))


def test_killed_programs(static: Path, tmp_path: Path) -> None:
    """A program killed in the middle of a call leaves what it did, and the worker ends."""
    script = f"{static} opens 100000000 & sleep 0.2; kill -9 $!; wait $!; echo $?"
    seen = watch(tmp_path, "sh", "-c", script)
    assert seen.result.stdout == "137\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path == str(tmp_path / "input")) > 0
    assert eventually(lambda: not workers(seen.run.name))


def test_a_prepared_run(static: Path, tmp_path: Path) -> None:
    """Nobody waits for a prepared run: its server lives as long as its root, here the test itself."""
    (tmp_path / "input").write_text("text\n")
    command = [LAUNCHER, "--spool", tmp_path / "spool", "--static=watch", "--prepare"]
    command += ["--root", str(os.getpid())]
    made = subprocess.run(command, env=environment(), capture_output=True, check=True, timeout=30).stdout
    variables = dict(pair.split("=", 1) for pair in made.decode().split("\0") if pair)
    script = "import os, sys; os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)"
    words = [sys.executable, "-c", script, static, "opens", "3"]
    subprocess.run(words, env=environment(variables), cwd=tmp_path, check=True)
    run = only_run(tmp_path)
    assert eventually(lambda: not workers(run.name))
    reads = [frame for frame in frames(run) if frame.kind == "READ" and frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [3]
