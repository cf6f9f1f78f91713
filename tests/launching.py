"""A command under the bare launcher, and the runs that it leaves."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from recording import LAUNCHER, environment


def launch(
    command: Sequence[str | bytes], *options: str | Path, env: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess:
    """Run ``command`` under the launcher, with the spool of the test's environment."""
    chosen = {**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"], **(env or {})}
    return subprocess.run(
        [LAUNCHER, *options, "--", *command], env=chosen, capture_output=True, check=False, timeout=60, **more
    )


def runs(spool: str | Path | None = None) -> list[Path]:
    """List the runs' folders, oldest first."""
    folder = Path(spool or os.environ["PROBE_SPOOL"]) / "runs"
    return sorted(folder.iterdir(), key=lambda run: run.stat().st_mtime_ns)


def description(name: str = "run.json") -> dict:
    """Read run.json (or result.json) of the only run."""
    (run,) = runs()
    return json.loads((run / name).read_bytes())


def argument_counter(tmp_path: Path, *options: str) -> Path:
    """Compile a program that prints how many arguments it got."""
    (tmp_path / "p.c").write_text(
        '#include <stdio.h>\nint main(int n, char **v) { (void)v; return !printf("%d\\n", n); }'
    )
    subprocess.run(["gcc", *options, "-o", tmp_path / "p", tmp_path / "p.c"], check=True)
    return tmp_path / "p"
