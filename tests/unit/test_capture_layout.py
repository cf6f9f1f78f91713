"""The frame is declared once: what cffi reads of record.h is what the compiler makes of it."""

from __future__ import annotations

import re

import pytest

from notes import RECORD_H, ffi
from probe_core.capture import _reader, reader
from probe_core.capture.trace import NONE, Detail, Kind

TEXT = RECORD_H.read_text()
STRUCTS = re.findall(r"^struct (\w+) \{", TEXT, re.MULTILINE)


def constants(enum: str) -> dict[str, int]:
    names = _reader.ffi.typeof(f"enum {enum}").relements
    return {name.removeprefix("PROBE_"): value for name, value in names.items()}


@pytest.mark.parametrize("name", STRUCTS)
def test_layout_is_what_was_compiled(name: str) -> None:
    read, compiled = ffi.typeof(f"struct {name}"), _reader.ffi.typeof(f"struct {name}")
    assert ffi.sizeof(read) == _reader.ffi.sizeof(compiled)
    assert [field for field, _ in read.fields] == [field for field, _ in compiled.fields]
    for field, _ in read.fields:
        assert ffi.offsetof(read, field) == _reader.ffi.offsetof(compiled, field), field


def test_record_h_has_structs() -> None:
    assert {"probe_segment", "probe_block", "probe_frame", "probe_start", "probe_gap"} <= set(STRUCTS)


def test_kinds_are_those_of_record_h() -> None:
    assert {kind.name: kind.value for kind in Kind} | {"END": 1} == constants("probe_kind")


def test_details_are_those_of_record_h() -> None:
    assert {detail.name: detail.value for detail in Detail} == constants("probe_detail")


def test_none_is_the_same_on_both_sides() -> None:
    assert _reader.lib.READER_NONE == NONE


@pytest.mark.parametrize(
    ("layout", "name"),
    [(reader.IMAGE, "reader_image"), (reader.IDENTITY, "reader_identity"), (reader.USAGE, "reader_usage")],
)
def test_rows_are_unpacked_as_they_were_packed(layout: object, name: str) -> None:
    assert layout.size == _reader.ffi.sizeof(f"struct {name}")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("column", "code"), reader.COLUMNS.items())
def test_columns_have_the_same_width(column: str, code: str) -> None:
    pointer = dict(_reader.ffi.typeof("struct reader_view").fields)[column].type
    assert reader.array(code).itemsize == _reader.ffi.sizeof(pointer.item)


def test_every_reason_has_a_name() -> None:
    assert set(reader.REASONS) == set(_reader.ffi.typeof("enum reader_reason").elements)
