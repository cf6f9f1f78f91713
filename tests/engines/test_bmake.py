"""bmake: the right files and processes; nothing of ours disturbs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Needs
from workflows import contents, record, run, write

FILES = {
    "Makefile": """all: a b sub
a: in
\tcp in a
b: a
\t@cat a > b; echo "flags $(.MAKEFLAGS)" >> b
sub: .PHONY
\t@cd below && ${MAKE} c
""",
    "below/Makefile": "c: ../in\n\tcat ../in > c\n",
    "in": "in\n",
}


@pytest.mark.parametrize("jobs", [[], ["-j2"]])
def test_bmake_is_recorded_and_left_alone(tmp_path: Path, needs: Needs, jobs: list[str]) -> None:
    needs("bmake", package="bmake")
    place, results = tmp_path / "w", []
    for recorded in (False, True):
        write(place, FILES)
        if recorded:
            workflow, done = record(["record", "bmake", *jobs], place)
        else:
            done = run(["bmake", *jobs], place)
        said = sorted(set(done.stdout.splitlines()))  # with -j it names a target as often as output comes
        results.append((done.returncode, said, done.stderr, contents(place)))
        for name in ("a", "b", "below/c"):
            (place / name).unlink()
    assert results[0] == results[1]
    assert results[0][0] == 0
    assert workflow.names == []
    table, versions = workflow.graph.accesses, workflow.graph.versions
    made = {workflow.relative(versions[number].path) for number in table.version if versions[number].made_by}
    assert {"a", "b", "below/c"} <= made
    programs = [one.program.rpartition(b"/")[2] for one in workflow.graph.execs if not one.forked]
    assert programs.count(b"bmake") == 2
    assert {b"cp", b"cat"} <= set(programs)
