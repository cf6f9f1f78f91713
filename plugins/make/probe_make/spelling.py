"""Names as a Makefile writes them."""

from __future__ import annotations

import os
import re

# A recipe or the order-only prerequisites begin there, or a word ends: whatever stands before it.
_NEVER = re.compile(rb"[;|\t\n\v\f\r]|\\\Z|.\(.*\)\Z", re.S)
_SPECIAL = re.compile(rb"(\\*)([ #:*?\[])")
_SPECIAL_IN_TARGETS = re.compile(rb"(\\*)([ #:*?\[%])")
_DIRECTIVES = {b"define", b"export", b"override", b"private", b"undefine", b"unexport", b"include"}


def can_be_named(name: bytes, *, target: bool = False) -> bool:
    """Tell whether make has a way to write ``name`` in a rule's head, as a target or a prerequisite."""
    return _NEVER.search(name) is None and not (target and name.endswith(b"&"))


def quoted(name: bytes, *, target: bool = False) -> bytes:
    """Write a name that `can_be_named` so that make takes it as it is."""
    if name.startswith(b"~") or name in _DIRECTIVES:
        name = b"./" + name
    special = _SPECIAL_IN_TARGETS if target else _SPECIAL
    name = special.sub(lambda found: found[1] * 2 + b"\\" + found[2], name).replace(b"$", b"$$")
    if b"=" not in name:
        return name
    return b"$(or " + name.replace(b",", b"$(subst ,,,)") + b")"  # else it is an assignment


def near(path: bytes, directory: bytes) -> bytes:
    """Give the name that a Makefile in ``directory`` uses: relative, unless the file lies far away."""
    top = directory.rpartition(b"/")[0]
    is_near = path.startswith((directory.rstrip(b"/") + b"/", (top or directory).rstrip(b"/") + b"/"))
    return os.path.relpath(path, directory) if is_near and top else path
