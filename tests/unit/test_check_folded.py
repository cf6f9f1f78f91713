"""What was read and is no fault: classed once, and never a finding."""

from __future__ import annotations

import pytest

from graphs import Building
from probe_core.ask.check import check
from probe_core.ask.folded import Innocent, folded
from probe_core.ask.question import Question
from probe_core.model import Act


@pytest.mark.parametrize(
    ("path", "act", "word"),
    [
        (b"/usr/bin/sort", Act.EXECUTE, Innocent.PROGRAM),
        (b"/usr/lib/libz.so.1", Act.LOAD, Innocent.LIBRARY),
        (b"/usr/share/zoneinfo/UTC", Act.READ, Innocent.PACKAGE_DATA),
        (b"/opt/env/lib/python3.12/site-packages/a.py", Act.READ, Innocent.ENVIRONMENT),
        (b"/w/fit.py", Act.READ, Innocent.SCRIPT),
        (b"/w/Flow", Act.READ, Innocent.SCRIPT),
        (b"/w/in.fa.fai", Act.READ, Innocent.SIDE_CAR),
        (b"/home/al/.config/fit", Act.READ, Innocent.CONFIGURATION),
        (b"/w/other.csv", Act.LOOKUP, Innocent.LOOK_UP),
    ],
)
def test_each_has_one_class_and_is_no_finding(path: bytes, act: Act, word: Innocent) -> None:
    run = Building(facts={"workflow_files": [{"path": "/w/Flow", "digest": None}]})
    step = run.step("fit", inputs=[b"/w/in.fa"], outputs=[b"/w/out"], facts={"script": "/w/fit.py"})
    one = run.exec(b"/opt/env/bin/python", step=step)
    run.read(one, b"/w/in.fa")
    run.read(one, path, act=act)
    run.write(one, b"/w/out")
    graph = run.graph()
    assert check(graph, {}) == []
    assert folded(Question(graph)) == {word: (path,)}


def test_findings_and_what_is_declared_are_not_among_them() -> None:
    run = Building()
    one = run.exec(step=run.step("fit", inputs=[b"/w/in"], outputs=[b"/w/out"]))
    for path in (b"/w/in", b"/w/codes.csv"):
        run.read(one, path)
    run.write(one, b"/w/out")
    graph = run.graph()
    assert [finding.path for finding in check(graph, {})] == [b"/w/codes.csv"]
    assert folded(Question(graph)) == {}
