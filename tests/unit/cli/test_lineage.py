"""What `probe why` and `probe uses` print."""

from __future__ import annotations

import json

import pytest

from asking import Ask
from graphs import BEGIN, SECOND, Building
from probe_core.history import open_history
from probe_core.model import Act, RunGraph


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
