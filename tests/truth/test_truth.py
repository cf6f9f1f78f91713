"""What a recording says of thirty real commands, against what strace saw in the same run.

Both watch one and the same execution, so names of temporary files agree. Every difference must be one of
EXPLAINED; recall and precision over all commands are printed and held at 0.99, explained ones not counted.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from commands import COMMANDS, Command
from probe_core.capture.spool import Spool
from probe_core.model import Act, RunGraph
from probe_core.stitch import stitch
from recording import LAUNCHER, environment
from strace_log import OPTIONS, Touched, canonical, outside, read

# What a preload cannot see, and what strace does not show; each with its reason.
EXPLAINED: tuple[tuple[str, str], ...] = (
    (r"/etc/ld\.so\.(cache|preload)", "the loader's own look-up table, opened before any library is there"),
    (
        r"/(usr/)?lib(64)?/.*ld-linux[^/]*\.so\.\d+|.*/ld-\d.*\.so",
        "the loader itself: opened by the kernel, not by a call",
    ),
    (r"/usr/(lib|share)/locale/.*|/etc/locale\.alias", "the C library's own opens for setlocale"),
    (r"/.*/lib/libprobe-[0-9a-f]+\.so", "the recorder"),
    (r"/usr/lib/.*/gconv/.*", "the C library's own opens for iconv"),
    (
        r"/etc/(passwd|group|nsswitch\.conf|localtime|host\.conf|resolv\.conf|hosts|gai\.conf)",
        "the C library's own opens",
    ),
    (r"/usr/share/zoneinfo/.*", "the C library's own opens for tzset"),
)
_EXPLAINED = re.compile("|".join(f"(?:{pattern})" for pattern, _ in EXPLAINED).encode())

_totals: Counter[str] = Counter()


def _real(path: bytes) -> bytes:
    return os.path.realpath(path) if os.path.exists(path) else canonical(path)


def _interpreters(programs: set[bytes]) -> set[bytes]:
    found = set()
    for program in programs:
        with open(program, "rb") as file:
            head = file.readline(256)
        if head.startswith(b"#!"):
            found.add(_real(head[2:].split()[0]))
    return found


def recorded(graph: RunGraph) -> Touched:
    """The same sets from a recording."""
    touched = Touched()
    sets = {
        Act.READ: touched.read,
        Act.LOAD: touched.read,
        Act.WRITE: touched.written,
        Act.REMOVE: touched.removed,
        Act.RENAME_FROM: touched.renamed,
        Act.EXECUTE: touched.executed,
    }
    table = graph.accesses
    for number, act, error in zip(table.version, table.act, table.error, strict=True):
        version = graph.versions[number]
        into = sets.get(Act(act))
        if into is None or error or (into is touched.read and version.kind == "directory"):
            continue
        if not outside(version.path):
            into.add(version.path)
    touched.executed |= {exec.program for exec in graph.execs if not exec.forked and exec.program}
    return touched


def _run(command: Command, tmp_path: Path) -> tuple[Touched, Touched]:
    work, spool, log = tmp_path / "work", tmp_path / "spool", tmp_path / "strace.log"
    work.mkdir()
    env = environment({"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"})
    subprocess.run(["bash", "-c", command.prepare], cwd=work, env=env, check=True, capture_output=True)
    subprocess.run(
        ["strace", *OPTIONS, "-o", log, LAUNCHER, "--spool", spool, "-q", "--", *command.run],
        cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    (folder,) = Spool(spool).runs()
    truth, ours = read(log, work), recorded(stitch(folder, []))
    own = os.fsencode(tmp_path / "spool")
    for paths in (truth.read, truth.written, truth.removed, truth.renamed, truth.executed, truth.either):
        paths -= {path for path in paths if path.startswith(own) or path == os.fsencode(LAUNCHER)}
    return truth, ours


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_same_as_strace(command: Command, tmp_path: Path, needs) -> None:
    needs("strace", package="strace")
    for program, package in command.needs:
        needs(program, package=package)
    truth, ours = _run(command, tmp_path)
    executed = {_real(path) for path in truth.executed}
    programs = executed | _interpreters(executed)
    pairs = {
        "read": ({_real(path) for path in truth.read}, {_real(path) for path in ours.read}),
        "written": (truth.written, {canonical(path) for path in ours.written}),
        "removed": (truth.removed, {canonical(path) for path in ours.removed}),
        "renamed": (truth.renamed, {canonical(path) for path in ours.renamed}),
        "executed": (programs, {_real(path) for path in ours.executed}),
    }
    either = {_real(path) for path in truth.either} | programs
    wrong = {}
    for name, (expected, got) in pairs.items():
        missed = {path for path in expected - got if not _EXPLAINED.fullmatch(path)}
        invented = {path for path in got - expected if not _EXPLAINED.fullmatch(path)}
        if name == "read":
            invented -= either
            missed -= programs  # the recorder itself looks at a program before it is executed
        _totals["seen"] += len(expected & got)
        _totals["missed"] += len(missed)
        _totals["invented"] += len(invented)
        if missed or invented:
            wrong[name] = {"missed": sorted(missed), "invented": sorted(invented)}
    assert not wrong


def test_recall_and_precision() -> None:
    if not _totals["seen"]:
        pytest.skip("no command was compared in this run")
    recall = _totals["seen"] / (_totals["seen"] + _totals["missed"])
    precision = _totals["seen"] / (_totals["seen"] + _totals["invented"])
    print(f"recall {recall:.4f}, precision {precision:.4f} over {_totals['seen']} accesses")
    assert recall >= 0.99
    assert precision >= 0.99
