"""What the recorder wrote is what the reader gives: in any order, in any number of polls."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from expected import plain_images, plain_rows
from happenings import builders
from probe_core.capture.reader import Batch, TraceReader, read
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import Trace
from segments import HEADER, TraceBuilder

FOLDABLE = range(16, 20)


def in_folder(builder: TraceBuilder, **layout: object) -> Batch:
    with tempfile.TemporaryDirectory() as folder:
        builder.write_segments(Path(folder), **layout)  # type: ignore[arg-type]
        (trace,) = read(RunFolder(folder), ended=True)
    assert isinstance(trace, Batch)
    return trace


def same(made: Trace, wanted: Trace) -> None:
    assert plain_rows(made) == plain_rows(wanted)
    assert plain_images(made) == plain_images(wanted)
    assert (made.host, made.boot, made.key) == (wanted.host, wanted.boot, wanted.key)
    assert made.faults == []


@given(builders(), st.sampled_from([1024, 4096]))
def test_round_trip(builder: TraceBuilder, block_size: int) -> None:
    same(in_folder(builder, block_size=block_size), builder.trace())


@given(builders(), st.data())
def test_any_order_of_blocks_and_segments(builder: TraceBuilder, data: st.DataObject) -> None:
    count = sum(1 for _ in builder.blocks())
    order = data.draw(st.permutations(range(count)))
    same(in_folder(builder, order=order, per_segment=data.draw(st.integers(1, 3))), builder.trace())


def frames(content: bytes) -> Iterator[int]:
    """Give the offset of each frame of a sound segment."""
    at = HEADER
    while at + 40 <= len(content) and content[at : at + 4] == b"PBLK":
        size, used = struct.unpack_from("=II", content, at + 4)
        place = at + 40
        while place + 8 <= at + used:
            (length,) = struct.unpack_from("=i", content, place)
            if content[place + 4] == 1:
                break
            yield place
            place -= length
        at += size


def earlier(content: bytes, commits: dict[int, int], moment: int, zero: set[int]) -> bytes:
    """The segment as it was: later frames are claimed or half written, folds are not yet counted."""
    then = bytearray(content)
    for place, committed in commits.items():
        (length,) = struct.unpack_from("=i", content, place)
        if committed > moment:
            struct.pack_into("=i", then, place, 0 if place in zero else -length)
        elif content[place + 4] in FOLDABLE and committed == moment:
            struct.pack_into("=I", then, place + 12, 0)  # last
            struct.pack_into("=I", then, place + 16, 1)  # count
    return bytes(then)


def newest(batches: list[Batch]) -> list[tuple[object, ...]]:
    rows = {}
    for batch in batches:
        rows.update(zip(batch.ids, plain_rows(batch), strict=True))
    return [(frame, *row) for frame, row in sorted(rows.items())]


@given(builders(), st.data())
def test_polls_add_up_to_one_pass(builder: TraceBuilder, data: st.DataObject) -> None:
    polls = data.draw(st.integers(1, 4))
    with tempfile.TemporaryDirectory() as folder:
        (path,) = builder.write_segments(Path(folder))
        content = path.read_bytes()
        places = list(frames(content))
        commits = {place: data.draw(st.integers(0, polls)) for place in places}
        zero = set(data.draw(st.lists(st.sampled_from(places), max_size=3)))
        reader, batches = TraceReader(RunFolder(folder)), []
        for moment in range(polls):
            path.write_bytes(earlier(content, commits, moment, zero))
            batches += reader.poll()
        path.write_bytes(content)
        batches += reader.poll(ended=True)
        (whole,) = read(RunFolder(folder), ended=True)
        assert isinstance(whole, Batch)
        assert newest(batches) == newest([whole])
        assert sorted(map(repr, plain_images(batches[-1]))) == sorted(map(repr, plain_images(whole)))
        assert batches[-1].faults == whole.faults == []
        assert [len(batch) for batch in reader.poll(ended=True)] == [0], "nothing changed, nothing comes"


@given(builders())
def test_what_is_shown_once_is_not_shown_again(builder: TraceBuilder) -> None:
    with tempfile.TemporaryDirectory() as folder:
        builder.write_segments(Path(folder), per_segment=2)
        reader = TraceReader(RunFolder(folder))
        (first,) = reader.poll()
        assert plain_rows(first) == plain_rows(builder.trace())
        (second,) = reader.poll()
        assert len(second) == len(second.ids) == 0
