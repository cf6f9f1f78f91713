"""Snakemake, as it is: `--executor probe` beside `--executor local`, and `probe snakemake`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from snakemakes import Side
from workflows import contents, environment, newest, record, run, write

pytest.importorskip("snakemake")

MIXED = {
    "Snakefile": """configfile: "config.yaml"
rule all:
    input: "shell.txt", "run.txt", "shadow.txt", "script.txt", "retried.txt", "piped.txt"
rule shell_:
    input: "in.txt"
    output: "shell.txt"
    log: "logs/shell.log"
    benchmark: "logs/shell.tsv"
    params: word=config["word"]
    shell: "cat {input} hidden.txt > {output}; echo {params.word} >> {output}"
rule passing:
    input: "shell.txt"
    output: temp("passing.txt")
    shell: "rev {input} > {output}"
rule run_:
    input: "passing.txt"
    output: "run.txt"
    run:
        with open(input[0]) as source, open(output[0], "w") as target:
            target.write(source.read() + open("hidden.txt").read())
rule shadow_:
    input: "shell.txt"
    output: "shadow.txt"
    shadow: "shallow"
    shell: "cat {input} > {output}"
rule script_:
    input: "shell.txt"
    output: "script.txt"
    script: "scripts/count.py"
rule retried:
    output: "retried.txt"
    retries: 2
    shell: "if [ -e mark ]; then cat mark > {output}; else echo 1 > mark; exit 7; fi"
rule to_pipe:
    output: pipe("pipe")
    shell: "echo hi > {output}"
rule from_pipe:
    input: "pipe"
    output: "piped.txt"
    shell: "cat {input} > {output}"
""",
    "config.yaml": "word: colophon\n",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
    "scripts/count.py": "text = open(snakemake.input[0]).read()\n"
    "open(snakemake.output[0], 'w').write(str(len(text)))\n",
}
WORDS = ["--cores", "2", "--scheduler", "greedy"]


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, subprocess.CompletedProcess[str]]]:
    """One workflow of every kind of rule, by `--executor local`."""
    directory = write(tmp_path_factory.mktemp("mixed") / "w", MIXED)
    return {"local": (directory, run(["snakemake", "--executor", "local", *WORDS], directory))}


@pytest.mark.parametrize("door", ["probe snakemake", "snakemake --executor probe"])
def test_rules_of_every_kind(
    mixed: dict[str, tuple[Path, subprocess.CompletedProcess[str]]], tmp_path: Path, door: str
) -> None:
    plain, expected = mixed["local"]
    directory = write(tmp_path / "w", MIXED)
    if door == "probe snakemake":
        workflow, done = record(["snakemake", *WORDS], directory)
    else:
        done = run(["snakemake", "--executor", "probe", *WORDS], directory)
        workflow = newest("snakemake")
    assert (done.returncode, done.stdout) == (expected.returncode, expected.stdout) == (0, "")
    assert Side(directory, done).log == Side(plain, expected).log
    assert contents(directory) == contents(plain)

    assert workflow.graph.run.status == 0
    expected_names = "all from_pipe passing retried|retried #2|run_ script_ shadow_ shell_ to_pipe"
    assert "|".join(workflow.names) == "|".join(re.split(r"[|]| (?!#)", expected_names))
    assert [gap.detail[:34] for gap in workflow.graph.gaps] == (
        [] if door == "probe snakemake" else ["what Snakemake's own process read "]
    )
    versions = [one for one in workflow.graph.versions if one.made_by is not None and one.digest]
    made = {workflow.relative(one.path) for one in versions}
    assert made >= {"shell.txt", "run.txt", "shadow.txt", "script.txt", "retried.txt", "piped.txt"}
    assert {"in.txt", "hidden.txt"} <= workflow.reads("shell_")
    assert "shell.txt" in workflow.writes("shell_")
    assert {"passing.txt", "hidden.txt"} <= workflow.reads("run_")
    assert "run.txt" in workflow.writes("run_")
    assert "shell.txt" in workflow.reads("script_")
    assert "script.txt" in workflow.writes("script_")
    assert "mark" in workflow.touched(
        next(step for step in workflow.graph.steps if step.name == "retried" and step.attempt == 2),
        frozenset((1, 5)),
    )
    first = next(step for step in workflow.graph.steps if step.name == "retried" and step.attempt == 1)
    assert first.status == 7
    facts = workflow.graph.run.facts
    assert {Path(file["path"]).name for file in facts["workflow_files"]} == {"Snakefile", "config.yaml"}
    assert all(file["digest"].startswith("sha256:") for file in facts["workflow_files"])
    declaration = workflow.step("shell_").declaration
    assert declaration is not None
    assert declaration.facts["params"] == {"word": "colophon"}
    assert declaration.facts["line"] == 4
    script = workflow.step("script_").declaration
    assert script is not None
    assert script.facts["script"]["path"] == str(directory / "scripts/count.py")


def test_a_temporary_output_has_a_digest(tmp_path: Path) -> None:
    import hashlib

    files = {
        "Snakefile": 'rule b:\n    input: "a"\n    output: "b"\n    shell: "cp a b"\n'
        'rule a:\n    output: temp("a")\n    shell: "echo passing > a"\n'
    }
    workflow, done = record(["snakemake", "--cores", "1"], write(tmp_path / "w", files))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "w/a").exists()
    digests = {
        one.digest for one in workflow.graph.versions if one.path.endswith(b"/w/a") and one.kind == "file"
    }
    assert f"sha256:{hashlib.sha256(b'passing' + bytes([10])).hexdigest()}" in digests


FAILING = {
    "Snakefile": """rule all:
    input: "bad", "worse", "good"
