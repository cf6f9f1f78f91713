"""Colours, on a terminal only: NO_COLOR turns them off, FORCE_COLOR on."""

from __future__ import annotations

import os
import sys
from functools import cache

STYLES = {
    "plain": "0",
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
    "warn": "1;33", "bad": "1;31", "good": "1;32",
}  # fmt: skip


@cache
def is_coloured() -> bool:
    """Tell whether standard output shows colours."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str) -> str:
    """Give ``text`` in one of STYLES where standard output shows colours."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if is_coloured() and text else text
