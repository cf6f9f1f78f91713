"""`probe check`: lint a run."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from probe_core.ask.check import Group, grouped
from probe_core.ask.check import check as findings_of
from probe_core.ask.wording import count_of, flat
from probe_core.cli.colour import styled
from probe_core.cli.session import Session, asking, print_json, told
from probe_core.hooks import Finding
from probe_core.model import RunGraph
from probe_core.plugins import plugins


@click.command()
@click.argument("run", metavar="[RUN]", default="@")
@asking
def check(session: Session, run: str, as_json: bool) -> None:
    """Tell where the workflow's text and what happened differ.

    Undeclared input: a step read a file that its rule does not list, so that a change of it goes unnoticed.
    Undeclared output: a step left a file that its rule does not list. Exit status 1 when there are findings.
    """
    graph = session.run(run)
    findings = findings_of(graph)
    if as_json:
        print_json({"run": graph.run.id, "findings": [_object(one, graph) for one in findings]})
    else:
        _print(grouped(findings), graph)
    for fault in plugins().faults:
        told(str(fault))
    if findings:
        sys.exit(1)


def _print(groups: list[Group], graph: RunGraph) -> None:
    judged = sum(1 for step in graph.steps if step.declaration is not None)
    if not groups:
        nothing = "no step of this run is declared: nothing to compare" if not judged else "no findings in "
        click.echo(nothing + (count_of(judged, "step") if judged else ""))
        return
    for group in groups:
        first = group.first
        click.echo(f"{styled(first.lint, 'warn')}: {flat(first.message)}", color=True)
        if group.others:
            names = list(
                dict.fromkeys(graph.steps[one.step].name for one in group.others if one.step is not None)
            )
            some = ", ".join(flat(name) for name in names[:4]) + (", …" if len(names) > 4 else "")
            verb = "do" if len(group.others) > 1 else "does"
            click.echo(f"    so {verb} {count_of(len(group.others), 'more step')}: {some}")
        for line in first.evidence:
            click.echo(f"    {styled(flat(line), 'dim')}", color=True)
        remedies = group.remedies
        for remedy in remedies[:3]:
            click.echo(f"    {styled('to do:', 'bold')} {flat(remedy)}", color=True)
        if len(remedies) > 3:
            click.echo(f"    and likewise for {count_of(len(remedies) - 3, 'more rule')}")
    total = sum(1 + len(group.others) for group in groups)
    click.echo(f"{count_of(total, 'finding')} in {count_of(judged, 'step')}")


def _object(one: Finding, graph: RunGraph) -> dict[str, Any]:
    step = None if one.step is None else graph.steps[one.step]
    return {
        "lint": one.lint,
        "step": one.step,
        "rule": None if step is None else step.rule,
        "name": None if step is None else step.name,
        "path": None if one.path is None else os.fsdecode(one.path),
        "message": one.message,
        "evidence": list(one.evidence),
        "remedy": one.remedy,
    }
