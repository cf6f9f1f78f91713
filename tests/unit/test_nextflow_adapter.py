"""The adapter for Nextflow without a Nextflow: the door, the installation, what nf-probe wrote."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe_core.hooks import Finding
from probe_core.model import Step
from probe_nextflow import door, installation
from probe_nextflow.declarations import FOLDER, declared
from probe_nextflow.plugin import probe_engine

HASH = "ab/cdef0123456789abcdef0123456789"
KEY = f"nextflow:{HASH}"
LINES = [
    {"note": "run", "version": "25.04.4", "session": "s", "launch_dir": "/w", "script": "/w/main.nf"},
    {"note": "process", "name": "F:MAKE", "module": "/w/m.nf"},
    {"note": "start", "key": KEY, "process": "F:MAKE", "name": "F:MAKE (x)", "tag": "x", "attempt": 2,
     "work_dir": f"/w/work/{HASH}", "script": "echo", "runs_command": True,
     "inputs": [{"staged": "in.txt", "path": "/w/in.txt", "source": "https://h/in.txt"},
                {"staged": "o.txt", "path": "s3://b/o.txt"}]},
    {"note": "end", "key": KEY, "status": 0, "outputs": [f"/w/work/{HASH}/out.txt"],
     "channels": [".command.out"]},
    {"note": "publish", "source": f"/w/work/{HASH}/out.txt", "target": "/w/results/out.txt", "when": 5},
    {"note": "complete", "success": True},
]  # fmt: skip


def left(run_folder: Path, lines: list[object] | bytes) -> Path:
    """Leave lines as nf-probe would."""
    folder = run_folder / "declarations" / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    text = lines if isinstance(lines, bytes) else b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    (folder / "7.jsonl").write_bytes(text)
    return run_folder


@pytest.fixture
def jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin to install."""
    place = tmp_path / "nf-probe.jar"
    with zipfile.ZipFile(place, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Plugin-Id: nf-probe\n")
    monkeypatch.setattr(installation, "JAR", place)
    monkeypatch.setattr(door, "JAR", place)
    return place


def launcher(folder: Path, text: str) -> dict[bytes, bytes]:
    """Make a nextflow, and the environment that finds it."""
    folder.mkdir(exist_ok=True)
    (folder / "nextflow").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "nextflow").chmod(0o755)
    return {b"PATH": bytes(folder), b"HOME": bytes(folder)}


def test_a_task_is_a_step(tmp_path: Path) -> None:
    found = declared(left(tmp_path, LINES))
    assert found is not None
    step, publishing = found.declarations
    assert (step.key, step.rule, step.name, step.attempt) == (KEY.encode(), "F:MAKE", "F:MAKE (x)", 2)
    assert step.inputs == (b"/w/in.txt",)
    assert step.outputs == (f"/w/work/{HASH}/out.txt".encode(), f"/w/work/{HASH}/.command.out".encode())
    assert step.facts["staged"] == {"in.txt": "https://h/in.txt", "o.txt": "s3://b/o.txt"}
    assert step.facts["module"] == "/w/m.nf"
    assert (publishing.inputs, publishing.outputs) == (step.outputs[:1], (b"/w/results/out.txt",))
    assert publishing.facts["in_engine"]
    assert found.gaps == ()
    assert found.facts["success"] is True


def test_nothing_left_is_nothing_declared(tmp_path: Path) -> None:
    assert declared(tmp_path) is None


@pytest.mark.parametrize("count", range(1, len(LINES)))
def test_a_nextflow_that_was_killed_leaves_a_gap(tmp_path: Path, count: int) -> None:
    found = declared(left(tmp_path, LINES[:count]))
    assert found is not None
    assert any("did not tell how" in gap[0] for gap in found.gaps if isinstance(gap, tuple))


