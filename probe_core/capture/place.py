"""Where the spool is. Apart from the spool itself, since starting a recording needs no more than this."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def default_spool(environ: Mapping[str, str] | None = None) -> Path:
    """Give `spool_place` as a Path."""
    from pathlib import Path

    return Path(spool_place(environ))


def spool_place(environ: Mapping[str, str] | None = None) -> str:
    """Choose as probe-record does: PROBE_SPOOL, the user's state folder, else below /tmp.

    SpoolError when only /tmp is left and the place there is not the user's own.
    """
    environ = os.environ if environ is None else environ
    if said := environ.get("PROBE_SPOOL"):
        return os.path.join(os.getcwd(), said)  # noqa: PTH109, PTH118 -- hot, as all here
    state, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    if state.startswith("/"):
        usual = os.path.join(state, "probe")  # noqa: PTH118
    elif home.startswith("/"):
        usual = os.path.join(home, ".local/state/probe")  # noqa: PTH118
    else:
        return _own_place_below_tmp()
    return usual if _can_be_written(usual) else _own_place_below_tmp()


def _can_be_written(folder: str) -> bool:
    while not os.path.exists(folder) and folder != "/":  # noqa: PTH110
        folder = os.path.dirname(folder)  # noqa: PTH120
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)  # noqa: PTH112


def _own_place_below_tmp() -> str:
    """/tmp is everybody's: only a folder that is ours, and that nobody else can write, will do."""
    from pathlib import Path
    from stat import S_ISDIR

    from probe_core.errors import SpoolError

    place = f"/tmp/probe-{os.geteuid()}"
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return place
    except OSError as error:
        raise SpoolError(Path(place), (error.strerror or str(error)).lower()) from None
    if not S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SpoolError(Path(place), "it is not a folder that only you can write; set PROBE_SPOOL")
    return place
