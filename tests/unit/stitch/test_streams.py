"""Inherited descriptors and pipes."""

from __future__ import annotations

import os

import pytest

from paper import PaperFiles
from probe_core.model import Act, GapReason, Run, RunGraph, RunState
from probe_core.stitch import stitch_traces
from segments import TraceBuilder, identity

RUN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me", state=RunState.ENDED)
PIPE = 0o010600


def stitched(builder: TraceBuilder, files: PaperFiles | None = None, **more) -> RunGraph:
    return stitch_traces(RUN, [builder.trace()], [], files or PaperFiles(), **more)


def told(graph: RunGraph, path: str) -> list[tuple[str, Act, int]]:
    table = graph.accesses
    return [
        (graph.execs[exec].program.decode().removeprefix("/bin/"), Act(act), graph.versions[version].ordinal)
        for exec, version, act in zip(table.exec, table.version, table.act, strict=True)
        if graph.versions[version].path == path.encode()
    ]


@pytest.fixture
def builder() -> TraceBuilder:
    return TraceBuilder()


def start(builder: TraceBuilder, pid: int, parent: int, name: str) -> int:
    return builder.start(pid, parent, f"/bin/{name}", [name], "/w")


def redirected(builder: TraceBuilder) -> None:
    """``sort < in > out`` as a shell does it."""
    shell = start(builder, 100, 1, "sh")
    child = builder.forked(shell, 101)
    found = identity(inode=5)
    builder.read(child, "in")
    builder.descriptor(child, identity(descriptor=0, inode=4, flags=os.O_RDONLY), "/w/in")
    builder.write(child, "out", found=found)
    builder.descriptor(child, identity(descriptor=1, inode=5, flags=os.O_WRONLY), "/w/out")
    builder.exec(child, "/bin/sort")
    sort = start(builder, 101, 100, "sort")
    builder.descriptor(sort, identity(descriptor=0, inode=4, flags=os.O_RDONLY))
    builder.descriptor(sort, identity(descriptor=1, inode=5, flags=os.O_WRONLY))


def test_redirections_belong_to_the_program(builder):
    redirected(builder)
    graph = stitched(builder)
    assert told(graph, "/w/in") == [("sh", Act.READ, 0), ("sort", Act.INHERITED_READ, 0)]
    assert told(graph, "/w/out") == [("sh", Act.WRITE, 1), ("sort", Act.INHERITED_WRITE, 1)]
    (version,) = [version for version in graph.versions if version.path == b"/w/out"]
    assert graph.execs[version.made_by].program == b"/bin/sort"


def test_read_in_between_is_a_version_in_between(builder):
    shell = start(builder, 100, 1, "sh")
    builder.write(shell, "log", found=identity(inode=5))
    for pid, name in ((101, "first"), (103, "second")):
        one = start(builder, pid, 100, name)
        builder.descriptor(one, identity(descriptor=1, inode=5, flags=os.O_WRONLY))
        builder.read(start(builder, pid + 1, 100, f"after-{name}"), "log")
    graph = stitched(builder)
    assert told(graph, "/w/log") == [
        ("sh", Act.WRITE, 1), ("first", Act.INHERITED_WRITE, 1), ("after-first", Act.READ, 1),
        ("second", Act.INHERITED_WRITE, 2), ("after-second", Act.READ, 2),
    ]  # fmt: skip
    made = [version.made_by for version in graph.versions if version.path == b"/w/log"]
    assert [graph.execs[number].program for number in made] == [b"/bin/first", b"/bin/second"]


def test_a_descriptor_that_is_no_standard_stream_does_not_make_the_maker(builder):
    one = start(builder, 100, 1, "writer")
    builder.write(one, "data", found=identity(inode=5))
    child = start(builder, 101, 100, "child")
    builder.descriptor(child, identity(descriptor=7, inode=5, flags=os.O_WRONLY))
    graph = stitched(builder)
    assert told(graph, "/w/data")[-1] == ("child", Act.INHERITED_WRITE, 1)
    (version,) = [version for version in graph.versions if version.path == b"/w/data"]
    assert version.made_by == 0


def test_what_the_launcher_inherited_has_a_name(builder):
    one = start(builder, 100, 1, "sh")
    builder.descriptor(one, identity(descriptor=1, inode=5, flags=os.O_WRONLY))
    graph = stitched(builder, descriptors=[(b"/home/log", 0x801, 5)])
    assert told(graph, "/home/log") == [("sh", Act.INHERITED_WRITE, 1)]


