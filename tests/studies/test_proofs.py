"""How the study shows that a finding is a fault, on Makefiles of which it is known."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from workflows import run, write

sys.path.insert(0, str(Path(__file__).parent))

import proofs
from packages import Built, Fault

FILES = {
    "Makefile": """all: user gen.txt tidy renamed passing other
user: one.txt
\tcat one.txt two.txt gen.txt > $@ 2>/dev/null || cat one.txt two.txt > $@
gen.txt: one.txt
\tcat one.txt one.txt > gen.txt
tidy: one.txt three.txt
\tcat one.txt > $@; echo left > left.txt; echo first > both.txt
renamed: one.txt
\tcp one.txt $@-renamed
passing: passed
\tcat passed > $@ && rm passed
passed: one.txt
\tcat one.txt two.txt > $@
other: both.txt
\tcat both.txt > $@
both.txt:
\techo second > $@
""",
    "one.txt": "1\n",
    "two.txt": "2\n",
    "three.txt": "3\n",
}
FAULTS = {
    Fault("undeclared-input", "user", "two.txt"): "touched: up to date",
    Fault("unused-input", "tidy", "three.txt"): "touched: made again for nothing",
    Fault("undeclared-output", "tidy", "left.txt"): "removed: up to date",
    Fault("race", "user", "gen.txt"): "held up",
    Fault("unmade-output", "renamed", "renamed"): "made again each time",
    Fault("undeclared-input", "passed", "two.txt"): "touched: nothing is made again",
    Fault("undeclared-output", "tidy", "both.txt"): "removed: comes back with other content",
}
NONE = (
    Fault("undeclared-input", "user", "one.txt"),
    Fault("unused-input", "tidy", "two.txt"),
    Fault("undeclared-output", "tidy", "gen.txt"),
    Fault("unmade-output", "user", "user"),
)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build in make's own order; what the study lays anew is a copy of the same files."""
    place = write(tmp_path / "plain", FILES)
    write(tmp_path / "fresh", FILES)
    monkeypatch.setattr(proofs, "fresh", lambda _, to: shutil.copytree(tmp_path / "fresh", to))
    monkeypatch.setattr(proofs, "HELD", 1)
    assert run(["make", "gen.txt", "all"], place).returncode == 0
    return place


def test_faults_are_shown_and_what_is_right_is_not(built: Path) -> None:
    findings = dict.fromkeys((*FAULTS, *NONE))
    assert proofs.shown("none", Built(built, 0, "", None, findings)) == FAULTS  # type: ignore[arg-type]


def test_a_file_that_a_chain_leads_to_was_taken_out_without_harm(built: Path) -> None:
    seeds = [Fault("undeclared-input", "user", "two.txt"), Fault("undeclared-input", "user", "one.txt")]
    assert proofs.harmless(built, seeds) == {seeds[1]}
    assert proofs.harmless(built, seeds, is_one_make=True) == {seeds[1]}
