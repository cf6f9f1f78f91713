"""The taking in is killed at random moments and done again: the run is in the history once, and whole.

The launcher is killed too: what it had started goes on, is recorded, and is taken in by the next who comes.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

from crash.kills import LAUNCHER, PAGE, calls_seen, program
from evidence import PROVE, write_evidence
from probe_core.capture.reader import read
from probe_core.capture.spool import Spool
from probe_core.history import open_history
from probe_core.history.intake import take_in_all

CALLS = 200
KILLED = Path(__file__).parent / "killed_intake.py"
table: list[str] = []


def launched(tmp_path: Path, kills: int) -> tuple[Path, Path]:
    """Launchers that were killed beside their command; the spool and the page."""
    work, page, spool = tmp_path / "work", tmp_path / "page", tmp_path / "spool"
    work.mkdir()
    page.write_bytes(bytes(PAGE))
    command = [LAUNCHER, "--spool", spool, "-q", "--", program("victim"), "plain", page, str(CALLS)]
    how = ["time", str(kills), str(random.randrange(1 << 30)), "4000", "one"]
    done = subprocess.run(
        [program("killer"), *how, *command], cwd=work, env={"RECORD": "PATH=/usr/bin:/bin"}, check=True,
        capture_output=True, timeout=600,
    )  # fmt: skip
    assert int(done.stdout) == kills
    return spool, page


def test_the_launcher_is_killed(tmp_path: Path) -> None:
    kills = 1000 if PROVE else 60
    spool, page = launched(tmp_path, kills)
    (started,) = struct.unpack_from("=Q", page.read_bytes())
    seen: dict[int, list[int]] = {}
    runs = Spool(spool).runs()
    for folder in runs:
        assert not folder.is_open()
        for trace in read(folder):
            assert not trace.faults
            seen |= calls_seen(trace)
    assert seen == {slot: list(range(CALLS)) for slot in range(started)}, "each command that began went on"
    with open_history(tmp_path / "history.sqlite") as history:
        assert take_in_all(Spool(spool), history, []) == []
        assert {run.id for run in history.runs()} == {folder.id for folder in runs}
    assert Spool(spool).runs() == []
    left = [path.name for path in (spool / "runs").iterdir()]
    old = time.time() - 2 * 86400
    for name in left:
        os.utime(spool / "runs" / name, (old, old))
    with open_history(tmp_path / "history.sqlite") as history:
        take_in_all(Spool(spool), history, [])
    assert list((spool / "runs").iterdir()) == [], "what was half made does not stay for ever"
    table.append(f"| the launcher | {kills:,} | {started:,} commands had begun, and all went on |")


def test_the_taking_in_is_killed(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    command = "for i in 1 2 3 4 5 6; do echo $i > f$i; cat f$i > g$i; done; cat g* > all; rm f*"
    launch = [LAUNCHER, "--spool", tmp_path / "spool", "-q", "sh", "-c", command]
    subprocess.run(launch, cwd=work, check=True, env={"PATH": "/usr/bin:/bin"})
    (folder,) = Spool(tmp_path / "spool").runs()
    kills = 300 if PROVE else 15
    words = [folder.path, str(kills), str(random.randrange(1 << 30)), tmp_path / "trials"]
    done = subprocess.run(
        [sys.executable, KILLED, *words], capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    table.append(f"| the taking in | {kills:,} | {done.stdout.strip()} |")


def test_the_table() -> None:
    text = f"""
The launcher killed (SIGKILL) at random moments beside its command, and the taking in of a run: what had begun
was recorded to its end; taken in again, the history was as if nothing had happened, and the spool was empty.

| who | kills | at what stage |
|---|---|---|
{chr(10).join(table)}
"""
    write_evidence("kills-recorder", "Killed recorders", "make prove T=tests/crash/test_taking_in.py", text)
