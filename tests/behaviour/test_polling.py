"""Polling a run that really goes on adds up to what one reading gives at its end."""

from __future__ import annotations

import subprocess
from pathlib import Path

from expected import plain_images, plain_rows
from probe_core.capture.reader import Batch, TraceReader, read
from probe_core.capture.spool import RunFolder, Spool
from probe_core.model import RunState
from recording import LAUNCHER, environment

# Processes come and go, accesses are folded, and several write at once.
SCRIPT = """
for round in 1 2 3 4 5 6 7 8 9 10; do
    for i in 1 2 3 4 5; do cat ./a a a > out.$i; done & ls . > list.$round
    cd sub && cat ../a > b; cd ..
done
wait
"""


def rows_of(batches: list[Batch]) -> dict[int, tuple[object, ...]]:
    rows: dict[int, tuple[object, ...]] = {}
    for batch in batches:
        rows.update(zip(batch.ids, plain_rows(batch), strict=True))
    return rows


def appeared(spool: Path, running: subprocess.Popen[bytes]) -> RunFolder:
    while True:
        if found := Spool(spool).runs():
            return found[0]
        assert running.poll() is None, "the launcher ended without a run"


def test_polls_of_a_real_run_add_up(tmp_path: Path) -> None:
    work, spool = tmp_path / "work", tmp_path / "spool"
    (work / "sub").mkdir(parents=True)
    (work / "a").write_text("a\n")
    command = [LAUNCHER, "--spool", spool, "-q", "--", "sh", "-c", SCRIPT]
    running = subprocess.Popen(command, cwd=work, env=environment(), stdin=subprocess.DEVNULL)
    folder = appeared(spool, running)
    assert folder.run().state is RunState.OPEN
    reader, batches = TraceReader(folder), []
    while running.poll() is None:
        batches += reader.poll()
    assert running.returncode == 0
    batches += reader.poll(ended=True)
    (whole,) = read(folder)
    assert isinstance(whole, Batch)
    assert rows_of(batches) == rows_of([whole])
    assert sum(1 for batch in batches if len(batch)) > 1, "it was read while it went on"
    assert sorted(map(repr, plain_images(batches[-1]))) == sorted(map(repr, plain_images(whole)))
    assert whole.faults == []
    assert list(whole.when) == sorted(whole.when)
    assert folder.run().state is RunState.ENDED
