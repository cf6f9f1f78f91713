"""Start a recording: become probe-record, or have it prepare a folder for a root that already runs.

Kept small and quick to import: it stands between the user's prompt and the user's command.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import NoReturn

LAUNCHER = "probe-record"
Text = str | bytes


def find_launcher() -> Path:
    """Find probe-record beside the interpreter, among the scripts or on PATH; else RecorderError."""
    from pathlib import Path

    return Path(_launcher())


def _launcher() -> str:
    for folder in _places():
        path = os.path.join(folder, LAUNCHER)  # noqa: PTH118 -- hot: pathlib costs more than the search
        if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113
            return path
    from probe_core.errors import RecorderError

    raise RecorderError(f"{LAUNCHER} was not found; install probe-provenance again")


def record(
    command: Sequence[Text],
    *,
    name: str | None = None,
    engine: str | None = None,
    spool: Path | str | None = None,
    run_id: str | None = None,
    quiet: bool = False,
    verbose: bool = False,
    static: str | None = None,
    environment: Mapping[str, str] | Mapping[bytes, bytes] | None = None,
    then: Sequence[Text] = (),
    behind: bool = False,
) -> NoReturn:
    """Become probe-record, which runs ``command`` and ends as it ends.

    ``static`` is what to do with programs that no preload can enter: gap, watch, auto; None: the user's
    default.
    ``then`` is run when the command has ended, with the run's folder as one more argument; with ``behind``,
    for a large run, apart from the terminal, after the launcher's own end, with ``--lock=N`` before the
    folder: the descriptor that holds the run's lock.
    RecorderError when probe-record is not found or cannot be executed.
    """
    launcher = _launcher()
    options = _options(name, engine, spool, run_id)
    options += [f"--static={static}".encode()] if static else []
    options += [b"-q"] * quiet + [b"-v"] * verbose + [b"--behind"] * behind
    for word in then:
        options += [b"--then", os.fsencode(word)]
    arguments = [os.fsencode(LAUNCHER), *options, b"--", *map(os.fsencode, command)]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    try:
        os.execve(launcher, arguments, _encoded(environment))
    except OSError as error:
        from probe_core.errors import RecorderError

        raise RecorderError(f"{launcher} cannot be executed: {error.strerror}") from None


def prepare(
    command: Sequence[Text] = (),
    *,
    root: int | None = None,
    name: str | None = None,
    engine: str | None = None,
    spool: Path | str | None = None,
    run_id: str | None = None,
    environment: Mapping[str, str] | Mapping[bytes, bytes] | None = None,
) -> dict[str, str]:
    """Make the folder of a run whose root (this process, unless ``root`` says) already runs.

    Gives the variables that its children need: LD_PRELOAD and PROBE_RUN. ``command`` is what run.json
    shows. RecorderError when nothing can be recorded, with the launcher's own reason.
    """
    import subprocess

    from probe_core.errors import RecorderError

    launcher = _launcher()
    options = [b"--prepare", b"--root", str(root or os.getpid()).encode()]
    options += _options(name, engine, spool, run_id)
    arguments = [os.fsencode(launcher), *options, b"--", *map(os.fsencode, command)]
    try:
        done = subprocess.run(
            arguments,
            env=_encoded(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise RecorderError(f"{launcher} cannot be executed: {error.strerror}") from None
    if done.returncode:
        said = os.fsdecode(done.stderr.strip()).removeprefix("probe: ").removeprefix("not recorded: ")
        raise RecorderError(said or f"{LAUNCHER} ended with {done.returncode}")
    pairs = (entry.partition(b"=") for entry in done.stdout.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def _places() -> Iterator[str]:
    yield os.path.dirname(sys.executable)  # noqa: PTH120
    import sysconfig  # only when it is not beside the interpreter

    for scheme in (None, sysconfig.get_preferred_scheme("user")):
        found = sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")
        if found:
            yield found
    yield from os.get_exec_path()


def _options(
    name: str | None, engine: str | None, spool: Path | str | None, run_id: str | None
) -> list[bytes]:
    said = {"--name": name, "--engine": engine, "--spool": spool, "--id": run_id}
    options: list[bytes] = []
    for option, value in said.items():
        if value is not None:
            options += [option.encode(), os.fsencode(value)]
    return options


def _encoded(environment: Mapping[str, str] | Mapping[bytes, bytes] | None) -> dict[bytes, bytes]:
    if environment is None:
        return dict(os.environb)
    return {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
