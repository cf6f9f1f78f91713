"""Stitching: from a run's folder to its graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe_core.capture.spool import RunFolder
from probe_core.model import GapReason, RunGraph
from probe_core.stitch.core import Stitcher, stitch_traces
from probe_core.stitch.declare import bookkeeping_of, declared_by
from probe_core.stitch.digests import Digester, KnownDigests
from probe_core.stitch.elsewhere import facts_of
from probe_core.stitch.files import DiskFacts
from probe_core.stitch.gaps import gap

if TYPE_CHECKING:
    from probe_core.hooks import Engine

__all__ = ["Stitcher", "stitch", "stitch_traces"]


def stitch(folder: RunFolder, engines: Sequence[Engine], *, known: KnownDigests | None = None) -> RunGraph:
    """Read a run's folder and make its graph, with proofs and digests from the disk as it is now.

    ``known`` are digests that the history has already. Raises SpoolError when the folder is no run.
    """
    from probe_core.capture.reader import read

    run = folder.run()
    traces = read(folder)
    spool = folder.path.parent.parent
    here = DiskFacts((bytes(spool / "runs"), bytes(spool / "lib")), run.host)
    files, where = facts_of(folder, here)
    declared = declared_by(engines, folder.path, first=run.engine)
    here.leave_alone(bookkeeping_of(declared))
    descriptors = [(one.path, one.device, one.inode) for one in folder.descriptors()]
    graph = stitch_traces(run, traces, declared, files, descriptors=descriptors, digester=Digester(known))
    if where:
        graph.gaps.insert(0, gap(GapReason.ELSEWHERE, where))
    return graph
