"""The frame is declared once: what cffi reads of record.h is what the compiler makes of it."""

from __future__ import annotations

import re
import subprocess

import pytest

from notes import RECORD_H, ffi
from probe_core.capture import native, reader
from probe_core.capture.trace import NONE, Detail, Kind

TEXT = RECORD_H.read_text()
STRUCTS = re.findall(r"^struct (\w+) \{", TEXT, re.MULTILINE)


def constants(enum: str) -> dict[str, int]:
    names = native.ffi.typeof(f"enum {enum}").relements
    return {name.removeprefix("PROBE_"): value for name, value in names.items()}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory, needs) -> dict[str, list[int]]:
    """Ask the compiler: for each struct its size, then the offset of each field."""
    place = tmp_path_factory.mktemp("layout")
    lines = []
    for name in STRUCTS:
        fields = [field for field, _ in ffi.typeof(f"struct {name}").fields]
        values = [f"sizeof(struct {name})", *(f"offsetof(struct {name}, {field})" for field in fields)]
        lines.append(f'puts("{name}");' + "".join(f'printf("%zu\\n", (size_t){value});' for value in values))
    source = '#include <stdio.h>\n#include "segment.h"\nint main(void) {\n' + "\n".join(lines) + "\n}\n"
    (place / "layout.c").write_text(source)
    command = [needs("cc", package="gcc"), f"-I{RECORD_H.parent}", "-o", place / "layout", place / "layout.c"]
    subprocess.run(command, check=True)
    found: dict[str, list[int]] = {}
    for line in subprocess.run([place / "layout"], check=True, capture_output=True, text=True).stdout.split():
        if line.isdigit():
            found[name].append(int(line))
        else:
            found[name := line] = []
    return found


@pytest.mark.parametrize("name", STRUCTS)
def test_layout_is_what_was_compiled(name: str, compiled: dict[str, list[int]]) -> None:
    for read in (ffi.typeof(f"struct {name}"), native.ffi.typeof(f"struct {name}")):
        offsets = [ffi.offsetof(f"struct {name}", field) for field, _ in read.fields]
        assert [ffi.sizeof(f"struct {name}"), *offsets] == compiled[name]


def test_record_h_has_structs() -> None:
    assert {"probe_segment", "probe_block", "probe_frame", "probe_start", "probe_gap"} <= set(STRUCTS)


def test_kinds_are_those_of_record_h() -> None:
    assert {kind.name: kind.value for kind in Kind} | {"END": 1} == constants("probe_kind")


def test_details_are_those_of_record_h() -> None:
    assert {detail.name: detail.value for detail in Detail} == constants("probe_detail")


def test_none_is_the_same_on_both_sides() -> None:
    assert native.lib.READER_NONE == NONE


@pytest.mark.parametrize(
    ("layout", "name"),
    [(reader.IMAGE, "reader_image"), (reader.IDENTITY, "reader_identity"), (reader.USAGE, "reader_usage")],
)
def test_rows_are_unpacked_as_they_were_packed(layout: object, name: str) -> None:
    assert layout.size == native.ffi.sizeof(f"struct {name}")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("column", "code"), reader.COLUMNS.items())
def test_columns_have_the_same_width(column: str, code: str) -> None:
    pointer = dict(native.ffi.typeof("struct reader_view").fields)[column].type
    assert reader.array(code).itemsize == native.ffi.sizeof(pointer.item)


def test_every_reason_has_a_name() -> None:
    assert set(reader.REASONS) == set(native.ffi.typeof("enum reader_reason").elements)