@given(text=st.binary(max_size=300))
def test_any_bytes_are_read(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    found = declared(left(tmp_path_factory.mktemp("run"), text))
    assert found is not None
    assert found.gaps or not text.strip(b"\n") or found.declarations == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(at=st.integers(0, len(LINES) - 1), member=st.integers(0, 12), value=VALUES)
def test_any_values_are_read(
    tmp_path_factory: pytest.TempPathFactory, at: int, member: int, value: object
) -> None:
    lines = [dict(line) for line in LINES]
    names = list(lines[at])
    lines[at][names[member % len(names)]] = value  # type: ignore[assignment]
    assert declared(left(tmp_path_factory.mktemp("run"), list(lines))) is not None


def test_the_door_installs_and_activates(tmp_path: Path, jar: Path) -> None:
    around = launcher(tmp_path / "bin", "NXF_VER=${NXF_VER:-'25.10.2'}")
    prepared = probe_engine().prepare((b"nextflow", b"run", b"main.nf"), tmp_path, around)
    assert prepared.command == (b"nextflow", b"run", b"main.nf")
    assert prepared.environment[b"NXF_PLUGINS_DEFAULT"] == b"nf-probe@0.1.0"
    classes = tmp_path / "bin/.nextflow/plugins/nf-probe-0.1.0/classes"
    assert (classes / "META-INF/MANIFEST.MF").exists()
    assert "launcher=" in (classes / "probe.properties").read_text()
    before = (classes / "probe.properties").stat().st_ino
    probe_engine().prepare((b"nextflow", b"run", b"main.nf"), tmp_path, around)
    assert (classes / "probe.properties").stat().st_ino == before
    with zipfile.ZipFile(jar, "a") as changed:
        changed.writestr("new", "")
    probe_engine().prepare((b"nextflow", b"run", b"main.nf"), tmp_path, around)
    assert (classes / "new").exists()


def test_the_users_own_nextflow_is_taken(tmp_path: Path, jar: Path) -> None:
    around = launcher(tmp_path / "bin", "NXF_VER=${NXF_VER:-'25.10.2'}") | {b"NEXTFLOW": b"/opt/nextflow"}
    assert probe_engine().prepare((b"nextflow", b"log"), tmp_path, around).command == (
        b"/opt/nextflow",
        b"log",
    )


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ("process.executor = 'awsbatch'", b"nf-amazon,nf-probe@0.1.0"),
        ("workDir = 'gs://bucket/work'", b"nf-google,nf-probe@0.1.0"),
        ("process.executor = 'k8s'", b"nf-k8s,nf-probe@0.1.0"),
        ("process.executor = 'slurm'", b"nf-probe@0.1.0"),
    ],
)
def test_plugins_that_nextflow_adds_itself_are_kept(
    tmp_path: Path, jar: Path, monkeypatch: pytest.MonkeyPatch, config: str, wanted: bytes
) -> None:
    around = launcher(tmp_path / "bin", "NXF_VER=${NXF_VER:-'25.10.2'}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nextflow.config").write_text(config)
    prepared = probe_engine().prepare((b"nextflow", b"run", b"main.nf"), tmp_path, around)
    assert prepared.environment[b"NXF_PLUGINS_DEFAULT"] == wanted


def test_the_users_list_of_plugins_is_kept(tmp_path: Path, jar: Path) -> None:
    around = launcher(tmp_path / "bin", "NXF_VER=${NXF_VER:-'25.10.2'}")
    around[b"NXF_PLUGINS_DEFAULT"] = b"nf-amazon,nf-tower"
    prepared = probe_engine().prepare((b"nextflow", b"run", b"main.nf"), tmp_path, around)
    assert prepared.environment[b"NXF_PLUGINS_DEFAULT"] == b"nf-amazon,nf-tower,nf-probe@0.1.0"


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ("NXF_VER=${NXF_VER:-'24.10.0'}", {}, "older than 25.04"),
        ("echo version 24.4.1 build 1", {}, "older than 25.04"),
        ("", {b"NXF_VER": b"23.10.1"}, "older than 25.04"),
        ("export NXF_HOME=/opt/nf", {}, "sets NXF_HOME itself"),
        ("", {b"NXF_PLUGINS_ALLOWED": b"nf-amazon"}, "NXF_PLUGINS_ALLOWED"),
        ("", {b"NXF_PLUGINS_DEFAULT": b"false"}, "NXF_PLUGINS_DEFAULT=false"),
        ("", {b"NXF_PLUGINS_DIR": b"/proc/nowhere"}, "cannot be installed"),
    ],
)
def test_where_the_plugin_cannot_be_the_pipeline_runs_on(
    tmp_path: Path, jar: Path, text: str, more: dict[bytes, bytes], reason: str
) -> None:
    around = launcher(tmp_path / "bin", text) | more
    prepared = probe_engine().prepare((b"nextflow", b"-q", b"run", b"main.nf"), tmp_path, around)
    config = os.fsdecode(prepared.command[4])
    assert prepared.command == (b"nextflow", b"-q", b"run", b"-c", os.fsencode(config), b"main.nf")
    assert "PROBE_STEP = 'nextflow:${PWD: -33}'" in Path(config).read_text()
    assert reason in prepared.notes[0]
    found = probe_engine().declared(tmp_path)
    assert found is not None
    assert reason in found.gaps[0][0]
    assert len(found.gaps[0][1]) > 20  # what to do
    hard = (b"nextflow", b"-C", b"x", b"run", b"main.nf")
    assert probe_engine().prepare(hard, tmp_path, around).command == hard


def test_an_installation_without_the_plugin_says_so(
    tmp_path: Path, jar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(probe_engine().limits()) == []  # type: ignore[attr-defined]
    jar.unlink()
    assert "not installed" in next(probe_engine().limits())  # type: ignore[attr-defined]
    prepared = probe_engine().prepare(
        (b"nextflow", b"run", b"main.nf"), tmp_path, launcher(tmp_path / "bin", "")
    )
    assert "lacks nf-probe" in prepared.notes[0]


def test_the_remedy_names_the_process_and_where_it_stands(tmp_path: Path) -> None:
    found = declared(left(tmp_path, LINES))
    assert found is not None
    declaration = found.declarations[0]
    step = Step(0, declaration.key, "nextflow", "F:MAKE", "F:MAKE (x)", 1, None, None, None, 0, declaration)
    said = probe_engine().remedy(Finding("undeclared-input", 0, b"/w/ref.fa", ""), step)
    assert said is not None
    assert "`path 'ref.fa'` to input: of process MAKE" in said
    assert said.endswith("give it '/w/ref.fa'")
    assert probe_engine().remedy(Finding("other", 0, b"/w/ref.fa", ""), step) is None
