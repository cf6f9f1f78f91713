"""Recording changes nothing: pipelines with and without, cached across both, and no task goes unseen."""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conftest import Needs
from nextflows import IN_PART, PIPELINES, VERSION, assert_same, fetched, observed, pipeline, seen, start
from probe_core.model import Step
from workflows import Workflow, record

ALL = sorted(path.name for path in PIPELINES.iterdir())
EVERY_DAY = [
    "environment-outputs", "exec", "nf-core-shell", "publish-modes", "retry", "scratch", "shebangs",
    "surroundings",
]  # fmt: skip
CHOSEN = ALL if os.environ.get("PROBE_PROVE") else EVERY_DAY
OPTIONS = {"stub": ["-stub-run"], "hello": ["-with-trace", "trace.txt", "-with-report", "report.html"]}
FAIL = {"failing", "finish", "missing-output"}
# Tasks that every -resume runs again: those whose failure was ignored, and one whose output was moved away.
RUN_AGAIN = {"nf-core-shell": ["STRICT"], "ignore": ["MAYBE (b)"], "publish-move": ["MAKE"]}
# What Nextflow's own process does without telling.
GAPS = {"collect-file": ["collectFile (results of LINE)"]}
CACHED = re.compile(r"^\[[^\]]+\] Cached process > ", re.M)
STARTED = re.compile(r"^\[[^\]]+\] Submitted process > (.*)$", re.M)


EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence" / "nextflow-pipelines.md"
HEAD = f"""# Nextflow pipelines with and without recording

`make prove T=tests/engines/test_nextflow_unchanged.py` makes this table, with Nextflow {VERSION} unless
`NEXTFLOW` names another. Equal in all: exit status, console, results, each task's files (but for what names
the task to the recorder), and what `-resume` runs again: recorded after plain, and plain after recorded.

| pipeline | tasks that ran a command | of them observed | seconds plain | recorded | date |
|---|---|---|---|---|---|
"""


def tell(name: str, tasks: tuple[int, int], seconds: tuple[float, float]) -> None:
    """Put one pipeline's row into the table, in place of the one before."""
    kept = EVIDENCE.read_text().splitlines() if EVIDENCE.exists() else []
    rows = {line.split(" | ")[0]: line for line in kept if line.startswith("| ") and "pipeline" not in line}
    saw, ran = tasks
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    rows[f"| {name}"] = f"| {name} | {ran} | {saw} | {seconds[0]:.1f} | {seconds[1]:.1f} | {day} |"
    EVIDENCE.write_text(HEAD + "".join(f"{rows[key]}\n" for key in sorted(rows)))


def test_there_are_enough_of_them() -> None:
    assert len(ALL) >= 25
    assert set(EVERY_DAY) <= set(ALL)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_pipeline_runs_as_without(nextflow: Path, home: Path, tmp_path: Path, name: str) -> None:
    words = ["run", "main.nf", *OPTIONS.get(name, ())]
    plain, recorded = pipeline(name, tmp_path / "plain" / "w"), pipeline(name, tmp_path / "recorded" / "w")
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}
    began = time.monotonic()
    done = start(nextflow, home, plain, *words)
    between = time.monotonic()
    assert (done.returncode != 0) == (name in FAIL), done.stdout + done.stderr
    workflow, told = record(["nextflow", *words], recorded, **around)
    seconds = (between - began, time.monotonic() - between)
    for directory in (plain, recorded):
        for made in ("trace.txt", "report.html"):  # times and sizes, never the same
            (directory / made).unlink(missing_ok=True)
    assert_same(seen(recorded, told), seen(plain, done))

    saw, ran = observed(workflow)
    assert saw == ran == len(list((recorded / "work").rglob(".command.sh")))
    assert [gap.detail.partition(" is carried")[0] for gap in workflow.graph.gaps] == GAPS.get(name, [])
    assert workflow.graph.run.facts["success"] is (name not in FAIL)

    if name not in FAIL:
        assert_resumed_across(workflow, plain, recorded, nextflow, home, name)
    if os.environ.get("PROBE_PROVE"):
        tell(name, (saw, ran), seconds)


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("PROBE_PROVE"), reason="only in make prove: it fetches other Nextflows"
)
@pytest.mark.parametrize("version", IN_PART)
@pytest.mark.parametrize("name", ["tuples", "shebangs", "nf-core-shell", "exec"])
def test_other_versions_run_as_without(needs: Needs, tmp_path: Path, version: str, name: str) -> None:
    other, home = fetched(needs, version), tmp_path / "home"
    plain, recorded = pipeline(name, tmp_path / "plain" / "w"), pipeline(name, tmp_path / "recorded" / "w")
    done = start(other, home, plain, "run", "main.nf")
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(other)}
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **around)
    assert done.returncode == told.returncode == 0, told.stdout + told.stderr
    assert_same(seen(recorded, told), seen(plain, done))
    assert workflow.graph.run.facts["version"] == version
    assert observed(workflow) == (len(list((recorded / "work").rglob(".command.sh"))),) * 2
    assert not workflow.graph.gaps


