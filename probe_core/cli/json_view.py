"""A run as `--json` shows it. Times are ns since 1970; bytes that are not UTF-8 stand as lone surrogates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from probe_core.ask.question import Question
from probe_core.model import Act, Declaration, Run


def run_object(run: Run) -> dict[str, Any]:
    """Give a run without its contents."""
    return {
        "id": run.id,
        "name": run.name,
        "engine": run.engine,
        "command": _texts(run.command),
        "directory": os.fsdecode(run.directory),
        "host": run.host,
        "user": run.user,
        "started": run.started,
        "ended": run.ended,
        "status": run.status,
        "state": run.state.value,
        "outer_run": run.outer_run,
        "outer_step": _text(run.outer_step),
        "facts": _plain(run.facts),
    }


def graph_object(question: Question) -> dict[str, Any]:
    """Give all that is known of a run: what `probe show --json` prints."""
    graph = question.graph
    return {
        "run": run_object(graph.run),
        "steps": [_step(question, number) for number in range(len(graph.steps))],
        "processes": [_process(question, number) for number in range(len(graph.processes))],
        "execs": [_exec(question, number) for number in range(len(graph.execs))],
        "files": [version_object(question, number) for number in range(len(graph.versions))],
        "accesses": [_access(question, row) for row in range(len(graph.accesses))],
        "channels": [
            {"kind": one.kind, "name": one.name, "writers": list(one.writers), "readers": list(one.readers)}
            for one in graph.channels
        ],
        "gaps": [
            {
                "reason": one.reason.value,
                "about": os.fsdecode(one.about),
                "exec": one.exec,
                "step": one.step,
                "detail": one.detail,
                "remedy": one.remedy,
            }
            for one in graph.gaps
        ],
    }


def version_object(question: Question, number: int) -> dict[str, Any]:
    """Give one file version."""
    one = question.graph.versions[number]
    return {
        "number": one.number,
        "path": os.fsdecode(one.path),
        "ordinal": one.ordinal,
        "kind": one.kind,
        "class": question.class_of(number).value,
        "digest": one.digest,
        "size": one.size,
        "modified": one.modified,
        "volume": one.volume,
        "volume_path": os.fsdecode(one.volume_path),
        "made_by": one.made_by,
        "made_at": one.made_at,
        "removed_by": one.removed_by,
        "removed_at": one.removed_at,
        "proof": one.proof.value,
    }


def _step(question: Question, number: int) -> dict[str, Any]:
    step = question.graph.steps[number]
    return {
        "number": step.number,
        "key": os.fsdecode(step.key),
        "engine": step.engine,
        "rule": step.rule,
        "name": step.name,
        "attempt": step.attempt,
        "parent": step.parent,
        "started": step.started,
        "ended": step.ended,
        "status": step.status,
        "declared": _declaration(step.declaration),
    }


def _declaration(declaration: Declaration | None) -> dict[str, Any] | None:
    if declaration is None:
        return None
    return {
        "inputs": _texts(declaration.inputs),
        "outputs": _texts(declaration.outputs),
        "order_only": _texts(declaration.order_only),
        "logs": _texts(declaration.logs),
        "directory": _text(declaration.directory),
        "facts": _plain(declaration.facts),
    }


def _process(question: Question, number: int) -> dict[str, Any]:
    one = question.graph.processes[number]
    return {
        "number": one.number,
        "pid": one.pid,
        "parent": one.parent,
        "step": one.step,
        "host": one.host,
        "started": one.started,
        "ended": one.ended,
        "status": one.status,
        "user_us": one.user_time,
        "system_us": one.system_time,
        "peak_memory_kib": one.peak_memory,
    }


def _exec(question: Question, number: int) -> dict[str, Any]:
    one = question.graph.execs[number]
    return {
        "number": one.number,
        "process": one.process,
        "previous": one.previous,
        "forked": one.forked,
        "step": one.step,
        "program": os.fsdecode(one.program),
        "arguments": _texts(one.arguments),
        "directory": os.fsdecode(one.directory),
        "started": one.started,
        "ended": one.ended,
        "environment": None if one.environment is None else _environment(question, one.environment),
    }


def _environment(question: Question, number: int) -> dict[str, str | None]:
    """Give names with the values that may be kept; null: only a keyed digest of the value is kept."""
    variables = question.graph.environments[number]
    return {os.fsdecode(one.name): _text(one.value) for one in variables}


def _access(question: Question, row: int) -> dict[str, Any]:
    table = question.graph.accesses
    return {
        "exec": table.exec[row],
        "file": table.version[row],
        "act": Act(table.act[row]).name.lower().replace("_", "-"),
        "first": table.first[row],
        "last": table.last[row],
        "count": table.count[row],
        "error": table.error[row],
    }


def _plain(value: object) -> Any:
    """Give facts as JSON can hold them, whatever mapping or sequence an adapter used."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return os.fsdecode(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else os.fsdecode(value)


def _texts(values: Sequence[bytes]) -> list[str]:
    return [os.fsdecode(value) for value in values]
