"""The verbs on a history of synthetic runs: what they print, and how they end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graphs import BEGIN, SECOND, Building
from probe_core.cli import colour
from probe_core.cli.main import _run, guarded
from probe_core.cli.runs import _print_fitted as runs_table
from probe_core.history import open_history
from probe_core.model import Act, GapReason, RunGraph

Ask = Callable[..., tuple[int, str, str]]


def workflow() -> RunGraph:
    """clean -> plot; plot reads a file it does not declare; one name with a line break, one not UTF-8."""
    run = Building("penguins", directory=b"/w", engine="toy", command=[b"toy", b"-j2", b"all"])
    clean = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"])
    shell = run.exec(b"/usr/bin/sh", step=clean, arguments=[b"sh", b"-c", b"python3 clean.py"])
    one = run.exec(b"/usr/bin/python3", step=clean, previous=shell, arguments=[b"python3", b"clean.py"])
    run.read(one, b"/usr/lib/libz.so.1", act=Act.LOAD)
    run.read(one, b"/w/raw.csv")
    run.write(one, b"/w/clean.csv", digest="clean")
    plot = run.step("plot", inputs=[b"/w/clean.csv"], outputs=[b"/w/figure.svg"], attempt=2)
    two = run.exec(b"/usr/bin/python3", step=plot, arguments=[b"python3", b"plot.py"])
    run.read(two, b"/w/clean.csv")
    run.read(two, b"/w/colours.csv")
    run.read(two, b"/w/line\nbreak\xff.csv")
    run.write(two, b"/w/figure.svg", digest="figure")
    run.gap(GapReason.STATIC, b"/usr/bin/busybox", exec=two, step=plot)
    return run.graph()


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = 0
        try:
            status = guarded(lambda: _run(words))
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return call


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colour.is_coloured.cache_clear()


@pytest.fixture
def stored() -> RunGraph:
    graph = workflow()
    with open_history() as history:
        history.store(graph)
    return graph


def test_nothing_recorded_yet(ask: Ask) -> None:
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


@pytest.mark.usefixtures("stored")
def test_check_finds_and_fails(ask: Ask) -> None:
    status, out, _ = ask("check")
    assert status == 1
    assert "undeclared-input: plot reads colours.csv, which it does not declare" in out
    assert "python3 plot.py" in out
    findings = json.loads(ask("check", "--json")[1])["findings"]
    assert {(one["lint"], one["path"]) for one in findings} == {
        ("undeclared-input", "/w/colours.csv"),
        ("undeclared-input", "/w/line\nbreak\udcff.csv"),
    }


def test_check_of_a_correct_run_succeeds(ask: Ask) -> None:
    run = Building("right")
    one = run.exec(step=run.step("copy", inputs=[b"/w/a"], outputs=[b"/w/b"]))
    run.read(one, b"/w/a")
    run.write(one, b"/w/b")
    with open_history() as history:
        history.store(run.graph())
    assert ask("check")[:2] == (0, "no findings in 1 step\n")


def test_three_faults_in_fifty_rules_are_told_in_fifteen_lines(ask: Ask) -> None:
    run = Building("many")
    for number in range(50):
        before, after = b"/w/%d" % number, b"/w/%d" % (number + 1)
        step = run.step(f"rule{number}", inputs=[before], outputs=[after])
        one = run.exec(b"/usr/bin/python3", step=step)
        run.read(one, before)
        if number in (7, 30):
            run.read(one, b"/w/%d" % (number - 3))  # made by another rule
        if number == 20:
            run.write(one, b"/w/left")
        run.write(one, after)
    with open_history() as history:
        history.store(run.graph())
    status, out, _ = ask("check")
    assert status == 1
    assert out.splitlines()[-1] == "3 findings in 50 steps"
    assert len(out.splitlines()) <= 15


@pytest.mark.usefixtures("stored")
def test_check_tells_what_is_no_fault_when_asked_for_all(ask: Ask) -> None:
    assert "no fault" not in ask("check")[1]
    assert "no fault: libraries: 1 file (" in ask("check", "--all")[1]
    told = json.loads(ask("check", "--all", "--json")[1])["no_fault"]["libraries"]
    assert len(told) == 1
    assert "libz" in told[0]


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


def lines_of(out: str) -> list[str]:
    return [line.rstrip() for line in out.splitlines()]


@pytest.mark.usefixtures("stored")
def test_why_goes_back_to_the_first_inputs(ask: Ask) -> None:
    status, out, err = ask("why", "/w/figure.svg")
    assert (status, err) == (0, "probe: the file is no longer there; this is its newest recorded content\n")
    lines = lines_of(out)
    assert lines[0].startswith("/w/figure.svg  10 B, made 2023-11-14")
    assert lines[1] == "└─ toy plot: python3 plot.py  (run penguins)"
    assert "   ├─ /w/clean.csv" in lines
    assert "   │  └─ toy clean: python3 clean.py" in lines
    assert "   │     └─ /w/raw.csv  first input" in lines
    assert "   ├─ /w/colours.csv  not declared  first input" in lines
    assert "not declared: /w/colours.csv, $'/w/line\\nbreak\\xff.csv'" in lines
    cut = ask("why", "/w/figure.svg", "--depth", "1")[1]
    assert "raw.csv" not in cut
    assert "--depth" in cut
    assert "raw.csv" in json.loads(ask("why", "/w/figure.svg", "--json")[1])["files"][-1]["path"]


@pytest.mark.usefixtures("stored")
def test_uses_goes_on_to_the_last_results(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, _ = ask("uses", "/w/raw.csv")
    assert status == 0
    assert lines_of(out)[1:] == [
        "└─ toy clean: python3 clean.py  (run penguins)",
        "   └─ /w/clean.csv",
        "      └─ toy plot: python3 plot.py",
        "         └─ /w/figure.svg",
        *lines_of(out)[5:],
    ]
    assert "first input" in ask("why", "/w/raw.csv")[1]
    assert ask("why", "/w/never")[0] == 1


def test_a_version_can_be_chosen(ask: Ask, stored: RunGraph) -> None:
    later = Building("again", begin=BEGIN + 1000 * SECOND)
    later.write(
        later.exec(b"/usr/bin/touch", arguments=[b"touch", b"figure.svg"]), b"/w/figure.svg", digest="new"
    )
    with open_history() as history:
        history.store(later.graph())
    assert "touch figure.svg" in ask("why", "/w/figure.svg")[1]
    for words in (["--version", "2"], ["--run", "penguins"], ["--run", stored.run.id[:8]]):
        assert "toy plot" in ask("why", "/w/figure.svg", *words)[1], words
    assert ask("why", "/w/figure.svg", "--run", "penguins", "--version", "1")[0] == 2
    assert ask("why", "/w/figure.svg", "--run", "nobody")[0] == 2
    assert ask("why", "/w/figure.svg", "--version", "9")[0] != 0


def test_a_pipe_joins_programs_and_a_shell_that_only_opens_is_left_out(ask: Ask) -> None:
    run = Building("pipe", command=[b"sh"])
    shell = run.exec(b"/usr/bin/sh")
    sort = run.exec(b"/usr/bin/sort", parent=0, previous=shell, arguments=[b"sort", b"in"])
    run.read(sort, b"/w/in")
    process = run.process(parent=0)
    part = run.exec(b"/usr/bin/sh", process=process, previous=shell, forked=True)
    head = run.exec(b"/usr/bin/head", process=process, previous=part, arguments=[b"head", b"-3"])
    made = run.write(head, b"/w/out", act=Act.INHERITED_WRITE)
    run.access(part, made, Act.WRITE)
    run.pipe([sort], [head])
    with open_history() as history:
        history.store(run.graph())
    assert lines_of(ask("why", "/w/out")[1])[1:4] == [
        "└─ head -3  (run pipe)",
        "   └─ | sort in",
        "      └─ /w/in  first input",
    ]
    shown = ask("show")[1]
    assert "├─ head -3" in shown or "└─ head -3" in shown
    assert "a part of" not in shown


def test_many_makers_of_one_file_are_cut_and_none_is_taken_for_a_shell(ask: Ask) -> None:
    run = Building("many", command=[b"sh", b"all.sh"])
    shell = run.exec(b"/usr/bin/sh", arguments=[b"sh", b"all.sh"])
    run.read(shell, b"/w/all.sh")
    made = run.write(shell, b"/w/all.txt")
    for number in range(30):
        cat = run.exec(b"/usr/bin/cat", parent=0, previous=shell, arguments=[b"cat", b"%d" % number])
        run.access(cat, made, Act.INHERITED_WRITE)
    with open_history() as history:
        history.store(run.graph())
    out = ask("why", "/w/all.txt")[1]
    assert "sh all.sh" in out
    assert "cat 18" in out
    assert "cat 19" not in out
    assert "and 11 more (--all)" in out
    assert "cat 29" in ask("why", "/w/all.txt", "--all")[1]
    assert "makes   all.txt" in ask("show", "--level", "step")[1]
    assert ask("show", "--level", "file")[1].count("all.txt") == 1


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