@pytest.mark.parametrize("name", ["tuples"])
def test_the_strict_parser_runs_as_without(nextflow: Path, home: Path, tmp_path: Path, name: str) -> None:
    """What later versions use by default."""
    plain, recorded = pipeline(name, tmp_path / "plain" / "w"), pipeline(name, tmp_path / "recorded" / "w")
    strict = {"NXF_SYNTAX_PARSER": "v2"}
    done = start(nextflow, home, plain, "run", "main.nf", **strict)
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **around, **strict)
    assert done.returncode == told.returncode == 0, told.stdout + told.stderr
    assert_same(seen(recorded, told), seen(plain, done))
    assert observed(workflow) == (len(list((recorded / "work").rglob(".command.sh"))),) * 2
    assert not workflow.graph.gaps


def assert_resumed_across(
    workflow: Workflow, plain: Path, recorded: Path, nextflow: Path, home: Path, name: str
) -> None:
    """A recorded run finds cached what a plain one made, and (in make prove) the other way round."""
    words = ["run", "main.nf", *OPTIONS.get(name, ())]
    around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}
    again, told = record(["nextflow", *words, "-resume"], plain, **around)
    assert told.returncode == 0
    assert STARTED.findall(told.stdout) == RUN_AGAIN.get(name, [])
    cacheable = [
        one for one in workflow.graph.steps if is_cacheable(one) and one.name not in RUN_AGAIN.get(name, ())
    ]
    assert len(CACHED.findall(told.stdout)) == len(cacheable)
    assert observed(again) == (len(RUN_AGAIN.get(name, ())),) * 2
    if os.environ.get("PROBE_PROVE"):
        back = start(nextflow, home, recorded, *words, "-resume")
        assert back.returncode == 0
        assert STARTED.findall(back.stdout) == RUN_AGAIN.get(name, [])


def is_cacheable(step: Step) -> bool:
    """Tell whether a step was a task that ended well, done by Nextflow itself or by a command."""
    facts = step.declaration.facts if step.declaration else {}
    return "process" in facts and not facts.get("failed") and not facts.get("store_dir")


def test_the_plugin_stays_out_of_the_way_of_others(nextflow: Path, home: Path, tmp_path: Path) -> None:
    """A pipeline's own plugins are loaded as well: here one that is not there, so Nextflow must miss it."""
    directory = pipeline("hello", tmp_path / "w")
    (directory / "nextflow.config").write_text("plugins { id 'nf-other@9.9.9' }\n")
    plain = start(nextflow, home, directory, "run", "main.nf", NXF_OFFLINE="true")
    done = record(
        ["nextflow", "run", "main.nf"],
        directory,
        NXF_HOME=str(home),
        NXF_ANSI_LOG="false",
        NXF_OFFLINE="true",
        NEXTFLOW=str(nextflow),
    )[1]
    assert plain.returncode == done.returncode == 1
    assert "nf-other" in plain.stdout + plain.stderr
    shutil.rmtree(directory / ".nextflow", ignore_errors=True)
    assert re.sub(r"\[\w+\]", "", plain.stdout) == re.sub(r"\[\w+\]", "", done.stdout)
