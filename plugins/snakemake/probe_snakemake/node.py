"""A job on a cluster's node that cannot see the run's folder: it is recorded there and then brought home.

Such a job is a run of its own, inside the one that submitted it. It is recorded below the node's folder for
temporary files; when the job ends, it is moved into the workflow's directory, which is shared where Snakemake
assumes so, and the Snakemake that submitted it moves it into its own spool.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

HOME = Path(".snakemake") / "probe"  # below the workflow's directory


def is_away() -> bool:
    """Tell whether this process belongs to a run whose folder does not exist on this host."""
    folder = os.environ.get("PROBE_RUN", "")
    return folder.startswith("/") and not Path(folder, "run.json").is_file()


def spool() -> Path | None:
    """Give the spool on this node for a job whose run is elsewhere; None: the user's own."""
    if not is_away():
        return None
    temporary = os.environ.get("SLURM_TMPDIR") or tempfile.gettempdir()
    place = Path(temporary) / f"probe-node-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def drop_dead_preloads() -> None:
    """Take libprobe out of LD_PRELOAD where it is not on this host: the loader would complain each time."""
    entries = os.environ.get("LD_PRELOAD", "").replace(":", " ").split()
    alive = [one for one in entries if "libprobe" not in one or Path(one).exists()]
    if len(alive) < len(entries):
        os.environ["LD_PRELOAD"] = ":".join(alive)
        if not alive:
            del os.environ["LD_PRELOAD"]


def leave(folder: Path) -> bool:
    """Bring a run recorded on this node into the workflow's directory; False when it is no such run."""
    if not is_away():
        return False
    try:
        HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = HOME / f".{folder.name}"
        shutil.copytree(folder, aside)
        aside.rename(HOME / folder.name)
    except (OSError, shutil.Error):
        where = f"{os.uname().nodename}:{folder}"
        print(f"probe: what this job recorded stays in {where}: .snakemake is not writable", file=sys.stderr)
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return True


def collect(spool_folder: Path) -> int:
    """Move what jobs left in this directory's workflow into the spool; give how many runs that were."""
    moved = 0
    for folder in sorted(HOME.glob("*-*-*-*-*")):
        try:
            shutil.move(folder, spool_folder / "runs" / folder.name)
            moved += 1
        except (OSError, shutil.Error):
            continue  # another Snakemake of this directory was first, or the next one does it
    return moved
