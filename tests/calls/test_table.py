"""The table of calls against what we export and against the libc that is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from calls.recorded import SOURCE, library

TWINS = ("{}64", "__{}", "__{}64", "__{}_2", "__{}64_2", "__{}_chk", "__{}_nocancel", "__libc_{}")


def rows() -> dict[str, str]:
    """Name to kind of row."""
    found = {}
    for line in (SOURCE / "calls.h").read_text().splitlines():
        match = re.match(r"(CALL|POINTER|CLOSES)\([^,]+, (\w+),|(OPEN|BY_HAND|SKIP)\((\w+),", line)
        if match:
            name = match.group(2) or match.group(4)
            assert name not in found, f"{name} has two rows"
            found[name] = match.group(1) or match.group(3)
    return found


def symbols(path: Path | str, *flags: str) -> set[str]:
    lines = subprocess.run(["nm", "-D", *flags, str(path)], capture_output=True, check=True, text=True).stdout
    names = (line.split()[-1] for line in lines.splitlines())
    return {name.split("@")[0] for name in names if not name.endswith("@GLIBC_PRIVATE")}


def told(*tool: str) -> str:
    return subprocess.run([*tool, str(library())], capture_output=True, check=True, text=True).stdout


def libc() -> str:
    maps = Path("/proc/self/maps").read_text()
    found = re.search(r"/\S*/libc[.-]\S*", maps)
    if not found:
        pytest.skip("this Python is not linked with a shared libc")
    return found.group(0)


def test_exports_equal_the_table() -> None:
    taken = {name for name, kind in rows().items() if kind != "SKIP"}
    assert symbols(library(), "--defined-only") == taken


def test_nothing_is_asked_of_libc_but_errno_and_environ() -> None:
    """What we do not define must be in every libc, or be weak."""
    asked = {line.split()[-1] for line in told("nm", "-D", "-u").splitlines() if line.split()[0] == "U"}
    assert asked == {"__errno_location", "environ"}
    assert "NEEDED" not in told("readelf", "-d")
    assert told("readelf", "-lW").count(" LOAD ") == 2


def test_every_twin_in_libc_is_covered_or_excused() -> None:
    table, present = rows(), symbols(libc(), "--defined-only")
    missing = {
        twin.format(name)
        for name, kind in table.items()
        if kind != "SKIP"
        for twin in TWINS
        if twin.format(name) in present and twin.format(name) not in table
    }
    assert missing == set()


def test_every_row_has_a_function_or_another_libc_has_it() -> None:
    """A misspelt row would be dead: each name taken is in this libc, or is known to live elsewhere."""
    elsewhere = {"openat2", "pidfd_spawn", "pidfd_spawnp", "__libc_fork"}
    taken = {name for name, kind in rows().items() if kind != "SKIP"}
    assert taken - symbols(libc(), "--defined-only") - elsewhere == set()
