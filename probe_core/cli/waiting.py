"""What somebody sees who asks while runs are still being taken in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probe_core.capture.spool import RunFolder

LARGE = 2 << 20  # bytes of notes, from which on taking in is worth a word
PATIENCE = 5.0  # seconds, after which a program's log gets a word too


class Waiting:
    """Tells on standard error: on a terminal in a line that goes away again, else once, after a while."""

    def __init__(self) -> None:
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = ""
        self._told: set[str] = set()

    def takes_in(self, folder: RunFolder) -> None:
        """Say that this process takes this run in now, when that may take a while."""
        size = sum(path.stat().st_blocks * 512 for path in folder.segments()) if self._terminal else 0
        if size > LARGE:
            self._show(f"probe: taking in run {folder.id[:8]} …")

    def waits(self, folder: RunFolder, seconds: float) -> None:
        """Say that another process is at it."""
        sentence = f"probe: waiting for run {folder.id[:8]} to be taken in by another process"
        if self._terminal and seconds >= 0.2:
            self._show(f"{sentence}, {seconds:.0f} s …")
        elif not self._terminal and seconds >= PATIENCE and folder.id not in self._told:
            self._told.add(folder.id)
            print(sentence, file=sys.stderr, flush=True)

    def goes_on(self) -> None:
        """Take the line away."""
        self._show("")

    def _show(self, text: str) -> None:
        if text != self._shown:
            self._shown = text
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()
