"""What reading segments costs: ``python benchmarks/reading.py [FRAMES] [PATHS]`` writes some and reads them.

A tenth of the frames are writes, a third of the paths are relative; 500 frames to a program. Asserts nothing.
"""

from __future__ import annotations

import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PER_PROGRAM = 500
HOME = b"/home/somebody/project/"
ACCESS, IDENTITY = struct.Struct("=I"), struct.Struct("=iIIIQQqqqqQ")
READ, WRITE = 16, 20


def programs(frames: int, paths: int) -> Iterator[list[bytes]]:
    """Give each program's frames."""
    from segments import TraceBuilder

    rng = random.Random(1)
    for _ in range(frames // PER_PROGRAM):
        builder = TraceBuilder()
        builder.start(1, 1, "/usr/bin/python3", ["python3", "script.py"], HOME)
        made = [note.frame(note.at) for note in builder.notes]
        for number in range(PER_PROGRAM):
            path = b"%sdata/%08x/sample.fastq.gz\0" % (HOME if number % 3 else b"", rng.randrange(paths))
            kind = READ if number % 10 else WRITE
            identity = IDENTITY.pack(3, 0o100644, 0, 1, 9, number, 0, 1, 1, 0, 0)
            body = ACCESS.pack(1) if kind == READ else identity
            size = (16 + len(body) + len(path) + 7) // 8 * 8
            head = struct.pack("=iBBHII", -size, kind, 0, 0, number * 4, 0)
            made.append((head + body + path).ljust(size, b"\0"))
        yield made


def blocks(frames: list[bytes], image: int, base: int) -> Iterator[bytes]:
    """Lay a program's frames into blocks that grow as the recorder's do."""
    size, body = 1024, b""
    for frame in [*frames, b""]:
        if not frame or 40 + len(body) + len(frame) + 8 > size:
            head = struct.pack("=IIIIIIQq", 0x4B4C4250, size, 40 + len(body), image, image, 0, image, base)
            yield (head + body + struct.pack("=iBxH", -8, 1, 0)).ljust(size, b"\0")
            size, body = min(size * 2, 65536), b""
        body += frame


def write(folder: Path, frames: int, paths: int) -> None:
    from segments import UPTIME, TraceBuilder

    part: list[bytes] = []
    number = size = 0
    for image, made in enumerate(programs(frames, paths)):
        laid = list(blocks(made, 16 + image, UPTIME + image * 1_000_000))
        part += laid
        size += sum(map(len, laid))
        if size > 60 << 20 or image == frames // PER_PROGRAM - 1:
            segment = TraceBuilder().segment(part, number)
            (folder / f"segment-host-{number}").write_bytes(segment)
            part, number, size = [], number + 1, 0


def read_once(folder: Path) -> None:
    from probe_core.capture.reader import read
    from probe_core.capture.spool import RunFolder

    begin = time.perf_counter()
    (trace,) = read(RunFolder(folder), ended=True)
    seconds = time.perf_counter() - begin
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(f"{len(trace)} frames, {len(trace.paths)} paths: {seconds:.2f} s, {int(peak) >> 10} MB at most")


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        read_once(Path(sys.argv[2]))
        return
    frames, paths = (*map(int, sys.argv[1:3]), *(1_000_000, 100_000)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), frames, paths)
        subprocess.run([sys.executable, __file__, "--read", folder], check=True)


if __name__ == "__main__":
    main()
