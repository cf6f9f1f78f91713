"""``snakemake --logger probe``: run and step states in the history, under any executor.

Imported at every start of Snakemake: what follows the log is loaded when the first record comes.
"""

from __future__ import annotations

import sys
from logging import LogRecord
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase


class LogHandler(LogHandlerBase):  # type: ignore[misc]
    """Writes no log of its own: what it is told goes into the run's folder."""

    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False
    _states: Any = None

    def emit(self, record: LogRecord) -> None:
        """Take one record; the first failure is told in one line and ends the following."""
        if self._states is False or getattr(record, "event", None) is None:
            return
        try:
            if self._states is None:
                from probe_snakemake.logging import States

                self._states = States()
            self._states.take(record)
        except Exception as error:  # the user's workflow runs
            self._states = False
            print(f"probe: this workflow's steps are not followed: {error}", file=sys.stderr)
