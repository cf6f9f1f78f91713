"""What the reader makes of sound, damaged and foreign segments."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from expected import plain_rows
from probe_core.capture.reader import TraceReader, parse_environment, read
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import NONE, Fault, Kind, Trace
from probe_core.errors import SegmentError
from segments import EPOCH, HEADER, TICK, TraceBuilder, ffi


def shell(**more: object) -> tuple[TraceBuilder, int]:
    builder = TraceBuilder()
    return builder, builder.start(100, 1, "/bin/sh", ["sh"], "/work", **more)  # type: ignore[arg-type]


def written(builder: TraceBuilder, folder: Path) -> Trace:
    builder.write_segments(folder)
    (trace,) = read(RunFolder(folder), ended=True)
    return trace


def change(path: Path, layout: str, offset: int, value: object) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, offset, value)
    path.write_bytes(content)


def header(field: str) -> int:
    return ffi.offsetof("struct probe_segment", field)


def texts(trace: Trace, column: str = "path") -> list[bytes | None]:
    return [None if number == NONE else trace.paths[number] for number in getattr(trace, column)]


def test_paths_are_absolute_and_tidy(tmp_path: Path) -> None:
    builder, image = shell()
    for path in ("a", "./b//c/.", "../d", "/e/", "//", "."):
        builder.read(image, path)
    builder.place(image, "/other")
    builder.read(image, "f")
    found = texts(written(builder, tmp_path))
    assert found[1:7] == [b"/work/a", b"/work/b/c", b"/work/../d", b"/e", b"/", b"/work"]
    assert found[8] == b"/other/f"


def test_a_forked_child_has_its_own_directory(tmp_path: Path) -> None:
    builder, image = shell()
    child = builder.forked(image, 101)
    builder.place(child, "/child")
    builder.read(child, "a")
    builder.read(image, "a")
    assert texts(written(builder, tmp_path))[-2:] == [b"/child/a", b"/work/a"]


def test_a_directory_descriptor_counts_for_its_image(tmp_path: Path) -> None:
    builder, image = shell()
    other = builder.start(101, 100, "/bin/ls", ["ls"], "/work")
    builder.directory(image, 7, "/first")
    builder.read(image, "a", directory=7)
    builder.directory(image, 7, "/second")
    builder.read(image, "a", directory=7)
    builder.read(other, "a", directory=7)
    trace = written(builder, tmp_path)
    assert texts(trace)[-3:] == [b"/first/a", b"/second/a", None]
    assert [(fault.reason, fault.image) for fault in trace.faults] == [("unknown directory", 1)]


def test_a_link_keeps_its_content(tmp_path: Path) -> None:
    builder, image = shell()
    builder.symlink(image, "../to/./there", "name")
    trace = written(builder, tmp_path)
    assert texts(trace)[-1] == b"../to/./there"
    assert texts(trace, "second")[-1] == b"/work/name"


def test_repetitions(tmp_path: Path) -> None:
    builder, image = shell()
    builder.read(image, "a", at=EPOCH + TICK, last=EPOCH + 9 * TICK, count=5)
    trace = written(builder, tmp_path)
    assert (trace.when[-1], trace.last[-1], trace.count[-1]) == (EPOCH + TICK, EPOCH + 9 * TICK, 5)


def test_an_image_begins_with_its_start(tmp_path: Path) -> None:
    builder, image = shell(at=EPOCH + 5 * TICK)
    builder.read(image, "a", at=EPOCH, thread=7)
    trace = written(builder, tmp_path)
    assert list(trace.kind) == [Kind.START, Kind.READ]
    assert trace.images[0].started == trace.when[0] == EPOCH


def test_sets_may_stand_in_any_segment(tmp_path: Path) -> None:
    builder, _ = shell(environment={"A": "1"}, libraries=["/l"])
    builder.start(101, 100, "/bin/ls", ["ls"], "/work", environment={"A": "1"}, libraries=["/l"])
    blocks = len(list(builder.blocks()))
    builder.write_segments(tmp_path, per_segment=1, order=list(reversed(range(blocks))))
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert [image.environment for image in trace.images] == [0, 0]
    assert [image.libraries for image in trace.images] == [(b"/l",), (b"/l",)]
    assert [(name, value) for name, _, value in trace.environments[0]] == [(b"A", b"1")]


def find_frame(content: bytes, kind: Kind) -> int:
    at = HEADER + 40
    while content[at + 4] != kind:
        at += -struct.unpack_from("=i", content, at)[0]
    return at


def tear(builder: TraceBuilder, folder: Path, kind: Kind) -> int:
    """Write the segments with the first frame of a kind not committed; its offset."""
    (path,) = builder.write_segments(folder)
    at = find_frame(path.read_bytes(), kind)
    (size,) = struct.unpack_from("=i", path.read_bytes(), at)
    change(path, "=i", at, -size)
    return at


def test_a_torn_environment_is_not_known(tmp_path: Path) -> None:
    builder, _ = shell(environment={"A": "1"})
    at = tear(builder, tmp_path, Kind.ENVIRON)
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert trace.images[0].environment is None
    assert trace.environments == []
    assert trace.faults == [Fault("segment-host-0", at, "torn", 1, 0)]


def test_an_image_without_start(tmp_path: Path) -> None:
    builder, image = shell()
    builder.read(image, "/a")
    builder.read(image, "a")
    tear(builder, tmp_path, Kind.START)
    (trace,) = read(RunFolder(tmp_path), ended=True)
    (image_made,) = trace.images
    assert (image_made.program, image_made.pid, image_made.arguments) == (b"", 100, ())
    assert texts(trace) == [b"/a", None]
    assert {fault.reason for fault in trace.faults} == {"torn", "no start", "unknown directory"}


def test_what_is_being_written_is_no_fault(tmp_path: Path) -> None:
    builder, image = shell()
    builder.read(image, "a")
    tear(builder, tmp_path, Kind.READ)
    (trace,) = read(RunFolder(tmp_path), ended=False)
    assert trace.faults == []
    assert list(trace.kind) == [Kind.START]


def test_a_unit_that_nobody_filled_is_skipped(tmp_path: Path) -> None:
    builder, _ = shell()
    blocks = [bytes(1024), *builder.blocks(), bytes(2048)]
    (tmp_path / "segment-host-0").write_bytes(builder.segment(blocks))
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert plain_rows(trace) == plain_rows(builder.trace())
    assert trace.faults == []


def test_unknown_kinds_are_counted(tmp_path: Path) -> None:
    builder, image = shell()
    builder.read(image, "a")
    builder.read(image, "b")
    (path,) = builder.write_segments(tmp_path)
    for _ in range(2):
        change(path, "=B", find_frame(path.read_bytes(), Kind.READ) + 4, 200)
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert [(fault.reason, fault.count, fault.image) for fault in trace.faults] == [("unknown kind", 2, 0)]
    assert list(trace.kind) == [Kind.START]


def test_lost_frames_are_told(tmp_path: Path) -> None:
    builder, _ = shell()
    (path,) = builder.write_segments(tmp_path)
    change(path, "=Q", header("lost"), 17)
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert [(fault.reason, fault.count) for fault in trace.faults] == [("lost", 17)]


def test_hosts_and_boots_are_traces_of_their_own(tmp_path: Path) -> None:
    builder, _ = shell()
    other = TraceBuilder(host="node-2")
    other.start(5, 1, "/bin/ls", ["ls"], "/")
    builder.write_segments(tmp_path)
    other.write_segments(tmp_path)
    assert [(trace.host, len(trace)) for trace in read(RunFolder(tmp_path), ended=True)] == [
        ("host", 1),
        ("node-2", 1),
    ]


def test_no_segments_no_traces(tmp_path: Path) -> None:
    assert read(RunFolder(tmp_path), ended=True) == []


@pytest.mark.parametrize(
    ("offset", "layout", "value", "said"),
    [
        (0, "=B", 0x7F, "not a segment"),
        (8, "=I", 2, "of version 2, and this PROBE reads 1"),
        (8, "=I", 0, "no version 0"),
        (12, "=I", 100, "header cannot have 100 bytes"),
    ],
)
def test_a_foreign_segment_is_told(tmp_path: Path, offset: int, layout: str, value: int, said: str) -> None:
    builder, _ = shell()
    (path,) = builder.write_segments(tmp_path)
    change(path, layout, offset, value)
    with pytest.raises(SegmentError, match=said) as caught:
        read(RunFolder(tmp_path), ended=True)
    assert caught.value.offset == offset
    assert str(caught.value).startswith(f"{path} cannot be read at byte {offset}: ")


def test_one_foreign_segment_among_good_ones_is_a_fault(tmp_path: Path) -> None:
    builder, _ = shell()
    builder.write_segments(tmp_path)
    (tmp_path / "segment-host-1").write_bytes(b"something else")
    (tmp_path / "segment-host-2").mkdir()
    (trace,) = read(RunFolder(tmp_path), ended=True)
    assert len(trace) == 1
    assert [fault.segment for fault in trace.faults] == ["segment-host-1", "segment-host-2"]
    assert all(fault.reason.startswith("unreadable: ") for fault in trace.faults)


def test_a_newer_segment_among_good_ones_is_not_thrown_away(tmp_path: Path) -> None:
    builder, _ = shell()
    builder.start(101, 1, "/bin/ls", ["ls"], "/")
    *_, last = builder.write_segments(tmp_path, per_segment=1)
    change(last, "=I", 8, 2)
    with pytest.raises(SegmentError, match="use a newer one"):
        read(RunFolder(tmp_path), ended=True)


def test_the_other_order_of_bytes_is_named(tmp_path: Path) -> None:
    builder, _ = shell()
    (path,) = builder.write_segments(tmp_path)
    change(path, ">I", 8, 1)
    with pytest.raises(SegmentError, match="the other order of bytes"):
        read(RunFolder(tmp_path), ended=True)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    builder, _ = shell()
    (tmp_path / "elsewhere").mkdir()
    (real,) = builder.write_segments(tmp_path / "elsewhere")
    (tmp_path / real.name).symlink_to(real)
    with pytest.raises(SegmentError, match="symbolic link"):
        read(RunFolder(tmp_path), ended=True)


def test_a_set_that_comes_later_is_joined(tmp_path: Path) -> None:
    builder, _ = shell(environment={"A": "1"})
    at = tear(builder, tmp_path, Kind.ENVIRON)
    reader = TraceReader(RunFolder(tmp_path))
    (first,) = reader.poll()
    assert first.images[0].environment is None
    path = tmp_path / "segment-host-0"
    (size,) = struct.unpack_from("=i", path.read_bytes(), at)
    change(path, "=i", at, -size)
    (second,) = reader.poll()
    assert second.images[0].environment == 0
    assert len(second) == 0


def test_a_fold_comes_again_under_its_id(tmp_path: Path) -> None:
    builder, image = shell()
    builder.read(image, "a")
    builder.read(image, "b")
    (path,) = builder.write_segments(tmp_path)
    reader = TraceReader(RunFolder(tmp_path))
    (first,) = reader.poll()
    at = find_frame(path.read_bytes(), Kind.READ)
    change(path, "=I", at + 16, 4)
    (second,) = reader.poll()
    assert (list(second.kind), list(second.count), texts(second)) == ([Kind.READ], [4], [b"/work/a"])
    assert list(second.ids) == [first.ids[1]]


@pytest.mark.parametrize("cut", [1, 8, 9, 12])
def test_a_set_that_is_cut_is_none(cut: int) -> None:
    whole = struct.pack("=Q", 5) + b"A\0=1\0"
    assert parse_environment(whole, 1) == ((b"A", 5, b"1"),)
    assert parse_environment(whole[:-cut], 1) is None
    assert parse_environment(whole, 2) is None
