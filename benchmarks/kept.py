"""Rounds kept from one call of the benchmarks to the next, so that long ones can be taken a few at a time."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import astuple

from measure import Sample
from workloads import CACHE, HERE

Samples = dict[str, list[Sample]]


def kept(name: str, found: Samples, *, more: bool) -> Samples:
    """Keep a workload's rounds; with ``more``, behind those that were kept of the same commit before."""
    file = CACHE / "benchmarks" / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.json"
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    if more and file.exists():
        before = json.loads(file.read_text())
        if before["commit"] == commit and before["samples"].keys() == found.keys():
            found = {
                variant: [*(Sample(*one) for one in before["samples"][variant]), *samples]
                for variant, samples in found.items()
            }
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = {variant: [astuple(one) for one in samples] for variant, samples in found.items()}
    file.write_text(json.dumps({"commit": commit, "samples": plain}))
    return found
