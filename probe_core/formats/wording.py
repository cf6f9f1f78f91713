"""The words in pictures: short names in the boxes, the whole truth in the tooltips."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

from probe_core.ask.classes import below
from probe_core.formats.activities import words
from probe_core.formats.vocabulary import readable
from probe_core.model import FileVersion, Gap, Run, RunGraph, Step
from probe_core.stitch.gaps import OF_A_PROGRAM

WIDTH = 30  # characters a line
FACTS_MOST = 40  # of a kind in a tooltip
FACT_MOST = 300  # characters


def title(run: Run) -> str:
    """Give a run a title: its name, else its command."""
    return cut(readable(run.name) if run.name else words(run.command), 60)


def subtitle(graph: RunGraph) -> str:
    """Give when and where a run was, and how much there was in it."""
    run = graph.run
    parts = [f"{readable(run.user)}@{readable(run.host)}", readable(run.directory)]
    if run.started is not None:
        parts.insert(0, datetime.fromtimestamp(run.started // 10**9, UTC).strftime("%Y-%m-%d %H:%M UTC"))
    if graph.steps:
        parts.append(counted(len(graph.steps), "step"))
    parts.append(counted(len(graph.processes), "process", "processes"))
    if graph.gaps:
        parts.append(counted(len(graph.gaps), "gap"))
    for fact, name in {"version": run.engine or "version", "commit": "commit"}.items():
        if told := run.facts.get(fact):
            parts.append(f"{name} {readable(str(told))}")
    return "\n".join((", ".join(parts), *unseen(graph)))


def unseen(graph: RunGraph) -> list[str]:
    """Give what was not seen: a line for each kind of gap with its program, and one for its remedy."""
    kinds: dict[tuple[str, str], list[Gap]] = {}
    for gap in graph.gaps:
        kinds.setdefault((gap.reason, gap.remedy), []).append(gap)
    lines = []
    for (reason, remedy), gaps in kinds.items():
        first = gaps[0]
        by = readable(graph.execs[first.exec].program) if first.exec is not None else ""
        where = f", in {by}" if first.reason in OF_A_PROGRAM and by not in first.detail else ""
        times = f" ({len(gaps)} times)" if len(gaps) > 1 else ""
        lines += [f"not seen ({reason}): {readable(first.detail)}{where}{times}", readable(remedy)]
    return lines


def counted(number: int, one: str, many: str | None = None) -> str:
    """Give a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def cut(text: str, width: int = WIDTH * 2) -> str:
    """Cut a text in its middle."""
    return text if len(text) <= width else f"{text[: width * 2 // 3 - 3]}...{text[-width // 3 :]}"


def short(path: bytes, run: Run) -> str:
    """Give a path relative to the run's directory, else its last parts; broken into lines at slashes.

    A long number in sixteens (the folder of a Nextflow task) is cut as its engine cuts it.
    """
    if below(path, run.directory) and path != run.directory and run.directory != b"/":
        text = readable(path[len(run.directory) + 1 :])
    else:
        text = readable(path)
        if len(text) > WIDTH:
            text = ".../" + "/".join(text.split("/")[-2:])
    return broken(re.sub(r"\b([0-9a-f]{6})[0-9a-f]{14,}\b", r"\1...", text))


def broken(path: str) -> str:
    """Break a path into lines at its slashes; a part that is too long is cut."""
    lines = [""]
    for part in path.split("/"):
        piece = cut(part, WIDTH + 6)
        if lines[-1] and len(lines[-1]) + len(piece) >= WIDTH:
            lines.append("")
        lines[-1] += piece + "/"
    return "\n".join(lines)[:-1]


def file_label(one: FileVersion, run: Run, versions: int) -> str:
    """Give a file's short name, with the version's ordinal where several are drawn."""
    label = short(one.path, run)
    return f"{label}\n(version {one.ordinal})" if versions > 1 else label


def file_detail(one: FileVersion) -> str:
    """Give a file's path, size, digest and time of making."""
    lines = [readable(one.path)]
    if one.size is not None:
        lines.append(counted(one.size, "byte"))
    if one.digest:
        lines.append(one.digest)
    if one.kind != "file":
        lines.append(one.kind)
    if one.removed_at is not None:
        lines.append("removed later")
    return "\n".join(lines)


def step_label(step: Step, processes: int, gaps: int, scripts: Sequence[str]) -> str:
    """Give a step's name, and under it the code it ran and what was special about it."""
    lines = textwrap.wrap(cut(readable(step.name), 3 * WIDTH), WIDTH) or [readable(step.rule)]
    notes = []
    if step.declaration is None:
        notes.append("not declared")
    if step.attempt > 1:
        notes.append(f"attempt {step.attempt}")
    if step.status:
        notes.append(f"failed with {step.status}")
    if processes == 0:
        notes.append("not observed")
    if gaps:
        notes.append(counted(gaps, "gap"))
    lines += scripts[:2]
    if len(scripts) > 2:
        lines.append(f"and {counted(len(scripts) - 2, 'more script')}")
    return "\n".join([*lines, ", ".join(notes)] if notes else lines)


def step_detail(step: Step) -> str:
    """Give what is known of a step, and what its engine told of it: name, ``=``, JSON, a line each."""
    lines = [f"step {readable(step.name)}", f"rule {readable(step.rule)}"]
    if step.engine:
        lines.append(f"engine {step.engine}")
    if step.started is not None and step.ended is not None:
        lines.append(f"{(step.ended - step.started) / 1e9:.3g} s")
    if step.declaration is not None:
        lines.append(f"attempt {step.attempt}")
        for word, paths in (("input", step.declaration.inputs), ("output", step.declaration.outputs),
                            ("log", step.declaration.logs)):  # fmt: skip
            lines += [f"declared {word} {readable(path)}" for path in paths[:FACTS_MOST]]
        lines += [fact(name, told) for name, told in step.declaration.facts.items()][:FACTS_MOST]
    return "\n".join(lines)


def fact(name: str, told: object) -> str:
    """Give what an engine told under a name, as JSON, cut where it is long."""
    return cut(f"{readable(name)}={readable(json.dumps(told, ensure_ascii=False))}", FACT_MOST)