def test_a_file_is_found_by_what_else_was_read(builder):
    one = start(builder, 100, 1, "sh")
    builder.descriptor(one, identity(descriptor=0, inode=5, flags=os.O_RDONLY))
    builder.lookup(one, "data")
    graph = stitched(builder, PaperFiles().file("/w/data", inode=5))
    assert told(graph, "/w/data") == [("sh", Act.INHERITED_READ, 0), ("sh", Act.LOOKUP, 0)]


def test_a_file_without_a_name_is_a_gap(builder):
    one = start(builder, 100, 1, "sh")
    builder.descriptor(one, identity(descriptor=3, inode=77, flags=os.O_RDONLY))
    (gap,) = stitched(builder).gaps
    assert gap.reason is GapReason.UNKNOWN_DESCRIPTOR
    assert b"77" in gap.about
    assert gap.exec == 0


def test_terminals_and_pipes_are_no_files(builder):
    one = start(builder, 100, 1, "sh")
    builder.descriptor(one, identity(descriptor=0, mode=0o020620, inode=3), "/dev/pts/0")
    builder.descriptor(one, identity(descriptor=1, mode=PIPE, inode=9, flags=os.O_WRONLY))
    graph = stitched(builder)
    assert {version.path for version in graph.versions} == {b"/bin/sh"}
    assert graph.gaps == []


def hold(builder: TraceBuilder, image: int, descriptor: int, flags: int, inode: int = 9) -> None:
    builder.descriptor(image, identity(descriptor=descriptor, mode=PIPE, device=14, inode=inode, flags=flags))


def test_a_pipeline(builder):
    shell = start(builder, 100, 1, "sh")
    builder.pipe(shell, 3, 4, 9)
    for pid, name, descriptor, flags in ((101, "sort", 1, os.O_WRONLY), (102, "uniq", 0, os.O_RDONLY)):
        child = builder.forked(shell, pid)
        hold(builder, child, descriptor, flags)
        builder.exec(child, f"/bin/{name}")
        hold(builder, start(builder, pid, 100, name), descriptor, flags)
    graph = stitched(builder)
    (channel,) = graph.channels
    names = [[graph.execs[number].program for number in side] for side in (channel.writers, channel.readers)]
    assert names == [[b"/bin/sort"], [b"/bin/uniq"]]
    assert (channel.kind, channel.name) == ("pipe", "pipe:[9]")


def test_the_maker_of_a_pipe_reads_where_nobody_else_does(builder):
    shell = start(builder, 100, 1, "sh")
    builder.pipe(shell, 3, 4, 9)
    hold(builder, start(builder, 101, 100, "date"), 1, os.O_WRONLY)
    (channel,) = stitched(builder).channels
    assert (channel.writers, channel.readers) == ((1,), (0,))


def test_a_pipe_with_one_party_is_none(builder):
    shell = start(builder, 100, 1, "sh")
    builder.pipe(shell, 3, 4, 9)
    hold(builder, shell, 0, os.O_RDONLY, inode=10)
    assert stitched(builder).channels == []


def test_a_job_server_is_no_channel(builder):
    make = start(builder, 100, 1, "make")
    builder.pipe(make, 3, 4, 9)
    inner = start(builder, 101, 100, "make")
    hold(builder, inner, 3, os.O_RDONLY)
    hold(builder, inner, 4, os.O_WRONLY)
    assert stitched(builder).channels == []


def test_a_descriptor_left_open_is_no_reader(builder):
    shell = start(builder, 100, 1, "bash")
    builder.pipe(shell, 3, 4, 9)
    hold(builder, start(builder, 101, 100, "sort"), 1, os.O_WRONLY)
    hold(builder, start(builder, 102, 100, "other"), 63, os.O_RDONLY)
    diff = builder.start(103, 100, "/bin/diff", ["diff", "/dev/fd/63"], "/w")
    hold(builder, diff, 63, os.O_RDONLY)
    (channel,) = stitched(builder).channels
    assert (channel.writers, channel.readers) == ((1,), (3,))


def test_one_standard_input_for_all_children_is_no_channel(builder):
    make = start(builder, 100, 1, "make")
    builder.pipe(make, 3, 4, 9)
    first = start(builder, 101, 100, "cc")
    hold(builder, first, 0, os.O_RDONLY)
    hold(builder, start(builder, 102, 101, "cc1"), 0, os.O_RDONLY)
    assert stitched(builder).channels[0].readers == (1, 2)
    hold(builder, start(builder, 103, 100, "cc"), 0, os.O_RDONLY)
    assert stitched(builder).channels == []
