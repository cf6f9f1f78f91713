"""Start a recording: what `probe record` and the engines' verbs have in common.

Between the user's prompt and the user's command: import little.
"""

from __future__ import annotations

import os
import sys

from probe_core.doors import LatePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import NoReturn

STATIC = ("gap", "watch", "auto")
# `python -m` would import runpy and more, to find what is known here
FINISH = "from probe_core.history.finish import main; main()"
FLAGS = {"-v": "verbose", "--verbose": "verbose", "-q": "quiet", "--quiet": "quiet", "--keep": "keep"}


class Request:
    """What to record, and how.

    ``static``: what to do with programs that no preload can enter: gap, watch, auto. ``engine``: the verb of
    an engine; None: recognised by the command's first word.
    """

    def __init__(
        self,
        command: Sequence[str] = (),
        name: str | None = None,
        *,
        verbose: bool = False,
        quiet: bool = False,
        keep: bool = False,
        static: str | None = None,
        engine: str | None = None,
        spool: str | None = None,
        history: str | None = None,
    ) -> None:
        self.command, self.name = command, name
        self.verbose, self.quiet, self.keep = verbose, quiet, keep
        self.static, self.engine = static, engine
        self.spool, self.history = spool, history

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Request({vars(self)!r})"


def plain_request(words: Sequence[str]) -> Request | None:
    """Read the words behind `probe record`; None when they are not plain, for click to explain."""
    request = Request()
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word == "--":
            at += 1
            break
        if word in FLAGS:
            setattr(request, FLAGS[word], True)
        elif word == "--name" and at + 1 < len(words):
            at += 1
            request.name = words[at]
        elif word.startswith("--static=") and word.removeprefix("--static=") in STATIC:
            request.static = word.removeprefix("--static=")
        elif word.startswith("--name="):
            request.name = word.removeprefix("--name=")
        else:
            return None
        at += 1
    request.command = words[at:]
    return request if request.command else None


def engine_request(words: Sequence[str]) -> Request | None:
    """Read `probe ENGINE [--static=POLICY] …`; None when no engine is called so. The rest is the engine's."""
    from probe_core.plugins import engines

    engine = engines().get(words[0])
    if engine is None or not engine.commands:
        return None
    own, rest = _static_of(words[1:])
    return Request((engine.commands[0], *rest), engine=engine.name, static=own)


def _static_of(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Take our one option from the front of an engine's words."""
    if not words or not words[0].startswith("--static="):
        return None, words
    policy = words[0].removeprefix("--static=")
    if policy not in STATIC:
        from probe_core.errors import UsageError

        raise UsageError(f"--static is {', '.join(STATIC[:-1])} or {STATIC[-1]}, not {policy!r}")
    return policy, words[1:]


def start(request: Request) -> NoReturn:
    """Become the launcher, which runs the command and ends as it ends.

    Every engine's surroundings go along, so that one started anywhere below declares its steps; the engine
    in front, if one is, prepares its own command line.
    """
    from probe_core.capture.launch import record

    spool = _spool(request)
    run_id = _new_id()
    folder = f"{spool}/runs/{run_id}"
    prepared = _Prepared([os.fsencode(word) for word in request.command], dict(os.environb), request.engine)
    if _make_folders(
        spool, folder
    ):  # else the launcher says what is wrong, and runs the command all the same
        _ask_engines(prepared, folder)
    if request.verbose:
        for note in prepared.notes:
            print(f"probe: {note}", file=sys.stderr)
    record(
        prepared.command,
        name=request.name,
        engine=prepared.engine,
        spool=spool,
        run_id=run_id,
        quiet=request.quiet,
        verbose=request.verbose,
        static=request.static,
        environment=prepared.environment,
        then=_then(request),
        behind=True,
    )


class _Prepared:
    """The command and its environment as the engines want them."""

    def __init__(self, command: list[bytes], environment: dict[bytes, bytes], engine: str | None) -> None:
        self.command, self.environment, self.engine = command, environment, engine
        self.notes: list[str] = []


def _ask_engines(prepared: _Prepared, place: str) -> None:
    """Let every engine add its surroundings; an adapter that fails is told of and never stops the command."""
    from probe_core.plugins import engine_of, engines, plugins, surroundings

    folder: Path = LatePath(place)  # type: ignore[assignment]
    prepared.environment.update(surroundings(folder, prepared.environment))
    front = engines().get(prepared.engine) if prepared.engine else engine_of(prepared.command)
    if front is not None:
        prepared.engine = front.name
        try:
            door = front.prepare(prepared.command, folder, prepared.environment)
            prepared.command = list(door.command)
            prepared.environment.update(door.environment)
            prepared.notes += door.notes
        except Exception as error:
            from probe_core.errors import PluginError, ProbeError

            if isinstance(error, ProbeError) and not isinstance(error, PluginError):
                raise  # the engine cannot do what was asked for, and says why
            plugins().blame(front.name, error)
    prepared.notes += [str(fault) for fault in plugins().faults]


def _spool(request: Request) -> str:
    """Give the spool's folder as the launcher would choose it."""
    from probe_core.capture.place import spool_place

    place = os.path.join(os.getcwd(), request.spool) if request.spool else spool_place()  # noqa: PTH109, PTH118
    if "//" in place or "/./" in place or place.endswith(("/", "/.")):
        from pathlib import Path

        return str(Path(place))
    return place


def _make_folders(spool: str, folder: str) -> bool:
    """Make the run's folder, for the owner alone; False when it cannot be."""
    try:
        os.makedirs(os.path.dirname(spool), 0o700, exist_ok=True)  # noqa: PTH103, PTH120 -- hot
        for place, mode in ((spool, 0o711), (f"{spool}/runs", 0o700), (folder, 0o700)):
            try:
                os.mkdir(place, mode)  # noqa: PTH102
            except FileExistsError:
                if not os.path.isdir(place):  # noqa: PTH112
                    return False
    except OSError:
        return False
    return True


def _new_id() -> str:
    """Give a random UUID (version 4), without the cost of importing uuid."""
    raw = bytearray(os.urandom(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _at_home(path: str) -> str:
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111


def _then(request: Request) -> list[str]:
    """Give the command that takes the run in when it has ended."""
    words = [sys.executable, "-P", "-c", FINISH]
    history = request.history or os.environ.get("PROBE_HISTORY")
    if history:  # it may be opened from another folder
        words += ["--history", history if "://" in history else os.path.abspath(_at_home(history))]  # noqa: PTH100
    for flag, wanted in (
        ("--keep", request.keep),
        ("--quiet", request.quiet),
        ("--verbose", request.verbose),
    ):
        words += [flag] * wanted
    return words
