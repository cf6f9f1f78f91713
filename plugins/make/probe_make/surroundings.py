"""What make itself expands for every target: the step's key, and a line that declares it.

``GNUMAKEFLAGS`` gives every GNU make (4.0 and newer; other makes do not know the name) one command-line
variable, ``PROBE_STEP``, which make exports, and expands anew for each target's environment. Sub-makes
get it through MAKEFLAGS. It holds no more than a reference, in braces and without lower-case letters,
because Makefiles look for single letters in ``$(MAKEFLAGS)`` and print it through a shell. The text it
refers to travels as an ordinary environment variable, which make does not expand on its way to children.

The prerequisites go to a file by ``$(file …)`` and never into the environment, which a few thousand names
would overflow. Each make process writes a file of its own, named by its process id (what /proc/self leads
to), so that lines of makes that run at once cannot mix. What is the same for all targets of a make is worked
out once: the first expansion replaces PROBE_STEP's own text by a short one.

Makes older than 4.0 know neither GNUMAKEFLAGS nor ``$(file …)``. Such a make in front gets the
same by its command line, and a shell writes the line.
"""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FOLDER = "make"  # below the run's declarations
FIELD = b"\x1f"
LINE = b"\x1e\n"
MOST = 500  # prerequisites that a shell is given
MANY = b"\x1a"  # stands for more
MOST_PROGRAM = 4 << 20  # bytes of make's program that are looked at
ROOM = 32 << 20  # bytes the spool must have free: make stops when $(file …) cannot write

_PLACE = b"$(value PROBE_RUN)/declarations/" + FOLDER.encode()
# $(wildcard) splits at blanks; a `?` in their place finds the folder all the same.
_PLACE_IS_THERE = b"$(wildcard $(subst [,?,$(subst $(subst x, ,x),?," + _PLACE + b"))/.)"
# Newer makes end the name of a file that they write to at its first blank.
_CAN_WRITE = b"$(if $(word 2,$(value PROBE_RUN)),$(filter 4.0% 4.1% 4.2% 4.3%,$(MAKE_VERSION)),x)"
_PROCESS = b"$(notdir $(realpath /proc/self))"
_RESTARTS = b"$(value MAKE_RESTARTS)"  # how often make has read its makefiles anew
_MAKE = (b"3", _PROCESS, b"$(MAKELEVEL)", b"$(CURDIR)", _RESTARTS)  # "3": the version of the lines
_MAKEFILES = (b"$(MAKE_VERSION)", b"$(MAKEFILE_LIST)")
_TARGET = (b"$@", b"$%", b"$^", b"$|", b"$*", b"$<")
_KEY = b"$(PROBE_KEY)$@$(if $%,($%))$(if $<,<$<)"


def _set(name: bytes, operator: bytes, value: bytes) -> bytes:
    """Let make set a variable; ``:=`` works the value out once."""
    return b"$(eval override %b %b %b)" % (name, operator, value.replace(b"$", b"$$"))


def _constant(name: bytes, value: bytes) -> bytes:
    """Let make work a value out once, and never hand the variable to a program."""
    return _set(name, b":=", value) + b"$(eval unexport %b)" % name


def _append(fields: tuple[bytes, ...]) -> bytes:
    return b"$(file >>$(PROBE_FILE)," + FIELD.join((b"$(PROBE_LINE)", *fields)) + b"\x1e)"


def _print(fields: tuple[bytes, ...]) -> bytes:
    """As `_append`, for a make that has no ``$(file …)``: a shell does it, if the Makefile's is one."""
    line = FIELD.join((b"$(PROBE_LINE)", *fields)).replace(b"$^", b"$(if $(word %d,$^),%b,$^)" % (MOST, MANY))
    quote = b"'$(subst ','\\'',%b)'"
    command = b"printf '%%s\\036\\n' %b >>%b" % (quote % line, quote % b"$(PROBE_FILE)")
    return b"$(if $(filter sh bash dash ksh zsh,$(notdir $(SHELL))),$(shell %b))" % command


def _from_now_on(text: bytes) -> bytes:
    """Let make expand ``text`` for this target and for all later ones."""
    return _set(b"PROBE_STEP", b"=", text) + b"$(eval export PROBE_STEP)" + text


