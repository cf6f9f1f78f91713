"""What there is: the lists of runs, and one as a tree."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from asking import Ask
from graphs import BEGIN, SECOND, Building
from probe_core.cli import colour
from probe_core.cli.runs import _print_fitted as runs_table
from probe_core.history import open_history
from probe_core.model import RunGraph


def test_nothing_recorded_yet(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, _ = ask("runs")
    assert (status, "probe record" in out) == (0, True)
    assert ask("--history", "other", "runs")[1].startswith("Nothing is recorded in other yet; try: ")
    assert ask("runs", "--json")[1] == "[]\n"
    status, out, err = ask("show")
    assert (status, out) == (2, "")
    assert err == "probe: nothing is recorded yet; try: probe record -- COMMAND\n"


def test_runs_lists_the_newest_first(ask: Ask, stored: RunGraph) -> None:
    with open_history() as history:
        history.store(Building("later", begin=BEGIN + 10_000 * SECOND).graph(status=3))
        history.store(
            Building(None, begin=BEGIN + 5 * SECOND, outer_run=stored.run.id, outer_step=b"toy:0").graph()
        )
    status, out, _ = ask("runs")
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 4)
    assert [line.split(":")[0] for line in (lines[1].split("later")[-1], lines[3].split("penguins")[-1])] == [
        "",
        "",
    ]
    assert "  3  " in lines[1]
    assert "2 steps, 3 processes" in lines[3]
    assert ", 1 gap" in lines[3]
    assert len(ask("runs", "--limit", "1")[1].splitlines()) == 3
    (first, *rest) = json.loads(ask("runs", "--json")[1])
    assert (first["name"], first["status"], len(rest)) == ("later", 3, 2)


def test_programs_that_did_nothing_else_are_counted(ask: Ask) -> None:
    run = Building("quiet")
    for _ in range(2):
        run.exec(b"/bin/true")
    with open_history() as history:
        history.store(run.graph())
    assert ask("show")[1].splitlines()[-1].rstrip() == "└─ 2 programs: true ×2"


def test_an_engines_own_files_are_not_what_the_run_made(ask: Ask) -> None:
    run = Building("flow", engine="toy", facts={"own_paths": ["/w/.toy"], "workflow_files": ["/w/flow"]})
    step = run.step("one", facts={"own_paths": ["/w/work/1"]})
    run.read(run.exec(b"/bin/true", step=step), b"/w/in")
    engine = run.exec(b"/bin/toy")
    run.read(engine, b"/w/flow")
    for path in (b"/w/.toy/log", b"/w/work/1/begin", b"/w/report"):
        run.write(engine, path)
    with open_history() as history:
        history.store(run.graph())
    out = ask("show", "--level", "step")[1]
    assert "1 process, reads 1 file, makes 1 file" in out
    assert "makes   report" in out
    assert "begin" not in out
    assert "begin" in ask("show", "--all")[1]


def test_show_draws_steps_programs_and_files(ask: Ask, stored: RunGraph) -> None:
    status, out, err = ask("show")
    assert (status, err) == (0, "")
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0].startswith(f"{stored.run.id[:8]} penguins  toy -j2 all")
    assert "├─ clean" in lines[1]
    assert "│  ├─ python3 clean.py" in lines
    assert "│  │  ├─ reads   raw.csv" in lines
    assert "│  │  └─ makes   clean.csv  10 B" in lines
    assert "│  └─ and 1 more program: sh" in lines
    assert "attempt 2" in out
    assert "   │  └─ reads   colours.csv  not declared" in out or "reads   colours.csv  not declared" in out
    assert "$'line\\nbreak\\xff.csv'" in out
    assert "libz" not in out
    assert "1 gap: what was not seen" in lines
    assert "libz" in ask("show", "--all")[1]
    assert "python3" not in ask("show", "--level", "step")[1]


@pytest.mark.parametrize("name", ["@", "penguins", None])
def test_a_run_has_several_names(ask: Ask, stored: RunGraph, name: str | None) -> None:
    status, out, _ = ask("show", name or stored.run.id[:6], "--json")
    assert status == 0
    assert json.loads(out)["run"]["id"] == stored.run.id


def test_show_json_tells_everything(ask: Ask, stored: RunGraph) -> None:
    answer = json.loads(ask("show", "--json")[1])
    assert [step["name"] for step in answer["steps"]] == ["clean", "plot"]
    assert answer["steps"][1]["declared"]["inputs"] == ["/w/clean.csv"]
    assert len(answer["accesses"]) == len(stored.accesses)
    assert {os.fsencode(file["path"]) for file in answer["files"]} == {one.path for one in stored.versions}
    assert answer["gaps"][0]["reason"] == "static"


def test_a_table_fits_the_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    rows = [("0123abcd", "2026-11-24 17:22:20", "28 ms", "1", "7 processes, 19 files", "[x] " + "word " * 40)]
    runs_table(rows)
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(len(line) <= 90 for line in lines)
    assert "[x] word" in lines[1]
    assert lines[1].rstrip().endswith("…")


@pytest.mark.parametrize(
    ("variables", "expected"), [({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1"}, True), ({}, False)]
)
def test_colours_are_for_terminals(
    variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    colour.is_coloured.cache_clear()
    assert (colour.styled("x", "red") != "x") is expected
    colour.is_coloured.cache_clear()
