"""Whether a finding in a package's own Makefile is a fault: shown by building without a recorder.

``undeclared-input``: the file is touched, and make does not make the target again; for one file of a
package it is changed, and what make leaves differs from a clean build. ``unused-input``: the file is
touched, and the target is made again with the same content. ``undeclared-output``: the file is removed,
and make does not bring it back. ``race``: the recipe that makes the file is held up, and a parallel build
fails or ends otherwise.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from packages import Built, Fault, fresh, make, native

HELD = 3  # seconds
MOST = 25  # files that are touched for one package
MARK = '\nstatic const char probe_mark[] __attribute__((used)) = "changed";\n'
HELD_UP = """#!/bin/sh
case "$*" in *{target}*) ;; *{name}*) sleep {seconds};; esac
exec /bin/sh "$@"
"""


def shown(package: str, built: Built) -> dict[Fault, str]:
    """Give for each finding that could be shown how it was; ``built`` is changed meanwhile."""
    found: dict[Fault, str] = {}
    of_order = [one for one in built.findings if one.lint in ("race", "written-twice")]
    races = {one: _state(built.place / one.target) for one in of_order}
    make(built.place)  # what the recorded build left is up to date, or is from now on
    by_path: dict[str, list[Fault]] = {}
    for fault in sorted(built.findings, key=str):
        by_path.setdefault(fault.path, []).append(fault)
    for path, faults in list(by_path.items())[:MOST]:
        found |= _by_touch(built.place, path, faults)
        found |= _by_removal(built.place, path, faults)
    if stale := _by_content(package, built, by_path):
        found |= stale
    for fault, state in races.items():
        if _by_delay(package, built.place, fault, state):
            found[fault] = "held up"
    return found


def harmless(place: Path, seeds: Iterable[Fault]) -> set[Fault]:
    """Give the files taken out without harm: touched, make makes the target again, by a chain of rules."""
    by_path: dict[str, list[Fault]] = {}
    for one in seeds:
        if one.lint == "undeclared-input":
            by_path.setdefault(one.path, []).append(one)
    make(place)
    found: set[Fault] = set()
    for path, some in by_path.items():
        before = {one: _state(place / one.target) for one in some}
        time.sleep(0.02)
        (place / path).touch()
        if make(place).returncode == 0:
            found |= {one for one in some if _state(place / one.target) != before[one]}
    return found


def _by_touch(place: Path, path: str, faults: Iterable[Fault]) -> dict[Fault, str]:
    some = [one for one in faults if one.lint in ("undeclared-input", "unused-input")]
    file = place / path
    if not some or not file.is_file():
        return {}
    before = {one: _state(place / one.target) for one in some}
    time.sleep(0.02)
    file.touch()
    if make(place).returncode:
        return {}
    found = {}
    for one in some:
        old, new = before[one], _state(place / one.target)
        if one.lint == "undeclared-input" and old == new and old is not None:
            found[one] = "touched: up to date"
        elif one.lint == "unused-input" and old and new and old[0] != new[0] and old[1] == new[1]:
            found[one] = "touched: made again for nothing"
    return found


def _by_removal(place: Path, path: str, faults: Iterable[Fault]) -> dict[Fault, str]:
    some = [one for one in faults if one.lint == "undeclared-output"]
    file = place / path
    if not some or not file.is_file():
        return {}
    file.unlink()
    if make(place).returncode:
        return dict.fromkeys(some, "removed: the next make fails")
    return {} if file.exists() else dict.fromkeys(some, "removed: up to date")


def _by_content(package: str, built: Built, by_path: dict[str, list[Fault]]) -> dict[Fault, str]:
    """Change the header that most targets lack, and compare what make leaves with a clean build."""
    lacking = {
        path: [one for one in some if one.lint == "undeclared-input"]
        for path, some in by_path.items()
        if path.endswith(".h")
    }
    if not any(lacking.values()):
        return {}
    path = max(lacking, key=lambda one: (len(lacking[one]), one))
    place, aside = built.place, built.place.with_name("aside")
    with (place / path).open("a") as file:
        file.write(MARK)
    if make(place).returncode:
        return {}
    left = {one: _state(place / one.target) for one in lacking[path]}
    shutil.rmtree(aside, ignore_errors=True)
    place.rename(aside)
    try:  # in the same folder, whose name may stand in what is built
        fresh(package, place)
        with (place / path).open("a") as file:
            file.write(MARK)
        if make(place).returncode:
            return {}
        clean = {one: _state(place / one.target) for one in lacking[path]}
    finally:
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
    return {
        one: "changed: differs from a clean build"
        for one, old in left.items()
        if old and (new := clean[one]) and old[1] != new[1]
    }


def _by_delay(package: str, place: Path, fault: Fault, here: tuple[int, str] | None) -> bool:
    """Build in parallel from nothing, who makes the file held up; ``here``: what the recorded build left."""
    aside = place.with_name("held-up")
    shell = place.with_name("held-up.sh")
    names = {"name": Path(fault.path).name, "target": Path(fault.target).name}
    shell.write_text(HELD_UP.format(**names, seconds=HELD))
    shell.chmod(0o755)
    fresh(package, aside)
    done = native(["make", "-j8", f"SHELL={shell}"], aside)
    there = _state(aside / fault.target)
    return done.returncode != 0 or (here or (0, ""))[1] != (there or (0, ""))[1]


def _state(file: Path) -> tuple[int, str] | None:
    """Give when the file was changed and a digest of its content; None when there is none."""
    if not file.is_file():
        return None
    return os.stat(file).st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest()
