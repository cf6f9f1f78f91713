"""Runs whose PROV is worth checking, and a check that the constraints of PROV do not have: times in order."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from graphs import SECOND, Building
from probe_core.formats.prov_json import write
from probe_core.model import Act, GapReason, RunGraph, Variable

Document = dict[str, Any]


def tiny() -> RunGraph:
    """One command that reads one file and writes one."""
    run = Building("tiny", command=[b"sort", b"in", b"-o", b"out"])
    script = run.exec(b"/usr/bin/sort", arguments=[b"sort", b"in", b"-o", b"out"])
    run.read(script, b"/w/in", digest="in")
    run.write(script, b"/w/out", digest="out")
    return run.graph()


def rewritten() -> RunGraph:
    """Steps that rename, remove and rewrite; two writers of one file; odd names; an outer run; gaps."""
    outer = "11111111-2222-3333-4444-555555555555"
    facts = {"version": "1.0", "wildcards": {"a": 'b"'}}
    run = Building("rewritten", engine="toy", outer_run=outer, outer_step=b"rule\xff", facts=facts)
    step = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"], facts=facts)
    inner = run.step("inner", declared=False, parent=step, status=2, attempt=2)
    parent = run.process(step=step)
    environment = [Variable(b"HOME", 7, None), Variable(b"LANG", 8, b"C.UTF-8")]
    shell = run.exec(b"/bin/sh", step=step, process=parent, environment=environment)
    words = [b"python3", b"a b.py", b"it's"]
    script = run.exec(b"/usr/bin/python3", step=step, parent=parent, arguments=words)
    other = run.exec(b"/usr/bin/tee", step=inner, parent=parent)
    run.pipe([script], [other])
    run.read(script, b"/w/raw.csv", digest="raw", count=3)
    run.read(script, b"/w/odd \xff\n\x1b name\\", digest="odd")
    run.read(script, b"/usr/bin/python3", act=Act.EXECUTE, digest="python")
    run.read(script, b"/w/not-there", act=Act.MISSING, kind="missing")
    run.read(script, b"/w", act=Act.LIST, kind="directory")
    half = run.write(script, b"/w/clean.csv.tmp", digest="clean", inode=42)
    run.access(other, half, Act.INHERITED_WRITE)
    run.access(other, half, Act.RENAME_FROM)
    run.now -= SECOND  # both names change hands at once
    run.write(other, b"/w/clean.csv", digest="clean", inode=42)
    run.remove(other, b"/w/clean.csv.tmp")
    run.read(script, b"/w/clean.csv")
    run.write(script, b"/w/clean.csv", digest="cleaner")
    run.write(script, b"/w/clean.csv", digest="clean")  # the first content again, at the same path
    run.access(shell, run.found(b"/w/log"), Act.INHERITED_WRITE)
    run.remove(script, b"/w/raw.csv")
    run.gap(GapReason.STATIC, b"/opt/go\n", exec=other)
    run.gap(GapReason.NOT_OBSERVED, step=step)
    return run.graph()


def bigger() -> RunGraph:
    """A workflow of 40 steps of two processes, through which one file is handed on and one is read by all."""
    run = Building("bigger", engine="toy")
    for number in range(40):
        before, after = b"/w/%d.txt" % number, b"/w/%d.txt" % (number + 1)
        step = run.step("next", inputs=[before], outputs=[after], name=f"next ({number})")
        parent = run.process(step=step)
        shell = run.exec(b"/bin/sh", step=step, process=parent)
        script = run.exec(b"/usr/bin/python3", step=step, parent=parent)
        run.read(script, before)
        run.read(script, b"/w/all.txt", digest="all")
        run.write(script, after, digest=str(number))
        for scratch in (b"/tmp/a", b"/tmp/b"):
            run.write(script, scratch)
            run.remove(shell, scratch)
    return run.graph()


GRAPHS = {"tiny": tiny, "rewritten": rewritten, "bigger": bigger}


def export(graph: RunGraph, **options: Any) -> bytes:
    """Give a run as PROV-JSON."""
    out = io.BytesIO()
    write(graph, out, options)
    return out.getvalue()


def parsed(graph: RunGraph, **options: Any) -> Document:
    """Give a run as PROV-JSON, read again."""
    found: Document = json.loads(export(graph, **options))
    return found


def statements(document: Document, kind: str) -> list[dict[str, Any]]:
    """Give the statements of a kind, without their identifiers."""
    return list(document.get(kind, {}).values())


def _time(text: str | None) -> tuple[datetime, str] | None:
    """Read a time to the nanosecond (datetime keeps only six digits)."""
    return None if text is None else (datetime.fromisoformat(text[:19] + "+00:00"), text[19:])


def time_faults(document: Document) -> Iterator[str]:
    """Tell where times contradict what is said: PROV-CONSTRAINTS orders events, it does not compare times."""
    made = {one["prov:entity"]: one.get("prov:time") for one in statements(document, "wasGeneratedBy")}
    gone = {one["prov:entity"]: one.get("prov:time") for one in statements(document, "wasInvalidatedBy")}
    for name, one in document["activity"].items():
        yield from _later(one.get("prov:startTime"), one.get("prov:endTime"), f"{name} ended too early")
    for kind in ("used", "wasGeneratedBy", "wasInvalidatedBy"):
        for one in statements(document, kind):
            activity, entity, when = one["prov:activity"], one["prov:entity"], one.get("prov:time")
            told = f"{activity} {kind} {entity}"
            around = document["activity"][activity]
            yield from _later(around.get("prov:startTime"), when, f"{told} before it started")
            yield from _later(when, around.get("prov:endTime"), f"{told} after it ended")
            if kind != "wasGeneratedBy":
                yield from _later(made.get(entity), when, f"{told} before it was made")
            if kind != "wasInvalidatedBy":
                yield from _later(when, gone.get(entity), f"{told} after it was gone")


def _later(first: str | None, second: str | None, fault: str) -> Iterator[str]:
    one, other = _time(first), _time(second)
    if one is not None and other is not None and other < one:
        yield fault
