"""The store of all that was taken in."""

from __future__ import annotations

from pathlib import Path

from probe_core.history.interface import History, Identity, Kept, Rows, RunSummary

__all__ = ["History", "Identity", "Kept", "Rows", "RunSummary", "open_history"]


def open_history(place: str | Path | None = None) -> History:
    """Open the history at ``place``, else at PROBE_HISTORY, else the user's own; make it where there is none.

    Raises HistoryError: it is not a history, is from a newer PROBE, cannot be read or made.
    """
    from probe_core.history.sqlite import open_sqlite  # only who opens one pays for the database

    return open_sqlite(place)
