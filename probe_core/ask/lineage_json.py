"""A Lineage for programs. The keys are public: add, never rename.

    question         "why" or "uses"
    asked            the file as it was typed
    disk             how the file on disk stands to ``file``: same, changed, gone, unchecked, elsewhere
    notes            sentences for people
    file             the file asked about, a place in ``files``
    cut              true: a depth ended the answer, not the history
    files[]          id (see identifiers), path, kind, digest, size, modified, run, version (its number in
                     that run), class, shipped, made_at, proof, same_as (a place in ``files``, or null),
                     makers (places in ``makers``), first (true: nothing recorded made it)
    makers[]         kind ("step" or "exec"), run, number (in that run), name, rule, engine, attempt, status,
                     started, ended, around (names of the steps around it, innermost first), program,
                     arguments, directory, depth, inputs[] and outputs[] (file, acts,
                     declared: true, false or null)
    links[]          from, to (places in ``makers``), kind, name: content through a pipe or socket
    runs{}           by id: name, engine, command, directory, host, started, ended, status, state, outer_run

Times are ns since 1970. Bytes that are not UTF-8 stand as lone surrogates, as Python's os.fsdecode has them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from probe_core.model import Run

if TYPE_CHECKING:
    from probe_core.ask.lineage import Edge, FileNode, Lineage, Maker


def lineage_object(answer: Lineage) -> dict[str, Any]:
    """Give the whole answer."""
    first = {one.number for one in answer.first_inputs()}
    return {
        "question": answer.question,
        "asked": os.fsdecode(answer.target.asked),
        "disk": answer.target.disk,
        "notes": list(answer.target.notes),
        "file": answer.file,
        "cut": answer.cut,
        "files": [_file(answer, one, first) for one in answer.files],
        "makers": [_maker(answer, one) for one in answer.makers],
        "links": [
            {"from": one.source, "to": one.sink, "kind": one.kind, "name": one.name} for one in answer.links
        ],
        "runs": {key: _run(run) for key, run in answer.runs.items()},
    }


def _file(answer: Lineage, one: FileNode, first: set[int]) -> dict[str, Any]:
    version = one.version
    return {
        "id": one.identifier,
        "path": os.fsdecode(version.path),
        "kind": version.kind,
        "digest": version.digest,
        "size": version.size,
        "modified": version.modified,
        "run": one.run,
        "version": version.number,
        "class": one.file_class.value,
        "shipped": one.shipped,
        "made_at": version.made_at,
        "proof": version.proof.value,
        "same_as": one.same_as,
        "makers": answer.makers_of(one.number),
        "first": one.number in first,
    }


def _maker(answer: Lineage, one: Maker) -> dict[str, Any]:
    step, program = one.step, one.exec
    span = step or program
    found: dict[str, Any] = {
        "kind": "step" if step else "exec",
        "run": one.run,
        "number": span.number if span else None,
        "name": step.name if step else os.fsdecode(program.program) if program else "",
        "started": span.started if span else None,
        "ended": span.ended if span else None,
        "depth": one.depth,
        "around": [other.name for other in one.around],
        "inputs": [_edge(edge) for edge in answer.inputs_of(one.number)],
        "outputs": [_edge(edge) for edge in answer.outputs_of(one.number)],
    }
    if step:
        found |= {"rule": step.rule, "engine": step.engine, "attempt": step.attempt, "status": step.status}
    if program:
        found |= {
            "program": os.fsdecode(program.program),
            "arguments": [os.fsdecode(word) for word in program.arguments],
            "directory": os.fsdecode(program.directory),
        }
    return found


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "file": edge.file,
        "acts": sorted(act.name.lower() for act in edge.acts),
        "declared": edge.declared,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "engine": run.engine,
        "command": [os.fsdecode(word) for word in run.command],
        "directory": os.fsdecode(run.directory),
        "host": run.host,
        "started": run.started,
        "ended": run.ended,
        "status": run.status,
        "state": run.state.value,
        "outer_run": run.outer_run,
    }
