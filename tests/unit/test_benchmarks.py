"""The benchmarks' own arithmetic: when a bar is decided, and what stays in the table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    for name in ("bars", "measure", "table"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize(
    ("bar", "rounds", "told"),
    [
        ("≤ 1.2", 8, "wall holds, CPU holds"),
        ("wall ≤ 1.05, CPU ≤ 1.2", 8, "missed, holds"),
        ("CPU ≤ 1.1", 8, "open"),
        ("CPU ≤ 1.2", 5, "open"),
        ("adds ≤ 0.5 s", 8, "holds (adds 0.200 (0.200–0.200) s)"),
        ("adds ≤ 0.05 s CPU", 8, "missed (adds 0.105 (0.100–0.110) s CPU)"),
        ("", 8, "–"),
    ],
)
def test_a_bar_is_decided_by_the_whole_interval(bar: str, rounds: int, told: str) -> None:
    from bars import decided
    from measure import Sample

    native = [Sample(2.0, 1.0, 0)] * rounds
    recorded = [Sample(2.2, 1.09 + 0.01 * (number % 2 + 1), 0) for number in range(rounds)]
    assert decided(bar, recorded, native) == told


def test_a_measured_row_takes_the_place_of_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import table

    monkeypatch.setattr(table, "FILE", tmp_path / "table.md")
    order = ["first", "second", "third"]
    for name, wall in (("third", "3"), ("first", "1"), ("third", "4")):
        table.keep({"workload": name, "bar": "≤ 1.1", "wall": wall}, order)
    lines = (tmp_path / "table.md").read_text().splitlines()
    rows = [line.split(" | ")[:4] for line in lines if line.startswith("| ")]
    assert rows[2:] == [["| first", "≤ 1.1", "", "1"], ["| third", "≤ 1.1", "", "4"]]
