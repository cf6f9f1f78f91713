"""Network, absolute paths, environments, patterns, early reads: what is found, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graphs import SECOND, Building
from probe_core.ask.check import check
from probe_core.hooks import Finding
from probe_core.model import Act, GapReason, Proof, RunGraph, Variable

CURL, PYTHON = b"/usr/bin/curl", b"/usr/bin/python3"


def found(graph: RunGraph) -> list[tuple[str, bytes | None]]:
    return [(one.lint, one.path) for one in check(graph, {})]


def only(graph: RunGraph) -> Finding:
    (one,) = check(graph, {})
    return one


def making(run: Building, program: bytes = PYTHON, **more: object) -> int:
    """A step that makes /w/out, which it declares; give its program."""
    step = run.step("fit", outputs=[b"/w/out"], **more)  # type: ignore[arg-type]
    one = run.exec(program, step=step)
    run.write(one, b"/w/out")
    return one


# ---- network


@pytest.mark.parametrize("name", ["tcp 192.0.2.7:443", "tcp [2001:db8::1]:80", "udp 192.0.2.7:123"])
def test_another_machine_is_a_finding_once_a_step(name: str) -> None:
    run = Building()
    one = making(run, CURL)
    for _ in range(2):
        run.pipe([one], [one], name, "remote")
    finding = only(run.graph())
    assert finding.lint == "network"
    assert finding.message == f"fit talks to {name}, which nothing pins"
    assert finding.evidence[0].startswith("process 1000 at ")
    assert "a rule of its own" in (finding.remedy or "")


@pytest.mark.parametrize(
    "name",
    ["tcp 127.0.0.1:80", "tcp [::1]:80", "tcp [::ffff:127.0.0.1]:80", "udp 192.0.2.1:53", "unix /run/nscd"],
)
def test_this_machine_and_name_servers_are_left_alone(name: str) -> None:
    run = Building()
    one = making(run)
    run.pipe([one], [one], name, "remote")
    assert found(run.graph()) == []


def test_what_belongs_to_no_step_may_talk() -> None:
    run = Building()
    making(run)
    one = run.exec(CURL)
    run.pipe([one], [one], "tcp 192.0.2.7:443", "remote")
    assert found(run.graph()) == []


# ---- absolute paths


def named(folder: Path, text: str, declared: bool, file: str = "Flow") -> RunGraph:
    """A step that reads /data/ref/genome.fa; ``text`` stands in a workflow file."""
    (folder / file).write_text(text)
    run = Building(facts={"workflow_files": [{"path": str(folder / file), "digest": None}]})
    one = making(run, inputs=[b"/data/ref/genome.fa"] if declared else [])
    run.read(one, b"/data/ref/genome.fa")
    return run.graph()


@pytest.mark.parametrize("text", ["one\nmap /data/ref/genome.fa\n", "one\nREF = '/data/ref'\n"])
def test_a_declared_file_that_is_named_absolutely(tmp_path: Path, text: str) -> None:
    finding = only(named(tmp_path, text, declared=True))
    assert (finding.lint, finding.path) == ("absolute-path", b"/data/ref/genome.fa")
    assert finding.message == f"fit uses /data/ref/genome.fa, which {tmp_path}/Flow:2 names absolutely"


@pytest.mark.parametrize(
    "text", ["map $(ROOT)/data/ref/genome.fa", "x/data/ref/y", "# /data/ref/genome.fa", "/data/re", "/data"]
)
def test_what_only_looks_like_it_is_none(tmp_path: Path, text: str) -> None:
    assert found(named(tmp_path, text, declared=True)) == []


def test_settings_are_the_place_for_absolute_paths(tmp_path: Path) -> None:
    assert found(named(tmp_path, "ref: /data/ref/genome.fa", declared=True, file="config.yaml")) == []


def test_an_undeclared_file_is_told_once_with_the_place_that_names_it(tmp_path: Path) -> None:
    finding = only(named(tmp_path, "map /data/ref/genome.fa", declared=False))
    assert finding.lint == "undeclared-input"
    assert "Flow:1 names absolutely" in finding.evidence[-1]


# ---- environments

CONDA = {"conda": "envs/map.yaml"}
ACTIVE = (Variable(b"CONDA_PREFIX", 1, b"/w/.snakemake/conda/abc"),)


def in_environment(path: bytes, act: Act, facts: dict[str, object] = CONDA) -> RunGraph:
    run = Building()
    step = run.step("map", outputs=[b"/w/out"], facts=facts)
    one = run.exec(b"/w/.snakemake/conda/abc/bin/python", step=step, environment=ACTIVE)
    run.read(one, path, act=act)
    run.write(one, b"/w/out")
    return run.graph()


@pytest.mark.parametrize(
    ("path", "act"),
    [
        (b"/home/al/.local/lib/python3.12/site-packages/numpy/core.so", Act.LOAD),
        (b"/home/al/.local/lib/python3.12/site-packages/numpy/__init__.py", Act.READ),
        (b"/usr/local/bin/samtools", Act.EXECUTE),
        (b"/opt/other/bin/bwa", Act.EXECUTE),
    ],
)
def test_what_comes_from_outside_the_rules_environment(path: bytes, act: Act) -> None:
    finding = only(in_environment(path, act))
    assert (finding.lint, finding.path) == ("outside-environment", path)
    assert finding.message.endswith("from outside its environment .snakemake/conda/abc") or (
        "/w/.snakemake/conda/abc" in finding.message
    )
    assert found(in_environment(path, act, {})) == []


@pytest.mark.parametrize(
    ("path", "act"),
    [
        (b"/usr/bin/awk", Act.EXECUTE),
        (b"/w/.snakemake/conda/abc/bin/bwa", Act.EXECUTE),
        (b"/lib/x86_64-linux-gnu/libc.so.6", Act.LOAD),
    ],
)
def test_an_environment_and_the_operating_system_below_it(path: bytes, act: Act) -> None:
    assert found(in_environment(path, act)) == []


def contained(*programs: bytes) -> Building:
    run = Building()
    step = run.step("map", outputs=[b"/w/out"], facts={"container": "quay.io/bwa:1"})
    for program in programs:
        one = run.exec(program, step=step)
    run.write(one, b"/w/out")
    return run


def test_a_container_that_was_named_and_not_used() -> None:
    finding = only(contained(b"/bin/bash", b"/usr/local/bin/bwa").graph())
    assert (finding.lint, finding.path) == ("outside-environment", None)
    assert finding.message == "map names the container quay.io/bwa:1, and ran on the host without it"
    assert finding.evidence[0] == "2 programs of the host: /bin/bash, /usr/local/bin/bwa"


def test_a_container_that_was_started_is_none() -> None:
    assert found(contained(b"/bin/bash", b"/usr/bin/docker").graph()) == []
    run = contained(b"/bin/bash")
    run.gap(GapReason.ROOT_CHANGED, b"/bin/bash", step=0)
    assert found(run.graph()) == []


@pytest.mark.parametrize("started_by", [{}, {"container_engine": "podman"}])
def test_a_program_of_the_host_inside_a_container(started_by: dict[str, object]) -> None:
    run = Building()
    step = run.step("map", outputs=[b"/w/out"], facts={"container": "bwa:1", **started_by})
    starter = run.exec(b"/usr/bin/podman", step=step)
    shell = run.exec(b"/container:bwa:1/bin/sh", step=step, parent=run._graph.execs[starter].process)
    for program in (b"/container:bwa:1/usr/bin/bwa", b"/w/bin/own", b"/opt/tools/samtools"):
        one = run.exec(program, step=step, parent=run._graph.execs[shell].process)
        run.read(one, program, act=Act.EXECUTE)
    run.read(one, b"/container:bwa:1/usr/share/ref/genome.fa")
    run.write(one, b"/container:bwa:1/root/left")
    run.write(one, b"/w/out")
    finding = only(run.graph())
    assert (finding.lint, finding.path) == ("outside-environment", b"/opt/tools/samtools")
    assert finding.message == "map runs /opt/tools/samtools of the host inside the container bwa:1"


# ---- outputs caught by a pattern


def caught(*, used: bytes = b"/w/t/result.txt", patterns: object = ("*.txt",)) -> Building:
    """A task makes tmp.txt, reads it, makes result.txt; another step takes ``used``."""
    run = Building()
    told = list(patterns) if isinstance(patterns, tuple) else patterns
    outputs = [b"/w/t/result.txt", b"/w/t/tmp.txt"]
    task = run.step("count", outputs=outputs, facts={"patterns": told})
    run._graph.steps[task] = replace(
        run._graph.steps[task],
        declaration=replace(run._graph.steps[task].declaration, directory=b"/w/t"),  # type: ignore[type-var]
    )
    one = run.exec(PYTHON, step=task)
    run.write(one, b"/w/t/tmp.txt")
    run.read(one, b"/w/t/tmp.txt")
    run.write(one, b"/w/t/result.txt")
    sink = run.step("plot", inputs=[*outputs[:1], used], outputs=[b"/w/plot"], facts={"chains_rebuild": True})
    two = run.exec(PYTHON, step=sink)
    run.read(two, used)
    run.write(two, b"/w/plot")
    return run


def test_an_intermediate_that_the_outputs_pattern_caught() -> None:
    finding = only(caught().graph())
    assert (finding.lint, finding.path) == ("caught-by-pattern", b"/w/t/tmp.txt")
    assert finding.message == "count gives tmp.txt as an output, which it made for itself; *.txt caught it"


@pytest.mark.parametrize(
    "run",
    [
        caught(used=b"/w/t/tmp.txt"),
        caught(patterns=("*.txt", "tmp.txt")),
        caught(patterns=("result.txt", "tmp.txt")),
        caught(patterns=None),
    ],
    ids=["taken by another", "named too", "no pattern", "not told"],
)
def test_what_was_meant_is_left_alone(run: Building) -> None:
    assert "caught-by-pattern" not in [lint for lint, _ in found(run.graph())]


# ---- read too early


def test_a_read_before_the_file_is_made_anew_took_the_old_content() -> None:
    run = Building()
    user = run.step("a.o", inputs=[b"/w/gen.h"], outputs=[b"/w/a.o"])
    compiler = run.exec(b"/usr/bin/cc", step=user)
    run.read(compiler, b"/w/gen.h", digest="old")
    run.write(compiler, b"/w/a.o")
    maker = run.step("headers", outputs=[b"/w/stamp"])
    one = run.exec(PYTHON, step=maker)
    run.write(one, b"/w/gen.h", digest="new")
    run.remove(one, b"/w/gen.h")
    run.write(one, b"/w/stamp")
    finding = only(run.graph())
    assert (finding.lint, finding.path) == ("early-read", b"/w/gen.h")
    assert finding.message == "a.o reads gen.h before headers makes it anew: the old content went in"


def while_writing(seconds: int, ended: int | None = None, **more: object) -> RunGraph:
    """One step makes /w/big until ``seconds`` after another, ordered behind it, opened it."""
    run = Building()
    first = run.exec(PYTHON, step=run.step("make", outputs=[b"/w/big"]))
    run.write(first, b"/w/big")
    second = run.exec(PYTHON, step=run.step("use", inputs=[b"/w/big"], outputs=[b"/w/out"]))
    version = run.read(second, b"/w/big")
    known = run._graph.versions[version]
    run._graph.versions[version] = replace(known, modified=run.now + seconds * SECOND, **more)  # type: ignore[arg-type]
    run.write(second, b"/w/out")
    run._graph.execs[first] = replace(run._graph.execs[first], ended=ended)
    return run.graph()


def test_a_read_while_the_file_is_written() -> None:
    assert only(while_writing(2)).message == "use reads big while make still writes it"
    assert found(while_writing(-1)) == []
    assert found(while_writing(2, proof=Proof.CHANGED)) == []
    assert found(while_writing(2, ended=1)) == []  # by a file server's clock only


# ---- side-cars


@pytest.mark.parametrize(
    ("declared", "index"), [("a.fa", "a.fa.fai"), ("a.bam", "a.bai"), ("a.fa", "a.dict")]
)
def test_an_index_beside_a_declared_file_is_no_fault(declared: str, index: str) -> None:
    run = Building()
    one = making(run, inputs=[b"/w/" + declared.encode()])
    run.read(one, b"/w/" + declared.encode())
    run.read(one, b"/w/" + index.encode())
    assert found(run.graph()) == []


def test_an_index_that_another_step_makes_is_an_input() -> None:
    run = Building()
    index = run.exec(PYTHON, step=run.step("index", outputs=[b"/w/a.fa.fai"]))
    run.write(index, b"/w/a.fa.fai")
    one = making(run, inputs=[b"/w/a.fa"])
    run.read(one, b"/w/a.fa")
    run.read(one, b"/w/a.fa.fai")
    assert found(run.graph()) == [("undeclared-input", b"/w/a.fa.fai")]


def test_a_maker_that_goes_on_after_its_reader_has_come() -> None:
    def late(*steps: str) -> RunGraph:
        run = Building()
        declared = {"make": ([], [b"/w/big"]), "use": ([b"/w/big"], [b"/w/out"])}
        numbers = {name: run.step(name, inputs=some, outputs=made) for name, (some, made) in declared.items()}
        execs = {name: run.exec(PYTHON, step=number) for name, number in numbers.items()}
        for name in steps:
            if name == "make":
                run.write(execs[name], b"/w/big")
            else:
                run.read(execs[name], b"/w/big")
                run.write(execs[name], b"/w/out")
        return run.graph()

    assert found(late("make", "use")) == []
    assert found(late("make", "make", "use")) == []
    assert only(late("make", "use", "make")).message == "use reads big before make has written all of it"
