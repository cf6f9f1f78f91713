"""Thirty real commands with and without the recorder: nothing that can be seen differs.

Exit status, standard output, standard error, and the tree of files left behind (names, kinds, modes,
link targets and contents).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from commands import COMMANDS, Command
from recording import LAUNCHER, environment

# Which files carry a time or a process in their content, by command: their presence is compared, not more.
UNSTEADY = (".git/index", ".git/logs", "a.bam", "a.bam.bai")


def tree(root: Path) -> dict[str, str]:
    """Give for each name below ``root`` its kind, mode and a digest of its content."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        mode = path.lstat().st_mode
        if path.is_symlink():
            found[name] = f"{mode:o} -> {path.readlink()}"
        elif path.is_file() and not any(part in name for part in UNSTEADY):
            found[name] = f"{mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            found[name] = f"{mode:o}"
    return found


def surroundings(place: Path) -> dict[str, str]:
    """Give an environment in which no tool depends on the user's own settings."""
    return environment({"LC_ALL": "C.UTF-8", "HOME": str(place / "home"), "GIT_CONFIG_NOSYSTEM": "1"})


def prepare(command: Command, place: Path) -> None:
    """Make the folder that ``command`` finds, once: times in it are part of what some commands write."""
    (place / "home").mkdir()
    work = place / "work"
    work.mkdir()
    if command.prepare:
        env = surroundings(place)
        subprocess.run(["sh", "-c", command.prepare], cwd=work, env=env, check=True, capture_output=True)
    work.rename(place / "prepared")


def run(command: Command, place: Path, launcher: list[str]) -> tuple[int, bytes, bytes, dict[str, str]]:
    """Run ``command`` in a fresh copy of its folder, always of the same name: names turn up in outputs."""
    work = place / "work"
    if work.exists():
        shutil.rmtree(work)
    shutil.copytree(place / "prepared", work, symlinks=True)
    result = subprocess.run(
        [*launcher, *command.run],
        cwd=work,
        env=surroundings(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr, tree(work)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_nothing_differs(command: Command, tmp_path: Path, needs) -> None:
    for program, package in command.needs:
        needs(program, package=package)
    prepare(command, tmp_path)
    spool = tmp_path / "spool"
    native = run(command, tmp_path, [])
    recorded = run(command, tmp_path, [str(LAUNCHER), "-q", "--spool", str(spool), "--"])
    assert recorded[0] == native[0]
    if command.steady:
        assert recorded[1:3] == native[1:3]
    assert recorded[3] == native[3]
    (folder,) = (spool / "runs").iterdir()
    assert sorted(path.name for path in folder.iterdir())[:2] == ["declarations", "result.json"]
