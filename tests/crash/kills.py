"""Killed programs, and what their log must hold: all that was acknowledged, nothing that was not begun."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from calls.recorded import workshop
from probe_core.capture.reader import read
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import Kind, Trace

PROGRAMS = Path(__file__).parent / "programs"
LAUNCHER = Path(sys.executable).parent / "probe-record"
SLOTS = 65536
PAGE = 16 + 16 * SLOTS
NAME = re.compile(rb"/(open|fold|write)-(\d+)(?:-(\d+))?x*$")
# what a kill may leave unread: a torn frame, and an image whose START was the torn one
LEFT = {"torn", "no start"}


@cache
def program(name: str) -> Path:
    """A program of ``programs/``, compiled."""
    made = workshop() / name
    subprocess.run(["cc", "-Wall", "-O1", "-pthread", PROGRAMS / f"{name}.c", "-o", made], check=True)
    return made


@dataclass
class Outcome:
    """What was found after kills."""

    kills: int = 0
    acknowledged: int = 0  # calls that had returned
    read: int = 0  # of all calls
    faults: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Outcome) -> Outcome:
        self.kills += other.kills
        self.acknowledged += other.acknowledged
        self.read += other.read
        self.faults += other.faults
        return self


class Scene:
    """A run's folder, and the page in which the killed tell what they had done."""

    def __init__(self, below: Path) -> None:
        self.work = below / "work"
        self.work.mkdir(parents=True)
        self.page = below / "page"
        self.page.write_bytes(bytes(PAGE))
        run = str(uuid.uuid4())
        prepared = subprocess.run(
            [LAUNCHER, "--spool", below / "spool", "--id", run, "--prepare", "--root", str(os.getpid())],
            capture_output=True, check=True,
        )  # fmt: skip
        self.variables = [text for text in prepared.stdout.decode().split("\0") if text]
        self.folder = RunFolder(below / "spool" / "runs" / run)

    def kill(self, *how: str, victim: tuple[str, ...], stepped: bool = False) -> int:
        """Run the killer; how many were killed."""
        record = "\n".join([*self.variables, *(["STEPPED=1"] if stepped else [])])
        mode, *rest = victim
        done = subprocess.run(
            [program("killer"), *how, program("victim"), mode, self.page, *rest],
            cwd=self.work, env={"RECORD": record}, capture_output=True, text=True, check=True, timeout=600,
        )  # fmt: skip
        return int(done.stdout)

    def marks(self) -> dict[int, tuple[int, int]]:
        """Of each slot that was taken: how many calls were begun, how many had returned."""
        content = self.page.read_bytes()
        (taken,) = struct.unpack_from("=Q", content)
        return {slot: struct.unpack_from("=QQ", content, 16 + 16 * slot) for slot in range(taken)}

    def trace(self) -> Trace:
        """All frames, everybody being dead."""
        (trace,) = read(self.folder, ended=True)
        return trace

    def judge(self, kills: int) -> Outcome:
        """Hold the log against the marks."""
        trace, marks = self.trace(), self.marks()
        seen = calls_seen(trace)
        assert seen.keys() <= marks.keys()
        for slot, (begun, done) in marks.items():
            found = seen.get(slot, [])
            assert done <= len(found) <= begun, (slot, done, len(found), begun)
            assert found == list(range(len(found))), (slot, "out of order, or twice")
            assert begun - done <= 1
        found = Counter(fault.reason for fault in trace.faults)
        assert found.keys() <= LEFT, trace.faults
        assert all(fault.offset >= 16384 and fault.image is not None for fault in trace.faults)
        return Outcome(
            kills, sum(done for _, done in marks.values()), sum(map(len, seen.values())), found
        )


def calls_seen(trace: Trace) -> dict[int, list[int]]:
    """Of each slot the numbers of its calls, in the order in which they stand; no other file is touched."""
    seen: dict[int, list[int]] = {}
    rounds = {Kind.WRITE: 0, Kind.REMOVE: 2}
    last: dict[int, int] = {}  # image -> slot that wrote last, as CLOSE names no file
    for row, kind in enumerate(map(Kind, trace.kind)):
        if kind is Kind.CLOSE and trace.image[row] in last:
            slot = last[trace.image[row]]
            seen[slot].append(seen[slot][-1] + 1)
            continue
        if kind not in (Kind.READ, Kind.LOOKUP, Kind.WRITE, Kind.REMOVE):
            continue
        path = trace.paths[trace.path[row]]
        if (named := NAME.search(path)) is None:
            assert b"/work/" not in path, path
            continue
        sort, slot, number = named[1], int(named[2]), int(named[3] or 0)
        calls = seen.setdefault(slot, [])
        match sort:
            case b"open":
                assert (kind, trace.error[row]) == (Kind.READ, 2)
                calls.append(number)
            case b"fold":
                calls += range(len(calls), len(calls) + trace.count[row])
            case b"write":
                assert trace.error[row] == 0
                calls.append(3 * number + rounds[kind])
                last[trace.image[row]] = slot
    return seen

