"""Damaged segments for the reader: run by test_reader.py in a process of its own, so that a crash shows.

``python damage.py SECONDS SEED`` ends with 0, or with the first thing that is wrong.
"""

from __future__ import annotations

import faulthandler
import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from expected import plain_rows
from probe_core.capture.reader import Batch, TraceReader, read
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import NONE, Trace
from probe_core.errors import SegmentError
from segments import HEADER, TraceBuilder, identity

Rows = list[tuple[object, ...]]


def sample() -> TraceBuilder:
    """One host with frames of every kind."""
    builder = TraceBuilder()
    shell = builder.start(
        100, 1, "/bin/sh", ["sh", "-c"], "/work", step=b"s", libraries=["/l"], environment={"PATH": "/bin"}
    )
    builder.directory(shell, 9, "/d")
    builder.read(shell, "a", count=3)
    builder.lookup(shell, "q", directory=9, error=2)
    builder.list(shell, ".")
    builder.load(shell, "libm.so.6")
    builder.write(shell, "out", directory=9)
    builder.close(shell, identity(inode=5))
    builder.descriptor(shell, identity(), "/in")
    builder.rename(shell, "x", "y", device=5, inode=7, directory_second=9)
    builder.symlink(shell, "../x", "n")
    builder.remove(shell, "z")
    builder.pipe(shell, 3, 4, 55)
    builder.fork(shell, 101)
    child = builder.forked(shell, 101)
    builder.place(child, "/tmp")
    builder.exec(child, "bin/ls", ["ls", "-l"], entered=False, interpreter="/bin/sh")
    builder.gap(child, 1, "/bin/ls", pid=101)
    builder.exit(child, 0, usage=(1, 2, 3))
    builder.wait(shell, 101, 0)
    builder.exit(shell, 1)
    return builder


def check(trace: Trace) -> None:
    """Whatever was read must hang together."""
    columns = [trace.kind, trace.error, trace.detail, trace.when, trace.last, trace.count, trace.image,
               trace.path, trace.second, trace.identity, trace.value, trace.pid]  # fmt: skip
    assert {len(column) for column in columns} == {len(trace)}
    assert all(number < len(trace.images) for number in trace.image)
    assert all(number == NONE or number < len(trace.paths) for number in (*trace.path, *trace.second))
    assert all(number == NONE or number < len(trace.identities) for number in trace.identity)
    assert all(row < len(trace) for row in (*trace.usage, *trace.arguments))
    assert all(path and b"\0" not in path for path in trace.paths)
    assert all(fault.image is None or fault.image < len(trace.images) for fault in trace.faults)
    known = {None, *range(len(trace.environments))}
    assert all(image.environment in known for image in trace.images)


class Bench:
    """A run's folder with one segment, rewritten for every trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder(folder)
        (self.path,) = sample().write_segments(folder)
        self.sound = self.path.read_bytes()
        self.rows = self.read(self.sound)
        self.trials = 0

    def read(self, content: bytes) -> Rows | None:
        """Read one damaged segment; None when it is told not to be one."""
        self.path.write_bytes(content)
        try:
            traces = read(self.folder, ended=True)
        except SegmentError as error:
            self.told(error)
            return None
        for trace in traces:
            check(trace)
        (trace,) = traces
        self.faults = trace.faults
        return self.numbered(trace)

    def told(self, error: SegmentError) -> None:
        assert str(self.path) in str(error)
        assert error.reason
        assert error.offset is not None
        assert f"at byte {error.offset}" in str(error)

    @staticmethod
    def numbered(trace: Trace) -> Rows:
        assert isinstance(trace, Batch)
        return [(frame, *row) for frame, row in zip(trace.ids, plain_rows(trace), strict=True)]

    def frames(self) -> Iterator[tuple[int, int]]:
        """Give offset and size of every frame, and of each block's END."""
        at = HEADER
        while self.sound[at : at + 4] == b"PBLK":
            size, used = struct.unpack_from("=II", self.sound, at + 4)
            place = at + 40
            while place + 8 <= at + used:
                length = -struct.unpack_from("=i", self.sound, place)[0]
                yield place, length
                place += length
            at += size


