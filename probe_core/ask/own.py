"""What an engine calls its own: files that a step may touch without a word in its rule."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

# Facts of a run or a declaration that name such files: book-keeping, the workflow's text, the step's script.
NAMES = ("own_paths", "workflow_files", "script")


def own_paths(facts: Mapping[str, object]) -> Iterator[bytes]:
    """Give the paths that ``facts`` name under NAMES; each stands for itself and all below it.

    A value is an absolute path, a mapping with ``path``, or a list of these.
    """
    for name in NAMES:
        told = facts.get(name)
        for place in told if isinstance(told, (list, tuple)) else (told,):
            path = place.get("path") if isinstance(place, Mapping) else place
            if isinstance(path, str) and path.startswith("/"):
                yield os.fsencode(path.rstrip("/") or "/")
