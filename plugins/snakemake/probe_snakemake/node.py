"""A job on a cluster's node that cannot see the run's folder: it is recorded there and then brought home.

Such a job is a run of its own, inside the one that submitted it. It is recorded below the node's folder for
temporary files; when the job ends, it is moved into the workflow's directory, which is shared where Snakemake
assumes so, and the Snakemake that submitted it moves it into its own spool. Where a killed job's run lies is
told by a word that it left in that directory.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

HOME = Path(".snakemake") / "probe"  # below the workflow's directory
AWAY, TOLD = ".away", ".told"  # endings of what a job says of where it is recorded; the second: passed on
_said: set[Path] = set()


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


def announce(folder: Path) -> None:
    """Leave word in the workflow's directory of where a run on this node lies: its job may be killed."""
    if not is_away():
        return
    word = json.dumps({"host": os.uname().nodename, "path": os.fspath(folder)})
    try:
        HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = HOME / f".{folder.name}.word"
        aside.write_text(word)
        aside.rename(HOME / f"{folder.name}{AWAY}")
    except OSError as error:
        _stays(folder, error)


def leave(folder: Path) -> bool:
    """Bring a run recorded on this node into the workflow's directory; False when it is no such run."""
    if not is_away():
        return False
    try:
        aside = HOME / f".{folder.name}"
        shutil.copytree(folder, aside)
        aside.rename(HOME / folder.name)
    except (OSError, shutil.Error) as error:
        _stays(folder, error)
        return True
    _forget(folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _stays(folder: Path, error: Exception) -> None:
    """Say, once, that a run stays where it is."""
    if folder not in _said:
        _said.add(folder)
        where = f"{os.uname().nodename}:{folder}"
        reason = getattr(error, "strerror", None) or "it cannot be written"
        line = f"probe: what this job recorded stays in {where}, as .snakemake/probe is of no use: {reason}"
        print(line, file=sys.stderr)


def collect(spool_folder: Path, tell: Callable[[str], None]) -> int:
    """Move what jobs left in this directory's workflow into the spool; give how many runs that were.

    Of what stayed on a node ``tell`` is told, once; it is fetched when it can be seen from here.
    """
    moved = 0
    for folder in sorted(HOME.glob("*-*-*-*-*")):
        if not folder.suffix and _moved(folder, spool_folder):
            moved += 1
    for word in sorted((*HOME.glob(f"*{AWAY}"), *HOME.glob(f"*{TOLD}"))):
        try:
            host, path = itemgetter("host", "path")(json.loads(word.read_text()))
            if host == os.uname().nodename and _has_ended(Path(path)) and _moved(Path(path), spool_folder):
                moved += 1
            elif word.suffix == AWAY:
                what = f"a job that was killed, or still runs, was recorded on {host}"
                tell(f"{what}: what it did stays there, in {path}")
                word.rename(word.with_suffix(TOLD))
        except (OSError, ValueError, LookupError, TypeError):
            continue  # it came home meanwhile
    return moved


def _has_ended(folder: Path) -> bool:
    from probe_core.capture.spool import RunFolder
    from probe_core.errors import ProbeError

    try:
        return (folder / "run.json").is_file() and not RunFolder(folder).is_open()
    except ProbeError:
        return False


def _moved(folder: Path, spool_folder: Path) -> bool:
    """Move a run into the spool; False: another Snakemake here was first, or the next one does it."""
    try:
        shutil.move(folder, spool_folder / "runs" / folder.name)
    except (OSError, shutil.Error):
        return False
    _forget(folder.name)
    return True


def _forget(name: str) -> None:
    for ending in (AWAY, TOLD):
        (HOME / f"{name}{ending}").unlink(missing_ok=True)
