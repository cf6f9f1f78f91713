"""Kinds of rules beside those of test_snakemake.py: as with the local executor, and each under its step."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import Needs
from snakemakes import by_both, cwltool
from workflows import SCRIPTS, newest, write

pytest.importorskip("snakemake")
KINDS = {
    "Snakefile": """rule all:
    input: "r.txt", "bash.txt", "wrap.txt", "tpl.txt", "yte.yaml", "serv.txt", "check.txt", "grouped.txt",
        "kept.txt", "lists.txt", "plain.txt", "again.txt"
rule r:
    output: "r.txt"
    log: "logs/r.log"
    script: "s.R"
rule bash_:
    input: "in.txt"
    output: "bash.txt"
    benchmark: "benchmarks/bash.tsv"
    conda: "environment.yaml"
    script: "s.sh"
rule wrap:
    input: "in.txt"
    output: "wrap.txt"
    benchmark: repeat("benchmarks/wrap.jsonl", 2)
    wrapper: "file:wrapper"
rule tpl:
    input: "tpl.in"
    output: "tpl.txt"
    params: x="hello"
    template_engine: "jinja2"
rule yte:
    input: "yte.in"
    output: "yte.yaml"
    params: x="hello"
    template_engine: "yte"
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
rule served:
    output: service("served")
    group: "g"
    shell: "echo pear > {output}; exec sleep 30"
rule first:
    input: "served"
    output: "first.txt"
    group: "g"
    shell: "cp {input} {output}"
rule grouped:
    input: "first.txt"
    output: "grouped.txt"
    group: "h"
    run:
        shell("cp {input} {output}")
rule kept:
    input: ancient("in.txt")
    output: protected("kept.txt"), touch("touched.txt")
    shell: "cp {input} {output[0]}"
rule lists:
    input: a="in.txt", b=["bash.txt", "wrap.txt"]
    output: ensure("lists.txt", non_empty=True)
    benchmark: "benchmarks/lists.tsv"
    shadow: "minimal"
    run:
        open(output[0], "w").write("".join(open(one).read() for one in (input.a, *input.b)))
rule plain:
    output: "plain.txt"
    container: "docker://nowhere.example/none"
    shell: "cat hidden.txt > {output}"
rule again:
    output: "again.txt"
    params: deep=dict(a=[1, 2.5, None], b="x")
    resources: mem_mb=20, note="some"
    retries: 1
    shell: "echo {params.deep} {resources.mem_mb} > {output}"
""",
    "wrapper/environment.yaml": "channels: [conda-forge]\n",
    "wrapper/wrapper.py": "text = open(snakemake.input[0]).read() + open('hidden.txt').read()\n"
    "open(snakemake.output[0], 'w').write(text)\n",
    "environment.yaml": "channels: [conda-forge]\ndependencies: [bash]\n",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
    "tpl.in": "{{ params.x }}\n",
    "yte.in": "word: ?params.x\n",
    "s.R": 'message("R runs"); writeLines(readLines("hidden.txt"), snakemake@output[[1]])\n',
    "s.sh": 'cat "${snakemake_input[0]}" hidden.txt > "${snakemake_output[0]}"\n',
}


def sha256(text: str) -> str:
    """Give a text's digest as facts have it."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.slow
def test_scripts_wrappers_templates_services_groups_and_checkpoints(tmp_path: Path, needs: Needs) -> None:
    needs("Rscript", package="r-base-core")
    pair = by_both(tmp_path, KINDS, "--cores", "2")
    assert pair.local.done.returncode == 0, pair.local.done.stderr
    pair.assert_alike()
    assert {name: lines for name, (_, lines) in pair.probe.benchmarks.items()} == {
        "bash.tsv": 1, "wrap.jsonl": 2, "lists.tsv": 1,
    }  # fmt: skip

    workflow = newest("snakemake")
    assert workflow.reads("r") >= {"hidden.txt"}
    assert "R" in workflow.programs("r")
    assert workflow.reads("bash_") >= {"in.txt", "hidden.txt"}
    assert workflow.reads("wrap") >= {"in.txt", "hidden.txt"}
    assert workflow.writes("wrap") == {"wrap.txt"}
    assert {"sleep"} <= workflow.programs("service") & workflow.programs("served")
    assert workflow.writes("x (i=1)") == {"x/1"}
    assert workflow.reads("first") >= {"served"}
    assert workflow.reads("grouped") >= {"first.txt"}
    assert workflow.reads("plain") >= {"hidden.txt"}
    names = ("wrap", "bash_", "first", "plain", "again")
    known = {name: workflow.step(name).declaration.facts for name in names}
    assert known["wrap"]["wrapper"] == "file:wrapper"
    wrapper = str(pair.probe.directory / "wrapper" / "wrapper.py")
    assert known["wrap"]["script"] == {"path": wrapper, "digest": sha256(KINDS["wrapper/wrapper.py"])}
    environment = str(pair.probe.directory / "environment.yaml")
    assert known["bash_"]["conda"] == {"path": environment, "digest": sha256(KINDS["environment.yaml"])}
    assert known["first"]["group"] == "g"
    assert known["plain"]["container"] == "docker://nowhere.example/none"
    assert known["again"]["params"] == {"deep": {"a": [1, 2.5, None], "b": "x"}}
    pair.assert_nothing_left_to_do()


