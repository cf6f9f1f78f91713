"""Record a real command with the installed launcher and stitch what it left, for tests of the whole chain."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from probe_core.capture.spool import RunFolder, Spool
from probe_core.model import Act, RunGraph
from probe_core.stitch import stitch

LAUNCHER = Path(sys.executable).parent / "probe-record"
READS = {Act.READ, Act.INHERITED_READ}
WRITES = {Act.WRITE, Act.INHERITED_WRITE}


@dataclass(frozen=True)
class Recording:
    """What one command left: its run's folder, its result and the graph."""

    folder: RunFolder
    result: subprocess.CompletedProcess[bytes]
    graph: RunGraph

    def touched(self, acts: set[Act]) -> set[bytes]:
        """Paths that some exec touched in one of these ways."""
        table = self.graph.accesses
        return {
            self.graph.versions[version].path
            for version, act in zip(table.version, table.act, strict=True)
            if Act(act) in acts
        }


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's environment without what an outer recording would add."""
    outer = ("PROBE_RUN", "PROBE_STEP", "LD_PRELOAD")
    kept = {name: value for name, value in os.environ.items() if name not in outer}
    return kept | dict(extra or {})


def record(
    command: Sequence[str | bytes], directory: Path, spool: Path, env: Mapping[str, str] | None = None
) -> Recording:
    """Run ``command`` in ``directory`` under probe-record; stitch without any engine."""
    before = {folder.id for folder in Spool(spool).runs()} if spool.is_dir() else set()
    result = subprocess.run(
        [LAUNCHER, "--spool", spool, "-q", "--", *command],
        cwd=directory,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    (folder,) = [folder for folder in Spool(spool).runs() if folder.id not in before]
    return Recording(folder, result, stitch(folder, []))
