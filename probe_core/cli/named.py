"""Whether somebody meant just this file: a command line names it."""

from __future__ import annotations

import os

from probe_core.model import Exec


def names(one: Exec, path: bytes) -> bool:
    """Tell whether an argument of ``one``, seen from its directory, is ``path`` (by name, not by links)."""
    base = path.rpartition(b"/")[2]
    return any(
        word.endswith(base) and os.path.normpath(os.path.join(one.directory, word)) == path  # noqa: PTH118
        for word in one.arguments[1:]
    )
