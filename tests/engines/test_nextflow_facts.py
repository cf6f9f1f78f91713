"""What is kept of Nextflow's tasks beside what they did: resources, stores, aborts, URLs, publishing."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nextflows import pipeline
from workflows import Workflow, record, write


@pytest.fixture
def around(nextflow: Path, home: Path) -> dict[str, str]:
    """The variables of a recorded Nextflow."""
    return {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}


@pytest.fixture
def page() -> Iterator[str]:
    """A web server on this machine with one file."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"ACGT")

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/reads.fa"
    server.shutdown()
    server.server_close()


def facts(workflow: Workflow, name: str) -> dict[str, Any]:
    """Give what was told of the one task of that name."""
    declaration = workflow.step(name).declaration
    assert declaration is not None
    return dict(declaration.facts)


MAIN = """include { INNER } from './inner.nf'

process ASKS {
    label 'small'
    tag 'one'
    cpus 1
    memory '64 MB'
    time '5 min'
    publishDir 'results', mode: 'copy', saveAs: { name -> "renamed-$name" }

    input:
    path reads
    val word

    output:
    path 'size.txt'

    script:
    "wc -c < $reads > size.txt; echo $word >> size.txt"
}

workflow {
    ASKS(file(params.url), 'hello')
    INNER(ASKS.out)
}
"""
INNER = """process LAST {
    input:
    path size

    output:
    path 'last.txt'

    script:
    "tail -1 $size > last.txt"
}

workflow INNER {
    take: sizes
    main: LAST(sizes)
}
"""


def test_a_task_tells_where_it_came_from_and_what_it_asked_for(
    around: dict[str, str], page: str, tmp_path: Path
) -> None:
    directory = write(tmp_path / "w", {"main.nf": MAIN, "inner.nf": INNER})
    workflow, done = record(["nextflow", "run", "main.nf", "--url", page], directory, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    told = facts(workflow, "ASKS (one)")
    directives = told["directives"]
    assert (directives["cpus"], directives["memory"], directives["time"]) == (1, 64 << 20, 300_000)
    assert (told["tag"], directives["executor"]) == ("one", "local")
    assert told["values"] == {"word": "hello"}
    assert told["staged"] == {"reads.fa": page}  # and not only the copy that Nextflow made of it
    assert told["code"]["text"].strip() == "wc -c < reads.fa > size.txt; echo hello >> size.txt"
    inner = facts(workflow, "INNER:LAST")
    assert inner["module"] == str(directory / "inner.nf")
    run = workflow.graph.run.facts
    files = {Path(one["path"]).name: one["digest"] for one in run["workflow_files"]}
    assert {"main.nf", "inner.nf"} <= files.keys()
    assert all(digest.startswith("sha256:") for digest in files.values())
    assert run["params"]["url"] == page
    assert f"[{run['run_name']}]" in done.stdout
    # What was published derives from the task's output.
    publishing = workflow.step("publish results/renamed-size.txt")
    assert publishing.declaration is not None
    assert [Path(os.fsdecode(one)).name for one in publishing.declaration.inputs] == ["size.txt"]
    assert workflow.writes(publishing.name) == {"results/renamed-size.txt"}
    assert {path.rpartition("/")[2] for path in workflow.reads(publishing.name)} == {"size.txt"}


def test_what_a_store_has_is_not_made_again(around: dict[str, str], tmp_path: Path) -> None:
    directory = pipeline("store-dir", tmp_path / "w")
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout
    kept = [one for one in workflow.graph.steps if one.rule == "KEEP" and one.declaration]
    by_hit = {bool(one.declaration.facts.get("stored")): one for one in kept if one.declaration}
    assert set(by_hit) == {True, False}
    for hit, name in ((True, "kept.txt"), (False, "fresh.txt")):
        declaration = by_hit[hit].declaration
        assert declaration is not None
        assert declaration.facts["store_dir"] == str(directory / "store")
        assert declaration.outputs == (bytes(directory / "store" / name),)
    assert not workflow.graph.gaps


ABORTED = """process BAD {
    input:
    val waited

    script:
    'exit 4'
}

process LONG {
    script:
    'echo begun; sleep 30'
}

process SHORT {
    output:
    val true

    script:
    'sleep 1'
}

workflow {
    LONG()
    BAD(SHORT())
}
"""


def test_tasks_that_were_aborted_are_kept(around: dict[str, str], tmp_path: Path) -> None:
    directory = write(tmp_path / "w", {"main.nf": ABORTED})
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 1
    assert facts(workflow, "BAD")["failed"] is True
    long = facts(workflow, "LONG")
    assert long.get("aborted") is True or long.get("failed") is True, long
    assert any(one.step == workflow.step("LONG").number for one in workflow.graph.execs)
    assert workflow.graph.run.facts["success"] is False


LAZY = """process BUILT {
    conda { "bioconda::bwa=0.7.$number" }
    spack "$projectDir/prefix-${number}"
    label 'small'

    input:
    val number

    output:
    stdout

    script:
    'echo built'
}

workflow { BUILT(channel.of(1, 2)) }
"""


def test_directives_that_depend_on_the_task_are_told_as_it_got_them(
    around: dict[str, str], tmp_path: Path
) -> None:
    """Conda is off and so only told; `spack` is a stand-in that activates nothing: none was at hand."""
    directory = write(
        tmp_path / "w",
        {"main.nf": LAZY, "nextflow.config": "spack.enabled = true\n", "tools/spack": "#!/bin/sh\n"},
    )
    (directory / "tools/spack").chmod(0o755)
    for number in (1, 2):
        (directory / f"prefix-{number}").mkdir()
    path = f"{directory / 'tools'}:{os.environ['PATH']}"
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    for number in (1, 2):
        told = facts(workflow, f"BUILT ({number})")
        own = told["values"]["number"]  # in whatever order the tasks came
        assert told["directives"]["conda"] == f"bioconda::bwa=0.7.{own}"
        assert told["directives"]["spack"] == told["spack"] == f"{directory}/prefix-{own}"
        assert told["directives"]["label"] == ["small"]
        assert "conda" not in told  # it was not used
