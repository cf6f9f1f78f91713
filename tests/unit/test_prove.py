"""What runs the long proofs: every part runs whatever became of those before, and the end tells of each."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
specification = importlib.util.spec_from_file_location("prove", ROOT / "tools" / "prove.py")
assert specification is not None
assert specification.loader is not None
prove = importlib.util.module_from_spec(specification)
sys.modules["prove"] = prove
specification.loader.exec_module(prove)

TESTS = {
    "sound": "import os\ndef test_sizes(): assert os.environ['PROBE_PROVE'] == '1'",
    "wrong": "def test_wrong(): assert not 'so'",
    "slow": "import time\ndef test_slow(): time.sleep(60)",
}


def test_a_part_that_fails_or_takes_too_long_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {}
    for word, text in TESTS.items():
        (tmp_path / f"test_{word}.py").write_text(text)
        minutes = 2 / 240 if word == "slow" else 1  # two seconds
        parts[word] = prove.Part(minutes, word, (str(tmp_path / f"test_{word}.py"),), (word,))
    monkeypatch.setattr(prove, "PARTS", parts)
    monkeypatch.setattr(prove, "LOGS", tmp_path / "logs")
    assert prove.main(["slow", "wrong", "sound"]) == 1
    out = capsys.readouterr().out
    ends = [line.split()[:2] for line in out.partition("\npart  ")[2].splitlines()[1:4]]
    assert ends == [["slow", "too"], ["wrong", "failed"], ["sound", "passed"]]
    assert "test_wrong.py::test_wrong" in out
    assert "docs/evidence/sound.md" in out
    assert "1 passed" in (tmp_path / "logs" / "sound.log").read_text()


def test_a_wrong_word_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.main(["no-such"]) == 2
    assert "there is no part 'no-such'" in capsys.readouterr().err
    assert prove.main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(prove.PARTS)


def test_each_part_has_its_tests_and_documents() -> None:
    for part in prove.PARTS.values():
        for test in part.tests:
            assert (ROOT / test).exists(), test
        for name in part.evidence:
            assert (ROOT / "docs" / "evidence" / f"{name}.md").exists(), name
    assert {"--ignore=tests/fuzz", "--ignore=tests/crash/test_kills.py"} <= set(prove.left_out())
