"""Words, right and wrong: places, files to write, runs to forget, and one sentence for each error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from asking import Ask
from graphs import Building
from probe_core.cli.doctor import _fitted
from probe_core.cli.main import guarded
from probe_core.history import open_history


@pytest.mark.usefixtures("stored")
def test_export_writes_aside_and_renames(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask("export", "prov-json")[0] == 0
    assert json.loads(Path("penguins.json").read_text())["activity"]
    status, out, _ = ask("export", "prov-json", "@", "-o", "-")
    assert (status, bool(json.loads(out)["entity"])) == (0, True)
    Path("old.json").write_text("old")
    Path("link.json").symlink_to("old.json")
    assert ask("export", "prov-json", "-o", "link.json")[0] == 0
    assert Path("link.json").is_symlink()
    assert json.loads(Path("old.json").read_text())["entity"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.json", "old.json", "penguins.json"]
    status, _, err = ask("export", "prov-json", "-o", "no/such/folder.json")
    assert (status, err) == (1, "probe: no/such/folder.json: no such file or directory\n")


@pytest.mark.usefixtures("stored")
def test_wrong_words_end_in_one_sentence(ask: Ask) -> None:
    for words, status, said in (
        (["show", "nobody"], 2, "no run is called 'nobody'"),
        (["show", "@-5"], 2, "there is no run '@-5': 1 recorded"),
        (["show", "--history", "x"], 2, "--history stands before the command: probe --history … show …"),
        (["show", "--leve", "step"], 2, "no such option '--leve'; "),
        (["export", "no-such"], 2, "there is no format for 'no-such'"),
        (["show", "--no-such"], 2, "--no-such"),
        (["no-such-verb"], 2, "no-such-verb"),
        (["true"], 2, "probe record true"),
        (["show", "a", "b"], 2, "unexpected"),
        (["--history", "/dev/null/x", "runs"], 1, "/dev/null/x"),
    ):
        ended, out, err = ask(*words)
        assert (ended, out) == (status, ""), words
        assert err.startswith("probe: "), words
        assert said in err
        assert err.count("\n") == 1, words


@pytest.mark.parametrize("words", [[], ["export"]])
def test_no_words_show_the_help(words: list[str], ask: Ask) -> None:
    status, out, err = ask(*words)
    assert (status, out) == (2, "")
    assert err.startswith("Usage: probe")
    assert err.count("\n") > 5


def test_places_of_history_and_spool_can_be_named(ask: Ask, tmp_path: Path) -> None:
    place = tmp_path / "other.sqlite"
    with open_history(place) as history:
        history.store(Building("elsewhere").graph())
    assert "elsewhere" in ask("--history", str(place), "--spool", str(tmp_path / "no-spool"), "runs")[1]
    assert "elsewhere" not in ask("runs")[1]
    assert not (tmp_path / "no-spool").exists()


@pytest.mark.usefixtures("stored")
def test_forget(ask: Ask) -> None:
    assert ask("forget", "penguins")[0] == 0
    assert ask("show", "penguins")[0] == 2


def test_errors_end_in_one_place(capfd: pytest.CaptureFixture[str]) -> None:
    def wrong() -> None:
        raise RuntimeError("two\nlines")

    assert guarded(wrong) == 1
    err = capfd.readouterr().err
    assert err == "probe: RuntimeError: two\\nlines; this is a fault in PROBE; run again with --debug\n"
    assert guarded(wrong, debug=True) == 1
    assert "Traceback" in capfd.readouterr().err

    def interrupted() -> None:
        raise KeyboardInterrupt

    assert guarded(interrupted) == 130
    assert guarded(lambda: 7) == 7
    assert capfd.readouterr().err == ""


def test_doctors_lines_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a sentence of some length, and /a/path/that/must/not/be/broken"
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert _fitted(text, 20) == ["a sentence of some length, and", "/a/path/that/must/not/be/broken"]
    assert _fitted(text, 40) == [text]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert _fitted(text, 20) == [text]
