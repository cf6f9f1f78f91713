"""The table in docs/evidence/benchmarks.md: measured rows take the place of older ones, the others stay."""

from __future__ import annotations

import os
import platform
from datetime import date
from pathlib import Path

FILE = Path(__file__).parents[1] / "docs/evidence/benchmarks.md"
COLUMNS = ("workload", "bar", "decided", "wall", "CPU", "CPU with the taking in", "empty library: wall",
           "strace: wall", "rounds", "measured")  # fmt: skip
HEAD = """# What recording costs, bar by bar

Written by `make bench`; `make bench B="--rounds 20 recipes"` measures the rows whose name has that word anew.
Ratios to the native run in the same round, median and 95 % interval. A bar holds, or is missed, when the
whole interval lies on one side of it; else, and below six rounds, it is open. A large run is taken in after
the command's end, with low priority, which is not in `wall` and `CPU`; `CPU with the taking in` has all.
"measured" tells the machine, and its load when the row began.

"""


def machine() -> str:
    """Tell when and where: the date, the kernel, the processors, and how many programs wanted them."""
    cores = os.cpu_count()
    return f"{date.today()}, Linux {platform.release()}, {cores} cores, load {os.getloadavg()[0]:.1f}"


def keep(row: dict[str, str], order: list[str]) -> None:
    """Put a row into the table, which stands in the order of ``order`` (names of workloads)."""
    rows = _rows()
    rows[row["workload"]] = row
    known = {name: place for place, name in enumerate(order)}
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    for name in sorted(rows, key=lambda name: known.get(name, len(known))):
        lines.append(_line(rows[name].get(column, "") for column in COLUMNS))
    FILE.write_text(HEAD + "\n".join(lines) + "\n")


def _rows() -> dict[str, dict[str, str]]:
    try:
        lines = [line for line in FILE.read_text().splitlines() if line.startswith("| ")]
    except FileNotFoundError:
        return {}
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = [dict(zip(cells[0], row, strict=False)) for row in cells[1:] if set(row[0]) != {"-"}]
    return {row["workload"]: row for row in rows}


def _line(cells: object) -> str:
    return "| " + " | ".join(cells) + " |"  # type: ignore[arg-type]