TOOLS = {
    "Snakefile": """rule all:
    input: "book.txt", "sorted.txt", "loaded.txt"
rule book:
    input: "in.txt"
    output: "book.txt"
    log: notebook="logs/book.ipynb"
    notebook: "book.py.ipynb"
rule sort:
    input: input="in.txt"
    output: output="sorted.txt"
    cwl: "{served}/sort.cwl"
rule loaded:
    output: "loaded.txt"
    envmodules: "colophon/1.2"
    benchmark: "benchmarks/loaded.tsv"
    shell: "colophon > {output}"
""",
    "in.txt": "pear\nfig\n",
    "hidden.txt": "hidden\n",
    "book.py.ipynb": """{"cells": [{"cell_type": "code", "execution_count": null, "id": "one", "metadata": {},
"outputs": [], "source": ["text = open(snakemake.input[0]).read() + open('hidden.txt').read()\\n",
"open(snakemake.output[0], 'w').write(text)"]}], "metadata": {"kernelspec": {"display_name": "Python 3",
"language": "python", "name": "python3"}, "language_info": {"name": "python"}}, "nbformat": 4,
"nbformat_minor": 5}
""",
    "modules/colophon/1.2": "#%Module\nprepend-path PATH $env(TOOLS)\n",
}
SORT = """cwlVersion: v1.0
class: CommandLineTool
baseCommand: sort
inputs:
  input: {type: File, inputBinding: {position: 1}}
  output: {type: string}
outputs:
  sorted: {type: stdout}
stdout: $(inputs.output)
"""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder by HTTP on loopback; give its address."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *_told: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_notebooks_cwl_and_environment_modules(tmp_path: Path, needs: Needs) -> None:
    pytest.importorskip("papermill", reason="pip install papermill ipykernel")
    pytest.importorskip("ipykernel", reason="pip install papermill ipykernel")
    start = needs("/usr/share/modules/init/bash", package="environment-modules")
    path = f"{SCRIPTS}:{os.environ['PATH']}:{cwltool()}"
    more = {"BASH_ENV": start, "MODULEPATH": "modules", "PATH": path, "TOOLS": str(tmp_path / "tools")}
    write(tmp_path, {"served/sort.cwl": SORT, "tools/colophon": "#!/bin/sh\ncat hidden.txt\n"})
    (tmp_path / "tools" / "colophon").chmod(0o755)
    # By HTTP: what Snakemake makes of a local file's name (file:/path), cwltool does not take.
    with serving(tmp_path / "served") as address:
        files = {**TOOLS, "Snakefile": TOOLS["Snakefile"].replace("{served}", address)}
        pair = by_both(tmp_path, files, "--cores", "1", "--sdm", "env-modules", **more)
    assert pair.local.done.returncode == 0, pair.local.done.stderr
    pair.assert_alike(log=False)
    workflow = newest("snakemake")
    assert workflow.reads("book") >= {"in.txt", "hidden.txt"}
    assert "book.txt" in workflow.writes("book")
    assert "sort" in workflow.programs("sort")
    assert "in.txt" in workflow.reads("sort")
    assert "sorted.txt" in workflow.writes("sort")
    assert workflow.reads("loaded") >= {
        "modules/colophon/1.2",
        "hidden.txt",
        str(tmp_path / "tools/colophon"),
    }
    facts = {name: workflow.step(name).declaration.facts for name in ("book", "sort", "loaded")}
    assert [facts[name]["kind"] for name in ("book", "sort")] == ["notebook", "cwl"]
    assert facts["loaded"]["modules"] == ["colophon/1.2"]
    assert facts["book"]["script"]["digest"].startswith("sha256:")
    assert facts["sort"]["script"]["path"] == f"{address}/sort.cwl"
    pair.assert_nothing_left_to_do()
