"""What `probe doctor` looks at, one function a matter."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from probe_core.ask.wording import count_of, shown, size_of
from probe_core.cli.session import Session
from probe_core.errors import ProbeError
from probe_core.hooks import Engine
from probe_core.model import Act, RunGraph


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at; ``remedy`` where there is something to do."""

    what: str
    state: Literal["good", "warning", "bad"]
    text: str
    remedy: str | None = None


def examine(session: Session) -> Iterator[Examined]:
    """Look at everything; what fails in an unforeseen way is bad, and the rest is still looked at."""
    matters: tuple[tuple[str, Callable[[Session], Iterator[Examined]]], ...] = (
        ("machine", _machine),
        ("recorder", _recorder),
        ("test recording", _test_recording),
        ("static programs", _static),
        ("containers", _containers),
        ("spool", _spool),
        ("history", _history),
        ("plugins", _plugins),
        ("formats", _formats),
    )
    for what, look in matters:
        try:
            yield from look(session)
        except (ProbeError, OSError, subprocess.SubprocessError) as error:
            yield Examined(what, "bad", str(error))


def _machine(_: Session) -> Iterator[Examined]:
    library, release = platform.libc_ver()
    libc = (
        f"{library} {release}"
        if library
        else ("musl" if list(Path("/lib").glob("ld-musl-*")) else "unknown libc")
    )
    text = f"{platform.system()} {platform.release()}, {platform.machine()}, {libc}"
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        yield Examined("machine", "bad", text, "PROBE records on Linux, x86-64 and aarch64")
    else:
        yield Examined("machine", "good", text)
    yield Examined("python", "good", f"{platform.python_version()} ({sys.executable})")


def _recorder(_: Session) -> Iterator[Examined]:
    from probe_core.capture.launch import find_launcher

    launcher = find_launcher()
    done = subprocess.run([launcher, "--version"], capture_output=True, check=False, timeout=20)
    if done.returncode:
        yield Examined("recorder", "bad", f"{launcher} does not run: {os.fsdecode(done.stderr.strip())}")
        return
    from importlib.metadata import PackageNotFoundError, version

    said = done.stdout.decode().strip()
    try:
        own = version("probe-provenance")
    except PackageNotFoundError:
        own = "not installed"
    same = said.endswith(f" {own}")
    remedy = None if same else f"this is PROBE {own}: another installation's launcher was found first"
    yield Examined("recorder", "good" if same else "warning", f"{said} ({launcher})", remedy)


