"""What make itself expands for every target: the step's key, and a line that declares it.

``GNUMAKEFLAGS`` gives every GNU make (4.0 and newer; other makes do not know the name) one command-line
variable, ``PROBE_STEP``, which make exports, and expands anew for each target's environment. Sub-makes
get it through MAKEFLAGS. It holds no more than a reference, in braces and without lower-case letters,
because Makefiles look for single letters in ``$(MAKEFLAGS)`` and print it through a shell. The text it
refers to travels as an ordinary environment variable, which make does not expand on its way to children.

The prerequisites go to a file by ``$(file …)`` and never into the environment, which a few thousand names
would overflow. Each make process writes a file of its own, named by its process id (what /proc/self leads
to), so that lines of makes that run at once cannot mix.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "make"  # below the run's declarations
FIELD = b"\x1f"
LINE = b"\x1e\n"
ROOM = 32 << 20  # bytes the spool must have free: make stops when $(file …) cannot write

_FIELDS = (
    b"2",  # the version of this line
    b"$(notdir $(realpath /proc/self))",
    b"$(MAKELEVEL)",
    b"$(CURDIR)",
    b"$@",
    b"$%",
    b"$^",
    b"$|",
    b"$*",
    b"$(MAKE_VERSION)",
    b"$(MAKEFILE_LIST)",
    b"$<",
    b"$(value MAKE_RESTARTS)",
)
_KEY = (
    b"make:$(notdir $(realpath /proc/self)):$(MAKELEVEL):$(CURDIR):$@$(if $%,($%))"
    b"$(if $(value MAKE_RESTARTS),+$(value MAKE_RESTARTS))$(if $<,<$<)"
)
_PLACE = b"$(value PROBE_RUN)/declarations/" + FOLDER.encode()
# $(wildcard) splits at blanks; a `?` in their place finds the folder all the same.
_PLACE_IS_THERE = b"$(wildcard $(subst [,?,$(subst $(subst x, ,x),?," + _PLACE + b"))/.)"
_DECLARE = (
    b"$(if "
    + _PLACE_IS_THERE
    + b",$(file >>"
    + _PLACE
    + b"/$(notdir $(realpath /proc/self)),"
    + FIELD.join(_FIELDS)
    + b"\x1e))"
)
_REFERENCE = b"PROBE_STEP=$${PROBE_MAKE}"


def surroundings(run_folder: Path, environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Give the variables that let any GNU make below declare its steps in ``run_folder``.

    The user's own GNUMAKEFLAGS are kept. Where the spool is nearly full the steps are told apart, but not
    declared, since a make that cannot write its line would stop.
    """
    folder = run_folder / "declarations" / FOLDER
    flags = environment.get(b"GNUMAKEFLAGS", b"")
    if _REFERENCE not in flags:
        flags = b" ".join(filter(None, (flags, _REFERENCE)))
    if _has_room(run_folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {b"GNUMAKEFLAGS": flags, b"PROBE_MAKE": _DECLARE + _KEY}
    return {b"GNUMAKEFLAGS": flags, b"PROBE_MAKE": _KEY}


def _has_room(folder: Path) -> bool:
    try:
        place = os.statvfs(folder)
    except OSError:
        return False
    return place.f_bavail * place.f_frsize >= ROOM
