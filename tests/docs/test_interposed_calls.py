"""The page of interposed calls is made from the table, and is current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    tool = ROOT / "tools" / "interposed_calls.py"
    made = subprocess.run([sys.executable, tool], capture_output=True, text=True, check=True).stdout
    written = (ROOT / "docs" / "reference" / "interposed-calls.md").read_text()
    assert written == made, "run: python tools/interposed_calls.py > docs/reference/interposed-calls.md"


def test_every_row_stands_on_the_page() -> None:
    text = (ROOT / "docs" / "reference" / "interposed-calls.md").read_text()
    rows = re.findall(r"^(?:CALL|POINTER|CLOSES)\([^,]+, (\w+),|^(?:OPEN|BY_HAND|SKIP)\((\w+),",
                      (ROOT / "libprobe" / "calls.h").read_text(), re.MULTILINE)  # fmt: skip
    names = {first or second for first, second in rows}
    assert len(names) > 200
    assert {name for name in names if f"`{name}`" not in text} == set()
    assert "| nothing |" not in text
