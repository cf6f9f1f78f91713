"""Names, times and amounts as people read them, alike in every answer.

File names are bytes and may hold anything. Shown ones are pasteable into a shell: plain where that is
safe, else quoted, with control characters and bytes that are not UTF-8 as escapes in ``$'…'``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from probe_core.printable import escaped, is_printable

_PLAIN = re.compile(r"[\w@%+=:,./~^\[\]{}-]+\Z")
_QUOTED = {"\\": "\\\\", "'": "\\'"}  # inside $'…'
SECOND = 1_000_000_000


def shown(name: bytes | str) -> str:
    """Give a file name, argument or program for people: nothing in it can move the cursor or break a line."""
    text = os.fsdecode(name)
    if _PLAIN.match(text):
        return text
    if all(map(is_printable, text)):
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(_QUOTED.get(letter) or escaped(letter) for letter in text) + "'"


def name_of(path: bytes, directory: bytes | None = None) -> str:
    """Give a path for people, relative where it lies in ``directory``."""
    if directory and directory != b"/" and path.startswith(directory.rstrip(b"/") + b"/"):
        path = path[len(directory.rstrip(b"/")) + 1 :]
    return shown(path)


def command_of(arguments: Sequence[bytes], limit: int = 100) -> str:
    """Give a command line for people, cut at about ``limit`` characters."""
    text = " ".join(shown(one) for one in arguments)
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def time_of(when: int | None, *, date: bool = False) -> str:
    """Give a time of day, to the millisecond, in the reader's time zone; with ``date``: to the second."""
    if when is None:
        return "at a time not known"
    moment = datetime.fromtimestamp(when / SECOND, UTC).astimezone()
    if date:
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def span_of(nanoseconds: int | None) -> str:
    """Give a length of time with two or three significant digits."""
    if nanoseconds is None or nanoseconds < 0:
        return "?"
    seconds = nanoseconds / SECOND
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size_of(size: int | None) -> str:
    """Give a number of bytes in binary units."""
    if size is None:
        return "size not known"
    if size < 1024:
        return f"{size} B"
    amount, units = size / 1024, ["KiB", "MiB", "GiB", "TiB", "PiB"]
    while amount >= 1023.95 and len(units) > 1:
        amount /= 1024
        del units[0]
    return f"{amount:.1f} {units[0]}"


def count_of(number: int, one: str, many: str | None = None) -> str:
    """Give a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