rule bad:
    output: "bad"
    shell: "touch {output}; exit 5"
rule worse:
    output: "worse"
    run: raise ValueError("no")
rule good:
    output: "good"
    shell: "touch {output}"
"""
}


def test_failures_are_those_of_the_local_executor(tmp_path: Path) -> None:
    words = ["snakemake", "--cores", "1", "--keep-going"]
    plain, directory = write(tmp_path / "plain", FAILING), write(tmp_path / "recorded", FAILING)
    expected = run([*words, "--executor", "local"], plain)
    done = run([*words, "--executor", "probe"], directory)
    assert done.returncode == expected.returncode == 1
    assert contents(directory) == contents(plain)
    workflow = newest("snakemake")
    assert workflow.graph.run.status == 1
    assert {name: workflow.step(name).status for name in ("bad", "worse", "good")} == {
        "bad": 5,
        "worse": 1,
        "good": 0,
    }


def test_dry_run_and_touch_are_left_to_snakemake(tmp_path: Path) -> None:
    directory = write(tmp_path / "w", FAILING)
    done = run(["probe", "snakemake", "--cores", "1", "--dry-run"], directory)
    assert done.returncode == 0, done.stderr
    assert not (directory / "good").exists()


def test_without_the_recorder_the_workflow_runs_and_one_line_says_so(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "w", FAILING | {"broken/probe_snakemake/__init__.py": "raise OSError('gone')"}
    )
    words = ["snakemake", "--cores", "1", "--executor", "probe", "good"]
    done = run(words, directory, PYTHONPATH=str(directory / "broken"))
    assert done.returncode == 0, done.stderr
    assert (directory / "good").exists()
    assert [line for line in done.stderr.splitlines() if "probe" in line and "not recorded: gone" in line]


def test_the_plugin_imports_nothing_of_ours() -> None:
    code = (
        "import sys, snakemake.executors.local as l; b = set(sys.modules); p = l.Executor.cached_or_run;"
        "import snakemake_executor_plugin_probe as e;"
        "print(sorted(set(sys.modules) - b), l.Executor.cached_or_run is p,"
        " e.common_settings is l.common_settings)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("['snakemake_executor_plugin_probe'] True True\n", "")


NESTED = {
    "Snakefile": 'rule outer:\n    input: "in.txt"\n    output: "sub/out"\n    shell: "make -s -C sub out"\n',
    "sub/Makefile": "out: middle\n\tsh last.sh middle $@\nmiddle: ../in.txt\n\tcp $< $@\n",
    "sub/last.sh": "cat $1 deep.txt > $2\n",
    "sub/deep.txt": "deep\n",
    "in.txt": "in\n",
}


@pytest.mark.parametrize("door", ["probe", "bare"])
def test_a_rule_that_calls_make_that_calls_a_script(tmp_path: Path, door: str) -> None:
    directory = write(tmp_path / "w", NESTED)
    if door == "probe":
        workflow, done = record(["snakemake", "--cores", "1"], directory)
    else:
        done = run(["snakemake", "--cores", "1", "--executor", "probe"], directory)
        workflow = newest("snakemake")
    assert done.returncode == 0, done.stderr
    assert workflow.names == ["middle", "out", "outer"]
    assert workflow.around(workflow.step("out")) == workflow.around(workflow.step("middle")) == ["outer"]
    assert workflow.reads("out") >= {"sub/last.sh", "sub/middle", "sub/deep.txt"}
    assert workflow.writes("out") >= {"sub/out"}
    assert workflow.reads("middle") >= {"in.txt"}
    assert "make" in workflow.programs("outer")
    assert {file["path"] for file in workflow.graph.run.facts["workflow_files"]} == {
        str(directory / "Snakefile"),
        str(directory / "sub/Makefile"),
    }


def test_a_snakemake_that_make_starts_is_a_step_inside(tmp_path: Path) -> None:
    files = {
        "Makefile": "all: ; snakemake --cores 1 --executor probe out\n",
        "Snakefile": 'rule inner:\n    output: "out"\n    shell: "echo x > {output}"\n',
    }
    workflow, done = record(["make"], write(tmp_path / "w", files))
    assert done.returncode == 0, done.stderr
    assert workflow.around(workflow.step("inner")) == ["all"]
    assert "out" in workflow.writes("inner")