_UNTOLD = _constant(
    b"PROBE_KEY", b"make:%b:$(MAKELEVEL)$(if %b,+%b):$(CURDIR):" % (_PROCESS, _RESTARTS, _RESTARTS)
)


def _told(write: Callable[[tuple[bytes, ...]], bytes]) -> bytes:
    """Let make work out once where it writes, and what is the same in all its lines."""
    return (
        _constant(b"PROBE_FILE", _PLACE + b"/" + _PROCESS)
        + _constant(b"PROBE_LINE", FIELD.join(_MAKE))
        + write(_MAKEFILES)
    )


def _for_a_target(text: bytes, *, old: bytes = _KEY) -> bytes:
    """Newer makes expand this for ``$(shell …)`` too, where there is no target and nothing to tell.

    ``old``: for a make that must not change a variable while it expands it.
    """
    once = b"$(if $(value PROBE_KEY),," + _UNTOLD + b")"
    return b"$(if $@,%b$(if $(filter 3.%%,$(MAKE_VERSION)),%b,%b))" % (once, old, text)


_DECLARE = _for_a_target(
    b"$(if $(and %b,%b),%b%b,%b)"
    % (
        _CAN_WRITE,
        _PLACE_IS_THERE,
        _told(_append),
        _from_now_on(_append(_TARGET) + _KEY),
        _from_now_on(_KEY),
    )
)
_DECLARE_BY_SHELL = _for_a_target(
    _from_now_on(_KEY),
    old=b"$(if $(or $(value PROBE_FILE),%b),$(if $(value PROBE_FILE),,%b)%b)%b"
    % (_PLACE_IS_THERE, _told(_print), _print(_TARGET), _KEY),
)
_IDENTIFY = _for_a_target(_from_now_on(_KEY))
_REFERENCE = b"PROBE_STEP=$${PROBE_MAKE}"
ARGUMENT = b"PROBE_STEP=${PROBE_MAKE}"  # the same as a word of make's command line


def surroundings(
    run_folder: Path, environment: Mapping[bytes, bytes], *, old: bool = False
) -> dict[bytes, bytes]:
    """Give the variables that let any GNU make below declare its steps in ``run_folder``.

    The user's own GNUMAKEFLAGS are kept. Where the spool is nearly full the steps are told apart, but not
    declared, since a make that cannot write its line would stop. ``old``: for a make that `lacks_file`, which
    needs `ARGUMENT` too.
    """
    flags = environment.get(b"GNUMAKEFLAGS", b"")
    if _REFERENCE not in flags:
        flags = b" ".join(filter(None, (flags, _REFERENCE)))
    if not _has_room(run_folder):
        return {b"GNUMAKEFLAGS": flags, b"PROBE_MAKE": _IDENTIFY}
    os.makedirs(os.path.join(run_folder, "declarations", FOLDER), 0o700, exist_ok=True)  # noqa: PTH103, PTH118
    return {b"GNUMAKEFLAGS": flags, b"PROBE_MAKE": _DECLARE_BY_SHELL if old else _DECLARE}


def lacks_file(program: bytes, environment: Mapping[bytes, bytes]) -> bool:
    """Tell whether a make is older than 4.0: it knows neither ``$(file …)`` nor GNUMAKEFLAGS."""
    folders = [b""] if b"/" in program else (environment.get(b"PATH") or os.defpath.encode()).split(b":")
    places = (os.path.join(folder, program) for folder in folders)  # noqa: PTH118 -- hot
    try:
        with open(next(filter(_can_run, places), program), "rb") as file:  # noqa: PTH123 -- hot
            text = file.read(MOST_PROGRAM)
    except OSError:
        return False
    return text.startswith(b"\x7fELF") and b"MAKEFLAGS" in text and b"GNUMAKEFLAGS" not in text


def _can_run(path: bytes) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 -- hot


def _has_room(folder: Path) -> bool:
    try:
        place = os.statvfs(folder)
    except OSError:
        return False
    return place.f_bavail * place.f_frsize >= ROOM
