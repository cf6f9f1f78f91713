"""A run that is followed while it goes on ends as the graph of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper import PaperFiles
from probe_core.capture.reader import TraceReader, read
from probe_core.capture.spool import RunFolder
from probe_core.stitch import Stitcher, stitch, stitch_traces
from segments import EPOCH, TraceBuilder, identity


def busy(builder: TraceBuilder) -> None:
    """A shell, forty children, each of which reads, writes and ends; one read is folded."""
    shell = builder.start(100, 1, "/bin/sh", ["sh"], "/w")
    builder.read(shell, "often", count=3, last=EPOCH + 3_000_000)
    for n in range(40):
        child = builder.forked(shell, 200 + n)
        builder.exec(child, "/bin/tool")
        tool = builder.start(200 + n, 100, "/bin/tool", ["tool", str(n)], "/w", step=b"s%d" % (n % 3))
        builder.read(tool, "in")
        builder.write(tool, f"out{n % 4}", found=identity(inode=50 + n % 4))
        builder.close(tool, identity(inode=50 + n % 4, size=n))
        builder.exit(tool, n % 2)
        builder.wait(shell, 200 + n, n % 2 << 8)


@pytest.mark.parametrize("polls", [1, 2, 7])
def test_polls_give_the_same_graph(tmp_path: Path, polls: int):
    builder = TraceBuilder()
    busy(builder)
    folder = RunFolder(builder.write_run(tmp_path))
    segment = next(tmp_path.rglob("segment-*"))
    whole, files = segment.read_bytes(), PaperFiles()
    expected = stitch_traces(folder.run(), read(folder, ended=True), [], files)
    stitcher, reader = Stitcher(folder.run(), [], files), TraceReader(folder)
    for n in range(1, polls + 1):
        kept = 16384 + (len(whole) - 16384) * n // polls
        segment.write_bytes(whole[:kept].ljust(len(whole), b"\0"))
        for batch in reader.poll(ended=n == polls):
            stitcher.feed(batch)
    graph = stitcher.graph()
    assert len(graph.processes) == 41
    assert graph.accesses == expected.accesses
    assert graph == expected


def test_a_folder_is_stitched(tmp_path: Path):
    builder = TraceBuilder()
    busy(builder)
    graph = stitch(RunFolder(builder.write_run(tmp_path)), [])
    assert [process.status for process in graph.processes[:3]] == [0, 0, 1]
    assert len(graph.steps) == 3
    assert {version.path for version in graph.versions} >= {b"/w/in", b"/w/out0"}
