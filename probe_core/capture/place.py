"""Where the spool is. Apart from the spool itself, since starting a recording needs no more than this."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from probe_core.errors import SpoolError


def default_spool(environ: Mapping[str, str] | None = None) -> Path:
    """Choose as probe-record does: PROBE_SPOOL, the user's state folder, else below /tmp.

    SpoolError when only /tmp is left and the place there is not the user's own.
    """
    environ = os.environ if environ is None else environ
    if said := environ.get("PROBE_SPOOL"):
        return Path.cwd() / said
    state, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    if state.startswith("/"):
        usual = Path(state) / "probe"
    elif home.startswith("/"):
        usual = Path(home) / ".local/state/probe"
    else:
        return _own_place_below_tmp()
    return usual if _can_be_written(usual) else _own_place_below_tmp()


def _can_be_written(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _own_place_below_tmp() -> Path:
    """/tmp is everybody's: only a folder that is ours, and that nobody else can write, will do."""
    place = Path(f"/tmp/probe-{os.geteuid()}")
    try:
        found = place.lstat()
    except FileNotFoundError:
        return place
    except OSError as error:
        raise SpoolError(place, (error.strerror or str(error)).lower()) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SpoolError(place, "it is not a folder that only you can write; set PROBE_SPOOL")
    return place
