"""`probe check` says nothing about ten correct workflows, and names what is taken out of their declarations.

A workflow is run once; then each file that some rule declares is taken out of all declarations of that
rule, one after the other, and the run is judged anew. Named means: a finding about that file. What the rule's
programs never touched, and what a chain of rules leads to anyway, is no fault when it is not declared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from conftest import Needs
from correct_workflows import CORRECT
from evidence import PROVE, write_evidence
from probe_core.ask.check import check
from probe_core.ask.declared import is_side_car
from probe_core.ask.judgement import Judgement
from probe_core.ask.question import READS, WRITES, Question
from probe_core.model import RunGraph
from workflows import Workflow, record

QUICK = ("Snakemake's tutorial", "a C project, make")
BAR = 0.95
_rows: dict[str, str] = {}
_totals = {"named": 0, "judged": 0}


@dataclass
class Score:
    """What taking declared files out showed; each of them as "rule: file"."""

    named: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    no_fault: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def without(graph: RunGraph, rule: str, path: bytes, side: str) -> RunGraph:
    """Give the run with ``path`` declared by no step of ``rule``."""
    steps = []
    for step in graph.steps:
        told = step.declaration
        if told is not None and step.rule == rule and path in getattr(told, side):
            kept = tuple(one for one in getattr(told, side) if one != path)
            step = replace(step, declaration=replace(told, **{side: kept}))
        steps.append(step)
    return replace(graph, steps=steps)


def declared(graph: RunGraph) -> Iterator[tuple[str, bytes, str]]:
    """Give each file that a rule whose steps ran programs declares, once a rule."""
    ran = {one.step for one in graph.execs}
    found = {
        (step.rule, path, side): None
        for step in graph.steps
        if step.declaration is not None and step.number in ran
        for side in ("inputs", "outputs")
        for path in getattr(step.declaration, side)
    }
    yield from found


def is_used(question: Question, rule: str, path: bytes, side: str) -> bool:
    """Tell whether a program of the rule read or wrote the file, or one in the folder."""
    graph = question.graph
    real = os.path.realpath(path)
    acts = READS if side == "inputs" else WRITES
    for row in range(len(graph.accesses)):
        step = question.declaring(question.step_of(row))
        if step is None or graph.steps[step].rule != rule or graph.accesses.act[row] not in acts:
            continue
        touched = graph.versions[graph.accesses.version[row]]
        if touched.kind == "file" and (touched.path in (path, real) or touched.path.startswith(real + b"/")):
            return True
    return False


def is_led_to(graph: RunGraph, rule: str, path: bytes) -> bool:
    """Tell whether rules lead to the file anyway, where the engine makes a chain of rules anew."""
    judgement = Judgement(Question(graph))
    mine = [step for step in judgement.steps if graph.steps[step.number].rule == rule]
    return all(
        step.declaration.facts.get("chains_rebuild") is True
        and path in judgement.order.before(step.number).usual
        for step in mine
    )


def scored(workflow: Workflow) -> Score:
    """Take each declared file out in turn."""
    score = Score()
    for rule, path, side in declared(workflow.graph):
        shown = f"{rule}: {workflow.relative(path)}"
        less = without(workflow.graph, rule, path, side)
        found = check(less)
        about = [one for one in found if one.path is not None and _same(one.path, path)]
        score.others += [f"{shown}: {one.message}" for one in found if one not in about]
        if about:
            score.named.append(shown)
        elif not is_used(workflow.question, rule, path, side) or (
            side == "inputs" and is_led_to(less, rule, path)
        ):
            score.no_fault.append(shown)
        else:
            score.missed.append(shown)
    return score


def _same(path: bytes, taken: bytes) -> bool:
    real = os.path.realpath(
        taken
    )  # an index beside the file stands for it: bwa never opens the genome itself
    return (
        path in (taken, real) or path.startswith(real + b"/") or is_side_car(frozenset((taken, real)), path)
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=() if name in QUICK else pytest.mark.skipif(not PROVE, reason="`make prove` runs all ten"),
        )
        for name in CORRECT
    ],
)
def test_a_correct_workflow_is_clean_and_what_is_taken_out_is_named(
    name: str, tmp_path: Path, needs: Needs
) -> None:
    if CORRECT[name].command[0] == "snakemake":
        pytest.importorskip("snakemake")
    place = CORRECT[name].lay(tmp_path / "w", needs)
    workflow, done = record(CORRECT[name].command, place)
    assert done.returncode == 0, done.stderr
    assert [one.message for one in check(workflow.graph)] == []
    score = scored(workflow)
    assert score.others == []
    judged = len(score.named) + len(score.missed)
    _totals["named"] += len(score.named)
    _totals["judged"] += judged
    _rows[name] = (
        f"| {name} | {len(workflow.graph.steps)} | 0 | {judged + len(score.no_fault)} "
        f"| {len(score.no_fault)} | {len(score.named)} of {judged} |"
    )
    assert len(score.missed) <= 1, score.missed
    assert judged >= 3


def test_nearly_all_that_is_taken_out_is_named() -> None:
    if not _rows:
        pytest.skip("no workflow was run")
    assert _totals["named"] >= BAR * _totals["judged"]
    if len(_rows) < len(CORRECT):
        return
    text = f"""
Each workflow is run once; then each file that a rule declares is taken out of its declarations, and the run
is judged anew. No fault: no program of the rule touched the file, or a chain of rules leads to it
anyway. Findings about any other file: none in any of these.
Named in all: {_totals["named"]} of {_totals["judged"]}.

| workflow | steps | findings as it is | declared files | no fault without | named |
|---|---|---|---|---|---|
""" + "\n".join(_rows.values())
    command = "PROBE_PROVE=1 pytest tests/engines/test_check_precision.py"
    write_evidence("check", "`probe check` on correct workflows", command, text)
