"""Paths that were looked for and never there: by far the most of many runs, so nothing is made for each.

Such a path is its own canonical name, nothing is there now, and no other path of the run leads to it. The
others, of which a look-up failed too, are resolved and walked like all.
"""

from __future__ import annotations

from probe_core.capture.trace import Trace
from probe_core.stitch.columns import Plain
from probe_core.stitch.drafts import Names
from probe_core.stitch.files import FileFacts


class Never:
    """The index in the trace of each path that was never there."""

    def __init__(self, trace: Trace, plain: Plain, files: FileFacts) -> None:
        paths, absent, outside = trace.paths, files.absent, files.outside
        self.index_of: dict[bytes, int] = {}
        for index in plain.missed - plain.seen - plain.odd:
            path = paths[index]
            if path.startswith(b"/") and not outside(path) and absent(path):
                self.index_of[path] = index

    def leave(self, names: Names) -> list[int]:
        """Let go of those that another path, a rename or a link has led to; give their indexes."""
        return [self.index_of.pop(path) for path in names.known(self.index_of)]
