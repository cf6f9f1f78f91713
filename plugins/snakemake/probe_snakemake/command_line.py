"""A Snakemake command line: whether the user chose an executor, and whether ours is at hand."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PROFILE_FILES = ("config.yaml", "profile.yaml", "config.v9+.yaml", "config.v8+.yaml")
_CHOICE = re.compile(rb"^executor\s*:\s*['\"]?([\w-]+)", re.MULTILINE)
PACKAGE = "snakemake_executor_plugin_probe"


def executor_on(arguments: Sequence[bytes]) -> bytes | None:
    """Give the executor that the command line names; None when it names none."""
    chosen = None
    words = iter(arguments)
    for word in words:
        if word == b"--":
            break
        name, equals, value = word.partition(b"=")
        if len(name) >= len(b"--exec") and b"--executor".startswith(name):
            chosen = value if equals else next(words, None)
        elif word == b"-e":
            chosen = next(words, None)
        elif word.startswith(b"-e") and not word.startswith(b"--"):
            chosen = word[2:].removeprefix(b"=")
    return chosen


def executor_of_profile(arguments: Sequence[bytes], environment: Mapping[bytes, bytes]) -> bytes | None:
    """Give the executor that a profile of this command line names; None when there is none."""
    for folder in _profiles(arguments, environment):
        for file in (folder, *(folder / name for name in _PROFILE_FILES)):
            try:
                found = _CHOICE.search(file.read_bytes())
            except OSError:
                continue
            if found:
                return found[1]
    return None


def _profiles(arguments: Sequence[bytes], environment: Mapping[bytes, bytes]) -> Iterator[Path]:
    named = _value(arguments, b"--workflow-profile")
    if named != b"none":
        for name in filter(None, (named, b"default")):
            yield from (Path(os.fsdecode(name)), Path("profiles", os.fsdecode(name)))
            yield Path("workflow", "profiles", os.fsdecode(name))
    named = _value(arguments, b"--profile") or environment.get(b"SNAKEMAKE_PROFILE")
    if named and named != b"none":
        home = Path(os.fsdecode(environment.get(b"HOME", b"/")))
        yield Path(os.fsdecode(named))
        for place in (home / ".config/snakemake", Path("/etc/xdg/snakemake")):
            yield place / os.fsdecode(named)


def _value(arguments: Sequence[bytes], option: bytes) -> bytes | None:
    for at, word in enumerate(arguments):
        name, equals, value = word.partition(b"=")
        if name == option:
            return value if equals else (arguments[at + 1] if at + 1 < len(arguments) else None)
    return None


def has_our_plugin(command: bytes, environment: Mapping[bytes, bytes]) -> bool:
    """Whether the Snakemake that ``command`` starts has our executor; True where that cannot be told."""
    path = shutil.which(os.fsdecode(command), path=os.fsdecode(environment.get(b"PATH", b"")) or None)
    if path is None:
        return True
    try:
        with Path(path).open("rb") as file:
            line = file.readline(512)
    except OSError:
        return True
    interpreter = line[2:].strip().split(b" ")[0] if line.startswith(b"#!/") else b""
    if b"python" not in interpreter:
        return True
    folders = [*(Path(os.fsdecode(interpreter)).parent.parent / "lib").glob("python3*/site-packages")]
    folders += [Path(place) for place in os.fsdecode(environment.get(b"PYTHONPATH", b"")).split(":") if place]
    return not folders or any((folder / PACKAGE).is_dir() for folder in folders)
