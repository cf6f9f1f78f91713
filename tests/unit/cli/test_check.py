"""What `probe check` prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from asking import Ask
from graphs import Building
from probe_core.history import open_history


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
