"""The run's folder that probe-record leaves: alone, inside another, killed, prepared for a root that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from launching import argument_counter, description, launch, runs
from probe_core.capture.spool import Spool
from probe_core.model import GapReason
from recording import LAUNCHER, record


def test_run_json() -> None:
    launch([b"sh", b"-c", b":", b"sp ace", b"\xff\xc3\xa9", b'q"\\\n\x01'], "--name", "näme")
    told = description()
    assert [os.fsencode(text) for text in told["command"]] == [
        b"sh",
        b"-c",
        b":",
        b"sp ace",
        b"\xff\xc3\xa9",
        b'q"\\\n\x01',
    ]
    assert (told["version"], told["name"], told["engine"], told["uid"]) == (1, "näme", None, os.getuid())
    assert told["directory"] == str(Path.cwd())
    assert told["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(told["started"] - time.time_ns()) < 60e9
    assert told["outer_run"] is None
    assert {d["fd"] for d in told["descriptors"]} >= {0, 1, 2}
    result = description("result.json")
    assert result["ended"] > told["started"]
    assert result["memory"] > 100


def test_a_recording_inside_a_recording() -> None:
    inner = f"{LAUNCHER} -q sh -c 'echo inside; exit 5'; echo $?"
    result = launch(["sh", "-c", inner], env={"PROBE_STEP": "outer-step"})
    assert result.stdout == b"inside\n5\n"
    told = {run.name: json.loads((run / "run.json").read_bytes()) for run in runs()}
    assert len(told) == 2
    outer = next(name for name, what in told.items() if what["outer_run"] is None)
    inside = next(what for name, what in told.items() if name != outer)
    assert inside["outer_run"] == outer


def test_nothing_is_missing_behind_our_own_programs(tmp_path: Path) -> None:
    inner = f"{LAUNCHER} -q true; {LAUNCHER.parent}/probe-sh -c true"
    assert record(["sh", "-c", inner], tmp_path, tmp_path / "spool").graph.gaps == []


def test_two_at_once() -> None:
    command = [LAUNCHER, "-q", "sh", "-c", "sleep 0.2; exit 3"]
    together = [subprocess.Popen(command) for _ in range(8)]
    assert [process.wait() for process in together] == [3] * 8
    assert len(runs()) == 8
    assert all((run / "result.json").exists() for run in runs())


def test_a_killed_launcher_leaves_what_was_recorded() -> None:
    command = [LAUNCHER, "-q", "sh", "-c", "echo ready; sleep 0.3; echo done"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.communicate()[0] == b"done\n", "the command goes on"
    (run,) = runs()
    assert not (run / "result.json").exists()
    assert description()["pid"] == process.pid
    assert list(run.glob("segment-*-0"))


def test_then_runs_afterwards_apart_from_the_streams() -> None:
    result = launch(
        ["sh", "-c", "echo out; exit 6"],
        "--then",
        "sh",
        "--then",
        "-c",
        "--then",
        'echo taken $(basename "$0") run=$PROBE_RUN',
        "-v",
    )
    assert (result.returncode, result.stdout) == (6, b"out\n")
    (run,) = runs()
    assert result.stderr.decode() == f"taken {run.name} run=\n"


def test_prepare(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        result = subprocess.run(
            [LAUNCHER, "--prepare", "--root", str(process.pid), "--engine", "x"],
            capture_output=True,
            check=True,
        )
    finally:
        process.kill()
        process.wait()
    given = dict(entry.split(b"=", 1) for entry in result.stdout.split(b"\0")[:-1])
    (run,) = runs()
    assert given[b"PROBE_RUN"] == os.fsencode(run)
    told = description()
    assert (told["pid"], told["engine"], told["command"], told["directory"]) == (
        process.pid,
        "x",
        ["sleep", "60"],
        str(tmp_path),
    )


def test_prepare_while_the_root_opens_and_closes_files(tmp_path: Path) -> None:
    """Its descriptors are those of a process that goes on: what is closed meanwhile is left out whole."""
    busy = "import os\nwhile True: os.close(os.dup2(0, 90)); os.close(os.dup2(0, 91))"
    process = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.DEVNULL)
    try:
        for _ in range(60):
            done = subprocess.run(
                [LAUNCHER, "--spool", tmp_path, "--prepare", "--root", str(process.pid)], capture_output=True
            )
            assert done.returncode == 0, done.stderr
    finally:
        process.kill()
        process.wait()
    folders = Spool(tmp_path).runs()
    assert len(folders) == 60
    # One of the two may be met before its end, and the other after its beginning.
    assert {len(folder.descriptors()) for folder in folders} <= {3, 4, 5}


def test_a_static_command_is_a_gap_and_not_silence(tmp_path: Path, needs) -> None:
    needs("gcc")
    program = argument_counter(tmp_path, "-static")
    recording = record([str(program), "a", "b c"], tmp_path, tmp_path / "spool")
    assert recording.result.stdout == b"3\n"
    (only,) = recording.graph.execs
    assert (only.program, only.arguments) == (os.fsencode(program), (os.fsencode(program), b"a", b"b c"))
    assert [(gap.reason, gap.about) for gap in recording.graph.gaps] == [
        (GapReason.STATIC, os.fsencode(program))
    ]
