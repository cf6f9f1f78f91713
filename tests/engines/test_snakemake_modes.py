"""Ways in which Snakemake is used: enforcing, logger, interrupts, parts that are missing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workflows import SCRIPTS, contents, environment, newest, record, run, write

pytest.importorskip("snakemake")
WORDS = ["snakemake", "--cores", "1", "--scheduler", "greedy"]
FAULTY = {
    "Snakefile": """rule all:
    input: "good", "bad"
rule good:
    input: "in.txt"
    output: "good"
    shell: "cp {input} {output}"
rule bad:
    input: "good"
    output: "bad"
    params: word="colophon"
    priority: 3
    retries: 1
    group: "some"
    resources: mem_mb=10
    shell: "cat {input} hidden.txt > {output}"
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


def test_enforcing_fails_the_job_that_reads_undeclared(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAULTY)
    done = run([*WORDS, "--executor", "probe", "--probe-enforce", "--retries", "0"], directory)
    assert done.returncode == 1
    assert "bad reads hidden.txt, which it does not declare" in done.stderr
    assert re.search(r"in rule bad in file .*Snakefile\S*, line 7:", done.stderr)
    assert re.search(r"add 'hidden.txt' to input: of rule bad in Snakefile:7$", done.stderr, re.MULTILINE)
    assert (directory / "good").exists()
    assert not (directory / "bad").exists()
    (directory / ".probe.toml").write_text('[[check.allow]]\npath = "hidden.txt"\nreason = "constant"\n')
    done = run(["probe", *WORDS, "--probe-enforce"], directory)
    assert done.returncode == 0, done.stderr


def test_check_accepts_and_writes_sarif(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAULTY)
    assert run(["probe", *WORDS], directory).returncode == 0
    done = run(["probe", "check", "--sarif"], directory)
    assert done.returncode == 1, done.stderr
    (result,) = json.loads(done.stdout)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 7
    done = run(["probe", "check", "--accept", "a constant"], directory)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        f"1 finding accepted by {directory}/.probe.toml (--all)",
    )
    done = run(["probe", "check", "--json"], directory)
    assert done.returncode == 0
    assert [one["accepted"] for one in json.loads(done.stdout)["findings"]] == ["a constant"]
    assert run(["probe", "check", "--sarif", "--json"], directory).returncode == 2


def test_a_step_carries_what_snakemake_knows(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAULTY | {"more.yaml": "sample: s1\n"})
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "Snakefile"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], cwd=directory, check=True)
    workflow, done = record([*WORDS, "--configfile", "more.yaml", "--config", "depth=4"], directory)
    assert done.returncode == 0, done.stderr
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=directory, check=True, capture_output=True, text=True
    ).stdout.strip()
    facts = workflow.graph.run.facts
    assert facts["commit"] == commit
    assert facts["configuration"] == {"sample": "s1", "depth": 4}
    assert {Path(one["path"]).name for one in facts["workflow_files"]} == {"Snakefile", "more.yaml"}
    declaration = workflow.step("bad").declaration
    assert declaration is not None
    known = declaration.facts
    assert known["params"] == {"word": "colophon"}
    assert known["resources"]["mem_mb"] == 10
    assert (known["priority"], known["retries"], known["group"], known["threads"]) == (3, 1, "some", 1)
    assert known["shell"] == "cat good hidden.txt > bad"
    assert known["shell_digest"].startswith("sha256:")
    assert known["line"] == 7


@pytest.mark.parametrize("executor", ["local", "probe"])
def test_the_logger_follows_any_executor(tmp_path: Path, executor: str) -> None:
    directory = write(tmp_path / "w", FAULTY)
    done = run([*WORDS, "--executor", executor, "--logger", "probe"], directory)
    assert done.returncode == 0, done.stderr
    workflow = newest("snakemake")
    assert workflow.names == ["all", "bad", "good"]
    declaration = workflow.step("bad").declaration
    assert declaration is not None
    assert (declaration.status, declaration.inputs) == (0, (os.fsencode(directory / "good"),))
    assert declaration.ended >= declaration.started
    if executor == "probe":  # its own account counts
        assert "hidden.txt" in workflow.reads("bad")


