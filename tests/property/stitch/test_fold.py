"""Stitching as a fold: batches give what the whole gives, and the bulk way what the walk gives."""

from __future__ import annotations

import errno
from array import array
from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from paper import PaperFiles
from probe_core.capture.trace import Detail, Trace
from probe_core.model import Run, RunGraph, RunState
from probe_core.stitch import Stitcher, core, stitch_traces
from segments import EPOCH, TraceBuilder, identity

RUN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me", state=RunState.ENDED)
NAMES = ["a", "b", "c", "link", "/dev/null", "d/x", "../w/a"]
FILES = PaperFiles().file("/w/a").file("/w/b", inode=2, changed=EPOCH + 10**12).link("/w/link", "b")
FILES.file("/w/d", kind="directory")

CHANGES = ["write", "remove", "rename", "link", "exec", "hold", "close"]
NAME = st.sampled_from(NAMES)
ACTION = st.one_of(
    st.tuples(st.just("read"), NAME, NAME, st.sampled_from([0, 0, errno.ENOENT, errno.EACCES])),
    st.tuples(st.just("lookup"), NAME, NAME, st.sampled_from([0, errno.ENOENT])),
    st.tuples(st.just("no-follow"), NAME, NAME, st.just(0)),
    st.tuples(st.sampled_from(CHANGES), NAME, NAME, st.just(0)),
)
SCRIPT = st.lists(st.tuples(st.integers(0, 2), ACTION), max_size=25)


def played(script) -> Trace:
    """A trace of three programs that do what the script says."""
    builder = TraceBuilder()
    parents = [1, 100, 100]
    images = [
        builder.start(100 + n, parents[n], "/bin/sh", ["sh"], "/w", step=b"s%d" % n) for n in range(3)
    ]
    for who, (what, name, other, error) in script:
        image, found = images[who], identity(inode=10 + NAMES.index(name), modified=builder.clock)
        match what:
            case "read":
                builder.read(image, name, error=error, count=2, last=builder.clock + 50_000)
            case "lookup":
                builder.lookup(image, name, error=error)
            case "no-follow":
                builder.lookup(image, name, detail=Detail.NO_FOLLOW)
            case "write":
                builder.write(image, name, found=found)
            case "close":
                builder.close(image, found)
            case "remove":
                builder.remove(image, name)
            case "rename" | "link":
                getattr(builder, what)(image, name, other, device=found.device, inode=found.inode)
            case "hold":
                builder.descriptor(image, found._replace(descriptor=1, flags=1))
            case "exec":
                builder.exec(image, "/bin/x", ["x"])
                images[who] = builder.start(100 + who, parents[who], "/bin/x", ["x", name], "/w")
    return builder.trace()


COLUMNS = [one.name for one in fields(Trace) if isinstance(getattr(Trace("", ""), one.name), array)]


def cut(trace: Trace, batch_of: list[int]) -> list[Trace]:
    """The rows of each batch, with tables of their own and only the images begun so far."""
    batches = []
    for number in range(max(batch_of, default=0) + 1):
        rows = [row for row, batch in enumerate(batch_of) if batch == number]
        made = replace(trace, usage={}, arguments={}, faults=[], images=list(trace.images))
        for name in COLUMNS:
            column = getattr(trace, name)
            setattr(made, name, array(column.typecode, [column[row] for row in rows]))
        for name in ("usage", "arguments"):
            table = getattr(trace, name)
            setattr(made, name, {place: table[row] for place, row in enumerate(rows) if row in table})
        batches.append(made)
    return batches


def same(one: RunGraph, other: RunGraph) -> bool:
    assert one.accesses == other.accesses
    assert one.versions == other.versions
    return one == other


class Asked(PaperFiles):
    """Files of which nothing is known before each path was asked for."""

    def absent(self, path: bytes) -> bool:
        return not path  # none is empty


def by_place(graph: RunGraph) -> tuple[list, list]:
    """What a graph says of files, whatever their numbers."""
    places = [(version.path, version.ordinal) for version in graph.versions]
    table = graph.accesses
    columns = zip(table.exec, table.act, table.first, table.last, table.count, table.error, strict=True)
    rows = [(places[version], *row) for version, row in zip(table.version, columns, strict=True)]
    versions = sorted((replace(one, number=0) for one in graph.versions), key=repr)
    return versions, sorted(rows)


@given(SCRIPT, st.data())
def test_any_batches_give_the_same_graph(script, data):
    trace = played(script)
    size = len(trace)
    batch_of = data.draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    stitcher = Stitcher(RUN, [], FILES)
    for batch in cut(trace, batch_of):
        stitcher.feed(batch)
        stitcher.graph()
    assert same(stitcher.graph(), stitch_traces(RUN, [trace], [], FILES))


@given(SCRIPT)
def test_bulk_is_the_walk(script):
    trace = played(script)
    usual = stitch_traces(RUN, [trace], [], FILES)
    marks = core._Stitching._marks
    try:
        core._Stitching._marks = lambda *given: bytearray(
            core.WALKED if mark == core.BULK else mark for mark in marks(*given)
        )
        walked = stitch_traces(RUN, [trace], [], FILES)
    finally:
        core._Stitching._marks = marks
    assert by_place(usual) == by_place(walked)
    assert (usual.gaps, usual.execs, usual.channels) == (walked.gaps, walked.execs, walked.channels)


@given(SCRIPT)
def test_paths_that_were_never_there_are_told_as_all_others(script):
    trace = played(script)
    asked = Asked(FILES.facts, FILES.links)
    one, other = stitch_traces(RUN, [trace], [], FILES), stitch_traces(RUN, [trace], [], asked)
    assert by_place(one) == by_place(other)


@given(SCRIPT)
def test_what_always_holds(script):
    graph = stitch_traces(RUN, [played(script)], [], FILES)
    table = graph.accesses
    assert list(table.first) == sorted(table.first)
    assert all(first <= last for first, last in zip(table.first, table.last, strict=True))
    assert all(number < len(graph.execs) for number in table.exec)
    assert all(number < len(graph.versions) for number in table.version)
    for things in (graph.processes, graph.execs, graph.versions, graph.steps, graph.channels):
        assert [thing.number for thing in things] == list(range(len(things)))
    places = [(version.path, version.ordinal) for version in graph.versions]
    told = len(graph.versions.told)
    assert places == sorted(set(places[:told])) + sorted(set(places[told:]) - set(places[:told]))
    touched = set(table.version)
    assert all(version.number in touched or version.made_by is not None for version in graph.versions)
