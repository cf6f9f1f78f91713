"""Whether a finding is a fault: shown by building without a recorder.

``undeclared-input``: the file is touched, and make does not make the target again (or, where a later recipe
removes the target, nothing at all); for one file of a package it is changed, and what make leaves differs
from a clean build. ``unused-input``: the file is touched, and the target is made again with the same
content. ``undeclared-output``: the file is removed, and make does not bring it back, or brings back another
content. ``unmade-output``: make has to make it again each time. ``race`` and ``written-twice``: the recipe
that makes the file is held up, and a parallel build fails or ends otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from packages import Built, Fault, fresh, make, native
from seeds_parallel import Raced

HELD = 3  # seconds
LONGEST = 6  # seconds that a recipe waits for another one to write its file, or to read what is not there
MOST = 80  # files that are touched for one package
MARK = '\nstatic const char probe_mark[] __attribute__((used)) = "changed";\n'
# GNU make 4.3 says what a target is updated for; 4.4 in other words.
TRACED = re.compile(r"^(?:\S+:\d+|<builtin>): (?:update )?target '(.*?)' (?:does not exist|due to: )", re.M)
HELD_UP = """#!/bin/sh
case "$*" in *{target}*) ;; *{name}*) sleep {seconds};; esac
exec /bin/sh "$@"
"""
HELD_UNTIL = """#!/bin/sh
case "$*" in *'{text}'*) n=0
while [ ! -e {file} ] && [ $n -lt {tenths} ]; do n=$((n+1)); sleep 0.1; done;;
esac
exec /bin/sh "$@"
"""


def shown(package: str, built: Built) -> dict[Fault, str]:
    """Give for each finding that could be shown how it was; ``built`` is changed meanwhile."""
    of_order = [one for one in built.findings if one.lint in ("race", "written-twice")]
    races = {one: state(built.place / _contested(one)) for one in of_order}
    found = at_once(built.place, built.findings)
    if stale := _by_content(package, built, _by_path(built.findings)):
        found |= stale
    for fault, left in races.items():
        if _by_delay(package, built.place, fault, left):
            found[fault] = "held up"
    return found


def at_once(place: Path, findings: Iterable[Fault]) -> dict[Fault, str]:
    """Give the findings that can be shown in what a build left, and how: by touching and removing files."""
    if not (by_path := _by_path(findings)):
        return {}
    left = {path: state(place / path) for path in by_path}
    make(place)  # what the recorded build left is up to date, or is from now on
    found: dict[Fault, str] = {}
    for path, faults in list(by_path.items())[:MOST]:
        found |= _by_touch(place, path, faults)
        found |= _by_removal(place, path, faults, left[path])
        found |= _by_another_make(place, faults)
    return found


def raced(place: Path, race: Raced, left: tuple[int, str] | None) -> bool:
    """Build ``place`` in parallel from nothing, the maker held up; tell whether it fails for want of a header
    that is made late, or ends with the other writer's content. ``left``: what make's own order left.
    """
    shell, file = place.with_name(f"{place.name}.sh"), place / race.fault.path
    until = file if race.is_made_twice else place / "nothing-comes-of-waiting"
    shell.write_text(HELD_UNTIL.format(text=race.maker, file=until, tenths=10 * LONGEST))
    shell.chmod(0o755)
    done = native(["make", "-j64", f"SHELL={shell}"], place)
    differs = (left or (0, ""))[1] != (state(file) or (0, ""))[1]
    return differs and done.returncode == 0 if race.is_made_twice else done.returncode != 0


def _by_path(findings: Iterable[Fault]) -> dict[str, list[Fault]]:
    by_path: dict[str, list[Fault]] = {}
    for fault in sorted(findings, key=str):
        by_path.setdefault(fault.path, []).append(fault)
    return by_path


def _contested(fault: Fault) -> str:
    return fault.path if fault.lint == "written-twice" else fault.target


def harmless(place: Path, seeds: Iterable[Fault], *, is_one_make: bool = False) -> set[Fault]:
    """Give the files taken out without harm: touched, make would make the target again, by a chain of rules.

    Where it is one make that makes all, it tells what it would do (`make -n`), if that is nothing at rest;
    else it does it.
    """
    some = _by_path(one for one in seeds if one.lint == "undeclared-input")
    make(place)
    targets = {one.target for faults in some.values() for one in faults}
    tells = is_one_make and not targets & _would_make(place)
    found: set[Fault] = set()
    for path, faults in some.items():
        found |= _made_again(place, path, faults, tells=tells)
    return found


def _made_again(place: Path, path: str, faults: Iterable[Fault], *, tells: bool) -> set[Fault]:
    before = {one: state(place / one.target) for one in faults}
    times = (place / path).stat()
    time.sleep(0.02)
    (place / path).touch()
    if tells:
        due = _would_make(place)
        os.utime(place / path, ns=(times.st_atime_ns, times.st_mtime_ns))
        return {one for one in before if one.target in due}
    if make(place).returncode:
        return set()
    return {one for one in before if state(place / one.target) != before[one]}


def _would_make(place: Path) -> set[str]:
    """Give the targets whose recipes make says that it would run, relative to ``place``."""
    told = native(["make", "-n", "--trace"], place).stdout
    return {os.path.normpath(one) for one in TRACED.findall(told)}


def _by_touch(place: Path, path: str, faults: Iterable[Fault]) -> dict[Fault, str]:
    some = [one for one in faults if one.lint in ("undeclared-input", "unused-input")]
    file = place / path
    if not some or not file.is_file():
        return {}
    before = {one: state(place / one.target) for one in some}
    is_gone = any(before[one] is None and one.lint == "undeclared-input" for one in some)
    at_rest = _changed(place, path) if is_gone else None
    time.sleep(0.02)
    file.touch()
    changed = _changed(place, path)
    if changed is None:
        return {}
    found = {}
    for one in some:
        old, new = before[one], state(place / one.target)
        if one.lint == "undeclared-input" and old == new and old is not None:
            found[one] = "touched: up to date"
        elif one.lint == "undeclared-input" and old == new and at_rest is not None and changed <= at_rest:
            found[one] = "touched: nothing is made again"  # a later recipe removes the target
        elif one.lint == "unused-input" and old and new and old[0] != new[0] and old[1] == new[1]:
            found[one] = "touched: made again for nothing"
    return found


def _by_removal(
    place: Path, path: str, faults: Iterable[Fault], left: tuple[int, str] | None
) -> dict[Fault, str]:
    """Remove what a recipe left, twice where it comes back: so that what differs is no accident."""
    some = [one for one in faults if one.lint == "undeclared-output"]
    file = place / path
    if not some or not file.is_file():
        return {}
    contents = [(left or (0, ""))[1]]
    for _ in range(2):
        file.unlink()
        if make(place).returncode:
            return dict.fromkeys(some, "removed: the next make fails")
        if not file.is_file():
            return dict.fromkeys(some, "removed: up to date")
        contents.append((state(file) or (0, ""))[1])
    differs = contents[1] == contents[2] != contents[0]
    return dict.fromkeys(some, "removed: comes back with other content") if differs else {}


def _by_another_make(place: Path, faults: Iterable[Fault]) -> dict[Fault, str]:
    some = [one for one in faults if one.lint == "unmade-output"]
    if not some or make(place).returncode or make(place, "-q").returncode != 1:
        return {}
    return {one: "made again each time" for one in some if not (place / one.path).exists()}


def _changed(place: Path, without: str) -> set[Path] | None:
    """Give the files that make changes, except one; None where it fails."""

    def times() -> dict[Path, int]:
        files = (file for file in place.rglob("*") if file.is_file() and file != place / without)
        return {file: file.stat().st_mtime_ns for file in files}

    before = times()
    if make(place).returncode:
        return None
    return {file for file, time in times().items() if before.get(file) != time}


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
    left = {one: state(place / one.target) for one in lacking[path]}
    shutil.rmtree(aside, ignore_errors=True)
    place.rename(aside)
    try:  # in the same folder, whose name may stand in what is built
        fresh(package, place)
        with (place / path).open("a") as file:
            file.write(MARK)
        if make(place).returncode:
            return {}
        clean = {one: state(place / one.target) for one in lacking[path]}
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
    there = state(aside / _contested(fault))
    return done.returncode != 0 or (here or (0, ""))[1] != (there or (0, ""))[1]


def state(file: Path) -> tuple[int, str] | None:
    """Give when the file was changed and a digest of its content; None when there is none."""
    if not file.is_file():
        return None
    return os.stat(file).st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest()