def test_the_logger_tells_failures(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAULTY)
    (directory / "hidden.txt").unlink()
    done = run([*WORDS, "--executor", "local", "--logger", "probe"], directory)
    assert done.returncode == 1
    steps = {(step.name, step.attempt): step.status for step in newest("snakemake").graph.steps}
    assert steps[("good", 1)] == 0
    assert steps[("bad", 1)] == 1


INTERRUPTED = {
    "Snakefile": """rule slow:
    output: "slow"
    shell: "exec perl -e 'open F, q(>), q({output}); sleep 60'"
""",
}


@pytest.mark.parametrize("more", [[], ["--keep-incomplete"]])
def test_an_interrupt_ends_it_as_it_ends_the_local_executor(tmp_path: Path, more: list[str]) -> None:
    found = {}
    for executor in ("local", "probe"):
        directory = write(tmp_path / executor, INTERRUPTED)
        process = subprocess.Popen(
            [*WORDS, "--executor", executor, *more], cwd=directory, env=environment(), text=True,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while not (directory / "slow").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        found[executor] = (process.returncode, contents(directory), "Terminating" in said)
    assert found["probe"] == found["local"]
    workflow = newest("snakemake")
    assert "perl" in workflow.programs("slow")
    assert workflow.graph.run.status != 0


def test_touch_and_cores_are_left_to_snakemake(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAULTY)
    assert run([*WORDS, "--executor", "probe"], directory).returncode == 0
    before = (directory / "bad").stat().st_mtime_ns
    done = run([*WORDS, "--executor", "probe", "--touch", "--forceall"], directory)
    assert done.returncode == 0, done.stderr
    assert (directory / "bad").stat().st_mtime_ns > before
    done = run([*WORDS, "--executor", "probe"], directory)
    assert "Nothing to be done" in done.stderr


ALONE = """
import pkgutil, sys
absent = ("probe_core", "probe_snakemake", "snakemake_executor_plugin_slurm")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Absent())
listed = pkgutil.iter_modules
pkgutil.iter_modules = lambda *given: (one for one in listed(*given) if one.name not in absent)
from snakemake.cli import main
sys.argv[0] = "snakemake"
main()
"""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 0, ""),
        (["--executor", "probe"], 0, "probe: this workflow is not recorded: No module named"),
        (["--logger", "probe"], 0, "probe: this workflow's steps are not followed: No module named"),
        (
            ["--executor", "probe-slurm", "--jobs", "1"],
            1,
            "needs snakemake-executor-plugin-slurm",
        ),
    ],
)
def test_without_recorder_or_delegate(tmp_path: Path, words: list[str], status: int, said: str) -> None:
    directory = write(tmp_path / "w", FAULTY | {"alone.py": ALONE})
    done = run([str(SCRIPTS / "python"), "alone.py", *WORDS[1:], *words], directory)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    ours = [line for line in done.stderr.splitlines() if "probe" in line and "command:" not in line.lower()]
    assert len(ours) <= (1 if said else 0) + sum("Traceback" in line for line in ours)


def test_importing_the_plugins_is_cheap() -> None:
    code = (
        "import time, snakemake.executors.local, snakemake_interface_logger_plugins.base\n"
        "try: import snakemake_executor_plugin_slurm, snakemake_executor_plugin_cluster_generic\n"
        "except ImportError: pass\n"
        "a = time.process_time()\n"
        "import snakemake_executor_plugin_probe, snakemake_executor_plugin_probe_slurm\n"
        "import snakemake_executor_plugin_probe_cluster_generic, snakemake_logger_plugin_probe\n"
        "print(time.process_time() - a)"
    )
    spent = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(spent) < 0.03
