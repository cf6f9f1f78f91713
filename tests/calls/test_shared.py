"""Paths that stand in earlier frames (PROBE_SHARED): what is said of them, how much they take, and damage."""

from __future__ import annotations

import os
import random
import struct
from collections import Counter
from pathlib import Path

import pytest

from calls.frames import AT, Frame, segments
from calls.recorded import Recorded, program, record
from probe_core.capture.reader import read
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import NONE, Kind, Trace

FOLDABLE = ("READ", "LOOKUP", "LIST", "LOAD")
SHARED = 1 << 14


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record([program("shared", "-pthread")], tmp_path_factory.mktemp("shared"))


def trace_of(folder: Path) -> Trace:
    (trace,) = read(RunFolder(folder), ended=True)
    return trace


def joined(frames: list[Frame]) -> Counter[tuple[str, bytes, int, int]]:
    """What frames say of paths, made absolute here by the simplest of means."""
    found: Counter[tuple[str, bytes, int, int]] = Counter()
    places: dict[int, str] = {}
    directories: dict[tuple[int, int], str] = {}
    for frame in frames:
        match frame.kind:
            case "START" | "FORKED":
                places[frame.exec] = frame.texts[1]
            case "PLACE":
                places[frame.exec] = frame.path
            case "DIRECTORY":
                directories[frame.exec, frame.more["key"]] = frame.path
            case kind if kind in FOLDABLE:
                below = places[frame.exec]
                if frame.detail & AT:
                    below = directories[frame.exec, frame.more["directory"]]
                path = os.path.normpath(f"{below}/{frame.path}" if frame.path[0] != "/" else frame.path)
                found[kind, os.fsencode(path), frame.error, frame.more["count"]] += 1
    return found


def of_trace(trace: Trace) -> Counter[tuple[str, bytes, int, int]]:
    rows = zip(map(Kind, trace.kind), trace.path, trace.error, trace.count, strict=True)
    return Counter(
        (kind.name, trace.paths[path], error, count)
        for kind, path, error, count in rows
        if kind.name in FOLDABLE and path != NONE
    )


def places_of_shared(content: bytes) -> list[int]:
    """Where frames with the bit begin, found without walking: head, kind, bit and size are enough here."""
    found = []
    for at in range(16384, len(content) - 24, 8):
        size, kind, _, detail = struct.unpack_from("<iBBH", content, at)
        if -4200 < size < 0 and 16 <= kind <= 19 and detail & SHARED:
            found.append(at)
    return found


def test_two_readers_agree(shared: Recorded) -> None:
    trace = trace_of(shared.folder)
    assert trace.faults == []
    assert of_trace(trace) == joined(shared.frames)


def test_a_path_is_written_once_in_an_exec(shared: Recorded) -> None:
    (segment,) = segments(shared.folder)
    content = segment.read_bytes()
    assert content.count(b"/etc/no-such-folder/file") == 1  # in full: the folder stands only there
    assert content.count(b"file2\0") == 7  # one a folder, also by thread; the fork child has its own


def test_what_refers_to_nothing_is_a_fault(shared: Recorded, tmp_path: Path) -> None:
    """Each reference in turn leads astray: the frame is left out and told, the others stay as they were."""
    (segment,) = segments(shared.folder)
    content = segment.read_bytes()
    whole = of_trace(trace_of(shared.folder))
    chance = random.Random(1)
    for at in chance.sample(places_of_shared(content), 12):
        for wrong in (0, at // 8, at // 8 + 1, 16384 // 8, 2**32 - 1):
            damaged = bytearray(content)
            struct.pack_into("<I", damaged, at + 20, wrong)
            (tmp_path / segment.name).write_bytes(damaged)
            trace = trace_of(tmp_path)
            assert (whole - of_trace(trace)).total() >= 1
            assert not of_trace(trace) - whole
            assert any(fault.offset == at for fault in trace.faults)