def _test_recording(_: Session) -> Iterator[Examined]:
    """Record a shell that copies a file, apart from the user's spool, and look for the copy."""
    from probe_core.capture.launch import find_launcher

    with tempfile.TemporaryDirectory(prefix="probe-doctor-") as folder:
        place = Path(folder).resolve()
        (place / "in").write_text("x")
        clean = {name: value for name, value in os.environ.items() if name not in ("PROBE_RUN", "PROBE_STEP")}
        done = subprocess.run(
            [find_launcher(), "--spool", place / "spool", "--", "/bin/sh", "-c", "cat in > out"],
            cwd=place, env=clean, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode or not (place / "out").exists():
            said = os.fsdecode(done.stderr.strip()) or f"ended with {done.returncode}"
            yield Examined("test recording", "bad", f"a recorded command fails: {said}")
            return
        yield _seen(_stitched(place / "spool"), place)


def _static(_: Session) -> Iterator[Examined]:
    from probe_core.capture.static import watching_here

    here = watching_here()
    if not here.kernel:
        text = f"they are gaps, and cannot be watched: {here.reason}"
        yield Examined("static programs", "warning", text, "use dynamically linked builds")
        return
    text = f"they are gaps, unless they are watched, which works here; {here.reason}"
    option = "auto" if here.harmless else "watch"
    yield Examined(
        "static programs", "good" if here.harmless else "warning", text,
        f"to see what they do: `probe record --static={option}`, or PROBE_STATIC={option}; docs/limits.md"
        " tells the price",
    )  # fmt: skip


def _containers(_: Session) -> Iterator[Examined]:
    from probe_core.capture.containers import STARTERS

    found = [name for name in STARTERS if shutil.which(name)]
    if os.environ.get("PROBE_CONTAINERS") == "gap":
        yield Examined("containers", "warning", "they are not entered, as PROBE_CONTAINERS=gap says")
    elif found:
        text = f"what runs in those of {', '.join(found)} is recorded"
        yield Examined("containers", "good", text, "docs/limits.md tells where it cannot be")


def _stitched(spool: Path) -> RunGraph | None:
    from probe_core.capture.spool import Spool
    from probe_core.stitch import stitch

    folders = Spool(spool).runs()
    return stitch(folders[0], []) if folders else None


def _seen(graph: RunGraph | None, place: Path) -> Examined:
    if graph is None:
        return Examined("test recording", "bad", "the recording left nothing in the spool",
                        "is there room, and may the folder of PROBE_SPOOL be written?")  # fmt: skip
    table = graph.accesses
    done = {
        (graph.versions[version].path, act) for version, act in zip(table.version, table.act, strict=True)
    }
    inside = os.fsencode(place)
    if (inside + b"/in", Act.READ) in done and (inside + b"/out", Act.WRITE) in done:
        return Examined(
            "test recording", "good", "a shell, and a program below it, are seen reading and writing"
        )
    return Examined("test recording", "bad", "the recorded shell's reading and writing were not seen",
                    "is /bin/sh a static program, or does something remove LD_PRELOAD?")  # fmt: skip


def _spool(session: Session) -> Iterator[Examined]:
    from probe_core.history.behind import LOG, complaints
    from probe_core.history.place import file_system

    spool = session.spool()
    runs = spool.runs()
    still_open = sum(1 for run in runs if run.is_open())
    there = spool.folder
    while not there.exists():
        there = there.parent
    room = shutil.disk_usage(there).free
    text = f"{shown(str(spool.folder))} ({file_system(there)}, {size_of(room)} free)"
    text += f", {count_of(still_open, 'open run')}"
    waiting = len(runs) - still_open
    text += f", {waiting} to be taken in" if waiting else ""
    if not os.access(there, os.W_OK | os.X_OK):
        yield Examined(
            "spool", "bad", f"{text}: it cannot be written", "set PROBE_SPOOL to a folder of yours"
        )
    elif room < 64 << 20:
        yield Examined(
            "spool", "warning", text, "there is little room; set PROBE_SPOOL to a folder on another disk"
        )
    else:
        yield Examined("spool", "good", text)
    for line in complaints(spool.folder):
        remedy = f"from {shown(str(spool.folder / LOG))}; remove it when it is read"
        yield Examined("taking in", "warning", line, remedy)


def _history(session: Session) -> Iterator[Examined]:
    from probe_core.history.place import file_system, history_file, is_shared

    place = history_file(session.history_place)
    with session.history() as history:
        known = len(history.runs())
    size = place.stat().st_size
    text = f"{shown(str(place))} ({file_system(place)}), {count_of(known, 'run')}, {size_of(size)}"
    if is_shared(place):
        yield Examined(
            "history", "warning", text, "on a network file system asking is slower; writers take turns"
        )
    else:
        yield Examined("history", "good", text)


def _plugins(_: Session) -> Iterator[Examined]:
    from probe_core.plugins import engines, plugin_manager, plugins

    plugin_manager()  # which looks at all their hooks
    for name, engine in engines().items():
        program = next((path for path in map(shutil.which, engine.commands) if path), None)
        if not engine.commands:
            yield Examined(f"engine {name}", "good", "known by what a command is")
        elif program is None:
            text, remedy = (
                f"no {engine.commands[0]} on PATH",
                f"nothing to do, unless you want to record {name}",
            )
            yield Examined(f"engine {name}", "warning", text, remedy)
        else:
            yield Examined(f"engine {name}", "good", f"{program}{_version_of(program, engine)}")
            for text in getattr(engine, "limits", tuple)():
                yield Examined(f"engine {name}", "warning", text)
    own = ", ".join(f"{name} ({origin})" for name, origin in plugins().origins.items())
    yield Examined("plugins", "good", own)
    for fault in plugins().faults:
        yield Examined("plugins", "bad", str(fault), "reinstall or remove that plugin")


def _version_of(program: str, engine: Engine) -> str:
    option = getattr(engine, "version_option", "--version")
    try:
        done = subprocess.run([program, option], capture_output=True, check=False, timeout=20, text=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    telling = [line.strip() for line in done.stdout.splitlines() if any(map(str.isdigit, line))]
    telling.sort(key=lambda line: not re.search(r"version \d+\.\d", line))  # before what a Java complains of
    return next((f", {line}" for line in telling), "")


def _formats(_: Session) -> Iterator[Examined]:
    from probe_core.plugins import formats

    yield Examined(
        "formats", "good", ", ".join(f"{one.name} ({' '.join(one.endings)})" for one in formats().values())
    )
