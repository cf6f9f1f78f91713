"""Findings as SARIF 2.1.0 (OASIS), which code review tools show beside the workflow's text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from probe_core.hooks import Finding
from probe_core.model import RunGraph

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
# Facts of a declaration that name the workflow file in which its rule stands.
_FILES = ("snakefile", "makefile", "script")


def sarif(
    findings: Iterable[Finding], graph: RunGraph, accepted: Mapping[int, str], version: str
) -> dict[str, Any]:
    """Give the log; ``accepted`` are reasons by the number of the finding in ``findings``."""
    results = [_result(one, graph, accepted.get(number)) for number, one in enumerate(findings)]
    lints = sorted({one["ruleId"] for one in results})
    driver = {
        "name": "probe check",
        "version": version,
        "rules": [{"id": lint, "name": lint.title().replace("-", "")} for lint in lints],
    }
    base = "file://" + quote(os.fsencode(os.fsdecode(graph.run.directory).rstrip("/") + "/"))
    run = {"tool": {"driver": driver}, "originalUriBaseIds": {ROOT: {"uri": base}}, "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, graph: RunGraph, reason: str | None) -> dict[str, Any]:
    step = None if finding.step is None else graph.steps[finding.step]
    rule = "" if step is None else step.rule or ""
    text = finding.message + (f". To do: {finding.remedy}" if finding.remedy else "")
    print_of = "\0".join((finding.lint, rule, os.fsdecode(finding.path or b"")))
    digest = hashlib.sha256(print_of.encode(errors="surrogateescape")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": finding.lint,
        "level": "warning",
        "message": {"text": _unicode(text), "markdown": _unicode("\n\n".join([text, *finding.evidence]))},
        "partialFingerprints": {"probe/v1": digest},
    }
    if location := _location(finding, graph):
        result["locations"] = [location]
    if reason is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": _unicode(reason)}
        ]
    return result


def _location(finding: Finding, graph: RunGraph) -> dict[str, Any] | None:
    """Give the place of the rule in the workflow's text; of a finding without one, the file itself."""
    step = None if finding.step is None else graph.steps[finding.step]
    facts = step.declaration.facts if step is not None and step.declaration is not None else {}
    file = next((facts[name] for name in _FILES if isinstance(facts.get(name), str)), None)
    path = os.fsencode(file) if file else finding.path
    if path is None:
        return None
    inside = path.startswith(graph.run.directory.rstrip(b"/") + b"/")
    place: dict[str, Any] = {"uri": quote(os.path.relpath(path, graph.run.directory))} if inside else {}
    if inside:
        place["uriBaseId"] = ROOT
    else:
        place["uri"] = "file://" + quote(path)
    physical: dict[str, Any] = {"artifactLocation": place}
    line = facts.get("line")
    if file and isinstance(line, int) and line > 0:
        physical["region"] = {"startLine": line}
    return {"physicalLocation": physical}


def _unicode(text: str) -> str:
    """Escape bytes that are not UTF-8: SARIF is Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()
