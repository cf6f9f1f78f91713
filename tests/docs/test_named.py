"""What the documents name and link is there: files, tests, and other documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]  # fmt: skip
FOLDERS = "tests|tools|benchmarks|examples|libprobe|probe_core|docs"
OF_OTHERS = {"tests/tests.py"}  # Snakemake's
TESTS = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_is_there(document: Path) -> None:
    text = document.read_text()
    for name in set(re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text)) - OF_OTHERS:
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert any(path.name == name for path in TESTS), name
    ours = "" if document.stem == "snakemake-suite" else text  # that one names Snakemake's own tests
    for name in re.findall(r"`(test_\w+)(?:…|\.{3})?`", ours):
        assert any(f"def {name}" in source for source in TESTS.values()), name
    for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target