def truncated(bench: Bench, _: random.Random) -> None:
    """At every byte: what is there is read, what is not is told, nothing is invented."""
    assert bench.rows
    step = {*range(200), *range(0, HEADER, 509), *range(HEADER - 8, len(bench.sound))}
    places = {row[0]: row for row in bench.rows}
    for size in sorted(step):
        rows = bench.read(bench.sound[:size])
        if rows is None:
            assert size < HEADER, size
            continue
        ends = {place: place + length for place, length in bench.frames()}
        for row in rows:
            place = int(str(row[0])) * 8
            assert ends[place] <= size, (size, row)
            assert row[1] == places[row[0]][1], (size, row)
        assert any(fault.reason == "truncated" for fault in bench.faults), size


def crashed(bench: Bench, _: random.Random) -> None:
    """Each frame in each state in which its writer may have died."""
    assert bench.rows
    for place, length in bench.frames():
        half = bytearray(bench.sound)
        struct.pack_into("=i", half, place, length)
        expected = {row[0] for row in bench.rows} - {place // 8}
        found = bench.read(bytes(half))
        assert found is not None
        assert {row[0] for row in found} == expected, place
        assert ("torn", place) in [(fault.reason, fault.offset) for fault in bench.faults]
        claimed = bytearray(bench.sound)
        claimed[place : place + length] = bytes(length)
        found = bench.read(bytes(claimed))
        assert found is not None
        assert {row[0] for row in found} == expected, place
        assert ("torn", place) in [(fault.reason, fault.offset) for fault in bench.faults]
        for size in (-length - 8, -length + 8, -7, -1, -(1 << 31), (1 << 31) - 1, 4, 1 << 20, -(1 << 20)):
            wrong = bytearray(bench.sound)
            struct.pack_into("=i", wrong, place, size)
            assert bench.read(bytes(wrong)) is not None


def scribbled(bench: Bench, rng: random.Random) -> None:
    """Random bytes, words and slices in random places of blocks and header."""
    content = bytearray(bench.sound)
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        at = rng.randrange(rng.choice((0, HEADER)), len(content) - 8)
        match rng.randrange(4):
            case 0:
                content[at] = rng.randrange(256)
            case 1:
                word = rng.choice((0, 1, 7, 1 << 31, (1 << 32) - 1, rng.getrandbits(32)))
                struct.pack_into("=I", content, at & ~3, word)
            case 2:
                size = rng.randrange(64)
                content[at : at + size] = rng.randbytes(len(content[at : at + size]))
            case 3:
                other = rng.randrange(HEADER, len(content))
                content[at : at + 16] = content[other : other + len(content[at : at + 16])]
    bench.read(bytes(content))


def foreign(bench: Bench, rng: random.Random) -> None:
    """Random bytes behind a sound header, or altogether."""
    body = bytearray(rng.randbytes(rng.randrange(4096)))
    if rng.randrange(2):
        for at in range(0, len(body) - 64, 1024):  # so that the walk reaches deeper: frames of random bytes
            used, image = rng.randrange(2048), rng.randrange(3)
            struct.pack_into("=IIIIIIQq", body, at, 0x4B4C4250, 1024, used, 1, 1, 0, image, 0)
            struct.pack_into("=iB", body, at + 40, -8 * rng.randrange(1, 20), rng.randrange(50))
    sound = bytearray(bench.sound[:HEADER])
    struct.pack_into("=Q", sound, 168, HEADER + len(body))  # next
    bench.read(bytes(sound + body))
    bench.read(bytes(body))


def polled(bench: Bench, rng: random.Random) -> None:
    """A segment that becomes another one between polls."""
    reader = TraceReader(bench.folder)
    for _ in range(3):
        content = bytearray(bench.sound)
        for _ in range(rng.randrange(9)):
            content[rng.randrange(HEADER, len(content))] = rng.randrange(256)
        bench.path.write_bytes(bytes(content))
        for batch in reader.poll(ended=rng.random() < 0.5):
            check(batch)


def main(seconds: float, seed: int) -> None:
    faulthandler.enable()
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        assert bench.rows
        assert len(bench.rows) == 21
        for once in (truncated, crashed):
            once(bench, rng)
        until, trials = time.monotonic() + seconds, 0
        kinds: list[Callable[[Bench, random.Random], None]] = [scribbled, scribbled, foreign, polled]
        while time.monotonic() < until:
            kinds[trials % len(kinds)](bench, rng)
            trials += 1
    print(f"seed {seed}: {trials} random trials")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
