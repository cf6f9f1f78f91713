"""Surroundings in which a Snakemake workflow cannot be recorded: it runs on, and one line says why."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from workflows import environment, run, write

pytest.importorskip("snakemake")
WORDS = ["--cores", "1", "--scheduler", "greedy", "--executor", "probe"]
FILES = {
    "Snakefile": """rule all:
    input: "good", "bad"
rule good:
    output: "good"
    shell: "echo x > {output}"
rule bad:
    output: "bad"
    shell: "exit 5"
""",
}
UNKNOWN = """import subprocess, sys
import snakemake.shell

class Other:
    def __getattr__(self, name):
        return getattr(subprocess, name)

sys.modules["snakemake.shell"].sp = Other()  # as a Snakemake that starts its jobs in another way
from snakemake.cli import main
main()
"""


def lines_of_ours(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What PROBE said among Snakemake's own lines."""
    return [line for line in done.stderr.splitlines() if line.startswith("probe: ")]


def statuses(command: Sequence[str | Path], directory: Path, said: str, **variables: str) -> None:
    """A target that can be made and one that fails must end as without us, with one line each time."""
    for target, status in (("good", 0), ("bad", 1)):
        done = run([*map(str, command), *WORDS, target], directory, **variables)
        assert done.returncode == status, done.stderr
        (line,) = lines_of_ours(done)
        assert line.startswith("probe: this workflow is not recorded: ")
        assert said in line
    assert (directory / "good").exists()


def test_a_snakemake_that_starts_jobs_in_another_way(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FILES | {"unknown.py": UNKNOWN})
    statuses([sys.executable, "unknown.py"], directory, "starts its jobs in an unknown way")


def test_a_recorder_that_was_built_for_another_machine(tmp_path: Path) -> None:
    """As where one installation is shared by machines of two kinds."""
    place = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (packages,) = place.glob("lib/python3*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "ours.pth").write_text(f"{ours}\n")
    machine = 62 if platform.machine() == "aarch64" else 183  # the other one
    foreign = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0" + bytes([machine, 0]) + bytes(44)
    (place / "bin" / "probe-record").write_bytes(foreign)
    (place / "bin" / "probe-record").chmod(0o755)
    directory = write(tmp_path / "w", FILES)
    statuses([place / "bin" / "python", "-m", "snakemake"], directory, "Exec format error")


def on_a_terminal(command: Sequence[str], directory: Path) -> tuple[int, str]:
    """Run with a terminal for standard error; give the exit status and what was said there."""
    master, slave = os.openpty()
    around = environment(PROBE_HISTORY="/dev/null/history.sqlite")
    process = subprocess.Popen(command, cwd=directory, env=around, stdin=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    said = b""
    try:
        while more := os.read(master, 1 << 16):
            said += more
    except OSError:  # the last one has closed it
        pass
    os.close(master)
    return process.wait(), said.decode()


def test_a_history_that_cannot_be_written(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FILES)
    words = [word for word in WORDS if word not in ("--executor", "probe")]
    for target, status in (("good", 0), ("bad", 1)):
        ended, said = on_a_terminal(["probe", "snakemake", *words, target], directory)
        assert ended == status, said
        (line,) = [line for line in said.splitlines() if line.startswith("probe: ")]
        assert "/dev/null/history.sqlite cannot be used" in line
        assert "the run is kept in" in line
    runs = run(["probe", "runs", "--json"], directory)  # nothing is lost: the next command takes them in
    assert runs.stdout.count('"snakemake"') >= 2


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FILES)
    done = run(["snakemake", *WORDS, "good"], directory, PROBE_SPOOL="/dev/null/spool")
    assert done.returncode == 0, done.stderr
    (line,) = lines_of_ours(done)
    assert line.startswith("probe: this workflow is not recorded: ")
