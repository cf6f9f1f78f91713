"""Text that a terminal can be given: one escape for whatever would move the cursor or break the line.

At the level of the model, because gaps, closing lines, answers and errors all show names that other people
chose. Bytes that are not UTF-8 stand in a text as lone surrogates (Python's ``os.fsdecode``).
"""

from __future__ import annotations

import os

_NAMED = {"\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
          "\x1b": "\\e"}  # fmt: skip


def printable(text: str | bytes) -> str:
    """Give ``text`` on one line, without control characters, direction marks and broken bytes."""
    text = os.fsdecode(text)
    return text if text.isprintable() else "".join(map(escaped, text))


def is_printable(letter: str) -> bool:
    """Whether a character can be shown as it is; a blank of any width can."""
    if letter.isprintable():
        return True
    from unicodedata import category  # seldom needed, and its tables are large

    return category(letter) == "Zs"


def escaped(letter: str) -> str:
    """Give a character as it is, or as the shell's ``$'…'`` writes it when it cannot be shown."""
    if letter in _NAMED:
        return _NAMED[letter]
    if is_printable(letter):
        return letter
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not read
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


__all__ = ["escaped", "is_printable", "printable"]
