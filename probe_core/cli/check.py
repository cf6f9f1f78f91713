"""`probe check`: lint a run."""

from __future__ import annotations

import os
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from probe_core.ask.allowed import AllowList
from probe_core.ask.check import Group, grouped
from probe_core.ask.check import check as findings_of
from probe_core.ask.folded import folded, owner_of
from probe_core.ask.question import Question
from probe_core.ask.sarif import sarif
from probe_core.ask.wording import count_of, name_of
from probe_core.cli.colour import styled
from probe_core.cli.session import Session, asking, print_json, told
from probe_core.hooks import Finding
from probe_core.model import RunGraph
from probe_core.plugins import plugins
from probe_core.printable import printable


@click.command()
@click.argument("run", metavar="[RUN]", default="@")
@click.option("--sarif", "as_sarif", is_flag=True, help="Answer in SARIF 2.1.0, for code review tools.")
@click.option(
    "--accept", metavar="REASON", help="Write what was found into the allow-list, with this reason."
)
@click.option(
    "--all", "everything", is_flag=True, help="Tell accepted findings too, and what was read and is no fault."
)
@asking
def check(
    session: Session, run: str, as_sarif: bool, accept: str | None, everything: bool, as_json: bool
) -> None:
    """Tell where the workflow's text and what happened differ.

    Undeclared inputs and outputs, declared ones that are not used or made, files that steps race for, network
    access, absolute paths, programs from outside a rule's environment: each with the process that did it and
    what to write. Exit status 1 when there are findings that no allow-list (.probe.toml, or pyproject.toml)
    accepts.
    """
    if as_sarif and (as_json or accept is not None):
        raise click.UsageError("--sarif goes with neither --json nor --accept")
    if accept is not None and not accept.strip():
        raise click.UsageError("--accept needs a reason")
    graph = session.run(run)
    findings = findings_of(graph)
    allowed = AllowList.near(Path(os.fsdecode(graph.run.directory)))
    reasons = {at: why for at, one in enumerate(findings) if (why := allowed.reason(one, graph)) is not None}
    open_ones = [one for at, one in enumerate(findings) if at not in reasons]
    if accept is not None:
        written = allowed.accept(open_ones, graph, accept)
        told(f"{allowed.place}: {count_of(written, 'entry', 'entries')} written")
        reasons, open_ones = dict.fromkeys(range(len(findings)), accept), []
    if as_sarif:
        print_json(sarif(findings, graph, reasons, version("probe-provenance")))
    elif as_json:
        objects = [_object(one, graph) | {"accepted": reasons.get(at)} for at, one in enumerate(findings)]
        answer: dict[str, Any] = {"run": graph.run.id, "findings": objects}
        if everything:
            innocent = folded(Question(graph))
            answer["no_fault"] = {word: [os.fsdecode(one) for one in some] for word, some in innocent.items()}
        print_json(answer)
    else:
        _print(grouped(findings if everything else open_ones), graph)
        if reasons and not everything:
            click.echo(f"{count_of(len(reasons), 'finding')} accepted by {allowed.place} (--all)")
        if everything:
            _print_folded(graph)
    for fault in plugins().faults:
        told(str(fault))
    if open_ones:
        sys.exit(1)


def _print(groups: list[Group], graph: RunGraph) -> None:
    judged = sum(1 for step in graph.steps if step.declaration is not None)
    if not groups:
        nothing = "no step of this run is declared: nothing to compare" if not judged else "no findings in "
        click.echo(nothing + (count_of(judged, "step") if judged else ""))
        return
    for group in groups:
        first = group.first
        click.echo(f"{styled(first.lint, 'warn')}: {printable(first.message)}", color=True)
        if group.others:
            names = list(
                dict.fromkeys(graph.steps[one.step].name for one in group.others if one.step is not None)
            )
            some = ", ".join(printable(name) for name in names[:4]) + (", …" if len(names) > 4 else "")
            verb = "do" if len(group.others) > 1 else "does"
            click.echo(f"    so {verb} {count_of(len(group.others), 'more step')}: {some}")
        for line in first.evidence:
            click.echo(f"    {styled(printable(line), 'dim')}", color=True)
        remedies = group.remedies
        for remedy in remedies[:3]:
            click.echo(f"    {styled('to do:', 'bold')} {printable(remedy)}", color=True)
        if len(remedies) > 3:
            click.echo(f"    and likewise for {count_of(len(remedies) - 3, 'more rule')}")
    total = sum(1 + len(group.others) for group in groups)
    click.echo(f"{count_of(total, 'finding')} in {count_of(judged, 'step')}")


def _print_folded(graph: RunGraph) -> None:
    """Tell what was read and is no fault, a line a class: how many files, of which packages."""
    for word, paths in folded(Question(graph)).items():
        owners = Counter(owner_of(path) or name_of(path.rpartition(b"/")[0]) for path in paths)
        most = ", ".join(f"{name} {number}" for name, number in owners.most_common(3))
        more = ", …" if len(owners) > 3 else ""
        click.echo(
            styled(f"no fault: {word}: {count_of(len(paths), 'file')} ({most}{more})", "dim"), color=True
        )


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
