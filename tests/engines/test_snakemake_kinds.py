"""Kinds of rules beside those of test_snakemake.py: as with the local executor, and each under its step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Needs
from workflows import contents, newest, run, write

pytest.importorskip("snakemake")
WORDS = ["snakemake", "--cores", "2", "--scheduler", "greedy"]
KINDS = {
    "Snakefile": """rule all:
    input: "r.txt", "bash.txt", "wrap.txt", "tpl.txt", "serv.txt", "check.txt"
rule r:
    output: "r.txt"
    script: "s.R"
rule bash_:
    input: "in.txt"
    output: "bash.txt"
    script: "s.sh"
rule wrap:
    input: "in.txt"
    output: "wrap.txt"
    wrapper: "file:wrapper"
rule tpl:
    input: "tpl.in"
    output: "tpl.txt"
    params: x="hello"
    template_engine: "jinja2"
rule service:
    output: service("socket")
    shell: "touch {output}; exec sleep 30"
rule consumer:
    input: "socket"
    output: "serv.txt"
    shell: "cat in.txt > {output}"
checkpoint c:
    output: directory("d")
    shell: "mkdir d; echo 1 > d/1; echo 2 > d/2"
rule x:
    input: "d/{i}"
    output: "x/{i}"
    shell: "cp {input} {output}"
def parts(w):
    d = checkpoints.c.get().output[0]
    return expand("x/{i}", i=glob_wildcards(d + "/{i}").i)
rule check_:
    input: parts
    output: "check.txt"
    shell: "cat {input} > {output}"
""",
    "wrapper/environment.yaml": "channels: [conda-forge]\n",
    "wrapper/wrapper.py": "text = open(snakemake.input[0]).read() + open('hidden.txt').read()\n"
    "open(snakemake.output[0], 'w').write(text)\n",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
    "tpl.in": "{{ params.x }}\n",
    "s.R": 'writeLines(readLines("hidden.txt"), snakemake@output[[1]])\n',
    "s.sh": 'cat "${snakemake_input[0]}" hidden.txt > "${snakemake_output[0]}"\n',
}
TIMES = ("starttime", "endtime", "job_hash")


def metadata(directory: Path) -> dict[str, dict[str, Any]]:
    """What Snakemake keeps of each output, but for times."""
    found = {}
    for file in (directory / ".snakemake" / "metadata").iterdir():
        known = json.loads(file.read_text())
        found[file.name] = {name: value for name, value in known.items() if name not in TIMES}
    return found


@pytest.mark.slow
def test_scripts_wrappers_templates_services_and_checkpoints(tmp_path: Path, needs: Needs) -> None:
    needs("Rscript", package="r-base-core")
    plain, directory = write(tmp_path / "local" / "w", KINDS), write(tmp_path / "probe" / "w", KINDS)
    done = run([*WORDS, "--executor", "local"], plain)
    assert done.returncode == 0, done.stderr
    done = run([*WORDS, "--executor", "probe"], directory)
    assert done.returncode == 0, done.stderr
    assert contents(directory) == contents(plain)
    assert metadata(directory) == metadata(plain)

    workflow = newest("snakemake")
    assert workflow.reads("r") >= {"hidden.txt"}
    assert "R" in workflow.programs("r")
    assert workflow.reads("bash_") >= {"in.txt", "hidden.txt"}
    assert workflow.reads("wrap") >= {"in.txt", "hidden.txt"}
    assert workflow.writes("wrap") == {"wrap.txt"}
    assert "sleep" in workflow.programs("service")
    assert workflow.writes("x (i=1)") == {"x/1"}
    declaration = workflow.step("wrap").declaration
    assert declaration is not None
    assert declaration.facts["wrapper"] == "file:wrapper"
    again = run([*WORDS, "--executor", "local", "--dry-run"], directory)
    assert "Nothing to be done" in again.stdout + again.stderr
