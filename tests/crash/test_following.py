"""A log is read while it is written: what had returned before a look is there, what was not begun is not."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from crash.kills import Scene, calls_seen, program
from evidence import PROVE
from expected import plain_rows
from probe_core.capture.reader import Batch, TraceReader, read


@pytest.mark.parametrize("mode", ["plain", "lengthy", "threads", "forks"])
def test_looks_at_a_log_that_grows(mode: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    environment = dict(variable.split("=", 1) for variable in scene.variables)
    victim = subprocess.Popen(
        [program("victim"), mode, scene.page], cwd=scene.work, env=environment, start_new_session=True
    )
    reader, rows, looks = TraceReader(scene.folder), {}, 0
    seen: dict[int, set[int]] = {}
    until = time.monotonic() + (20 if PROVE else 0.4)
    try:
        while (looks < 3 or time.monotonic() < until) and looks < 400:
            before = scene.marks()
            batches = reader.poll()
            after = scene.marks()
            looks += 1
            for batch in batches:
                keep(batch, rows, seen)
            for slot, (begun, _) in after.items():
                found, done = len(seen.get(slot, ())), before.get(slot, (0, 0))[1]
                assert done <= found <= begun, (mode, slot, done, found, begun)
            time.sleep(random.random() * 0.02)
    finally:
        os.killpg(victim.pid, 9)
        victim.wait()
    for batch in reader.poll(ended=True):
        keep(batch, rows, seen)
    (whole,) = read(scene.folder, ended=True)
    assert isinstance(whole, Batch)
    assert sorted(rows.items()) == sorted(zip(whole.ids, plain_rows(whole), strict=True))
    assert looks > 2


def keep(batch: Batch, rows: dict[int, tuple[object, ...]], seen: dict[int, set[int]]) -> None:
    """Take what a look brought: the newest of each frame."""
    rows.update(zip(batch.ids, plain_rows(batch), strict=True))
    for slot, numbers in calls_seen(batch).items():
        seen.setdefault(slot, set()).update(numbers)
