"""The enforcing mode: a job fails when it read or left what its rule does not declare."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probe_core.model import RunGraph

LINTS = frozenset(("undeclared-input", "undeclared-output"))
_one_at_a_time = threading.Lock()


def faults(run_folder: Path, key: str) -> list[str]:
    """Tell what the step ``key`` of a run that goes on did undeclared, and nobody accepted; one line each.

    The run is read as far as it has come, which takes the longer the more it did before. Raises ProbeError
    when it cannot be read.
    """
    from probe_core.ask.allowed import AllowList
    from probe_core.ask.check import check

    with _one_at_a_time:
        graph = _so_far(run_folder)
        steps = {step.number for step in graph.steps if step.key == os.fsencode(key)}
        allowed = AllowList.near(Path(os.fsdecode(graph.run.directory)))
        found = (one for one in check(graph) if one.step in steps and one.lint in LINTS)
        return [
            one.message + (f": {one.remedy}" if one.remedy else "")
            for one in found
            if allowed.reason(one, graph) is None
        ]


def _so_far(run_folder: Path) -> RunGraph:
    from probe_core.capture.reader import read
    from probe_core.capture.spool import RunFolder
    from probe_core.plugins import engines
    from probe_core.stitch import stitch_traces
    from probe_core.stitch.declare import declared_by
    from probe_core.stitch.files import DiskFacts

    folder = RunFolder(run_folder)
    run = folder.run()
    spool = run_folder.parent.parent
    files = DiskFacts((bytes(spool / "runs"), bytes(spool / "lib")), run.host)
    declared = declared_by(list(engines().values()), run_folder, first=run.engine)
    descriptors = [(one.path, one.device, one.inode) for one in folder.descriptors()]
    return stitch_traces(run, read(folder), declared, files, descriptors=descriptors)
