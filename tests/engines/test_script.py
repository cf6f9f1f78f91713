"""Plain scripts: the commands that the script's shell starts are the steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Needs
from probe_script.plugin import script_of
from workflows import contents, record, run, write

SCRIPT = """set -e
sort in | head -1 > first
n=$(wc -l < in)
(cat first; echo hi) | tr a-z A-Z > up
FOO=1 ./below.sh
echo $n > n
{ cp up a & cp up b; wait; }
make -s out
"""
FILES = {
    "in": "pear\\nfig\\n",
    "below.sh": "#!/bin/sh\\ncp first second\\ncp second third\\n",
    "Makefile": "out: up\\n\\tcp up out\\n",
}
FILES = {name: text.replace("\\n", "\n").replace("\\t", "\t") for name, text in FILES.items()}


def script(place: Path, shell: str) -> Path:
    write(place, FILES | {"run.sh": f"#!{shell}\n{SCRIPT}"})
    for name in ("run.sh", "below.sh"):
        (place / name).chmod(0o755)
    return place


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "/usr/bin/env bash"])
def test_top_level_commands_are_the_steps(tmp_path: Path, shell: str) -> None:
    plain, recorded = script(tmp_path / "plain", shell), script(tmp_path / "recorded", shell)
    expected = run(["./run.sh"], plain)
    workflow, done = record(["record", "./run.sh"], recorded)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, expected.stderr)
    assert contents(recorded) == contents(plain)
    top = [step for step in workflow.graph.steps if step.parent is None]
    rules = [step.rule for step in top if step.rule != "cp"]
    assert rules[1] in ("wc", "(wc)"), "shells differ in whether they start it themselves"
    assert [rules[0], *rules[2:]] == ["sort | head", "(cat) | tr", "below.sh", "make"]
    assert sorted(step.name for step in top if step.rule == "cp") == ["cp up a", "cp up b"]
    assert workflow.graph.run.engine == "script"
    (pipeline,) = [step for step in top if step.rule == "sort | head"]
    assert (workflow.reads(pipeline.name), workflow.writes(pipeline.name)) == ({"in"}, {"first"})
    assert workflow.writes("/bin/sh ./below.sh") == {"second", "third"}
    assert workflow.around(workflow.step("out")) == ["make -s out"]
    assert run(["probe", "check"], recorded).stdout.startswith("no findings")


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    place = write(tmp_path / "w", {"run.sh": "cat in\ncat nothing\ncat in\n", "in": "in\n"})
    workflow, done = record(["record", "sh", "-e", "run.sh"], place)
    assert (done.returncode, done.stdout) == (1, "in\n")
    assert [(step.name, step.status) for step in workflow.graph.steps] == [("cat in", 0), ("cat nothing", 1)]


def test_a_script_whose_output_is_piped_has_steps_of_its_own(tmp_path: Path) -> None:
    place = write(tmp_path / "w", {"run.sh": "cat in\ncat in\n", "in": "in\n"})
    workflow, done = record(["record", "bash", "run.sh"], place)  # standard output is the test's pipe
    assert (done.returncode, done.stdout) == (0, "in\nin\n")
    assert len(workflow.graph.steps) == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sh", "x"], "x"),
        (["bash", "-eu", "-o", "pipefail", "x", "-c"], "x"),
        (["sh", "-c", "x"], None),
        (["sh", "-ec", "x"], None),
        (["sh", "-s", "x"], None),
        (["sh", "missing"], None),
        (["sh"], None),
        (["./x"], "./x"),
        (["./y"], "./y"),
        (["./python"], None),
        (["./missing"], None),
    ],
)
def test_what_a_script_is(
    tmp_path: Path, words: list[str], found: str | None, monkeypatch: pytest.MonkeyPatch, needs: Needs
) -> None:
    needs("sh")
    write(
        tmp_path, {"x": "#!/bin/sh\n", "y": "#!/usr/bin/env -S bash -e\n", "python": "#!/usr/bin/python3\n"}
    )
    for name in ("x", "y", "python"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert script_of([word.encode() for word in words]) == (None if found is None else found.encode())
