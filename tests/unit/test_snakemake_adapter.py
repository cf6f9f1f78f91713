"""What the Snakemake adapter makes of a command line, and how it reads what its executor wrote."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from probe_core.hooks import Finding
from probe_core.model import Step
from probe_snakemake import command_line, describe, seam
from probe_snakemake.announced import Announced
from probe_snakemake.declarations import declared
from probe_snakemake.plugin import probe_engine

START: dict[str, Any] = {
    "note": "start", "key": "snakemake:5:1:fit:1", "outer": None, "rule": "fit", "name": "fit (species=a)",
    "attempt": 1, "inputs": ["/w/in"], "outputs": ["/w/out"], "logs": ["/w/log"], "started": 10,
    "directory": "/w", "snakefile": "/w/workflow/Snakefile", "line": 7, "params": {"x": 1},
}  # fmt: skip
END: dict[str, Any] = {"note": "end", "key": START["key"], "ended": 20, "status": 0, "digests": {}}


def left(run: Path, *lines: Any, name: str = "5") -> Path:
    """A run's folder in which a Snakemake left some lines."""
    folder = run / "declarations" / "snakemake"
    folder.mkdir(parents=True, exist_ok=True)
    texts = [one if isinstance(one, str) else json.dumps(one) + "\n" for one in lines]
    (folder / f"{name}.jsonl").write_text("".join(texts))
    return run


def test_nothing_left_is_no_declaration(tmp_path: Path) -> None:
    assert declared(tmp_path) is None


def test_start_and_end_make_one_step(tmp_path: Path) -> None:
    digests = {"/w/out": {"digest": "sha256:00", "size": 1, "modified": 2, "changed": 3, "inode": 4}}
    found = declared(left(tmp_path, START, END | {"digests": digests}))
    assert found is not None
    (step,) = found.declarations
    assert (step.key, step.rule, step.attempt) == (b"snakemake:5:1:fit:1", "fit", 1)
    assert (step.inputs, step.outputs, step.logs) == ((b"/w/in",), (b"/w/out",), (b"/w/log",))
    assert (step.started, step.ended, step.status) == (10, 20, 0)
    assert step.facts["params"] == {"x": 1}
    assert step.facts["digests"] == digests
    assert not found.gaps


def test_until_when_snakemake_changed_times_is_told_of_the_step(tmp_path: Path) -> None:
    settled = {"note": "settled", "outputs": ["/w/out", "/w/other"], "at": 25}
    unseen = {"note": "unseen", "what": "its own reads"}
    found = declared(left(tmp_path, START, END, settled, unseen, unseen))
    assert found is not None
    assert found.declarations[0].facts["settled"] == 25
    assert found.gaps == ("its own reads",)


def test_a_step_that_never_ended_is_open(tmp_path: Path) -> None:
    found = declared(left(tmp_path, START))
    assert found is not None
    assert (found.declarations[0].ended, found.declarations[0].status) == (None, None)


def test_torn_and_foreign_lines_are_gaps(tmp_path: Path) -> None:
    lines = (START, '{"note":"other"}\n', "no json\n", '{"note":"start","key":"x"}\n', '{"note":"e')
    found = declared(left(tmp_path, *lines))
    assert found is not None
    assert [step.rule for step in found.declarations] == ["fit"]
    assert len(found.gaps) == 4


def test_facts_of_several_snakemakes_are_put_together(tmp_path: Path) -> None:
    left(tmp_path, {"note": "run", "facts": {"version": "9", "workflow_files": [{"path": "/a"}]}}, name="1")
    left(tmp_path, {"note": "run", "facts": {"version": "9", "workflow_files": [{"path": "/b"}]}}, name="2")
    found = declared(tmp_path)
    assert found is not None
    assert found.facts == {"version": "9", "workflow_files": [{"path": "/a"}, {"path": "/b"}]}


@pytest.mark.parametrize(
    ("lint", "path", "said"),
    [
        (
            "undeclared-input",
            b"/w/data/x.txt",
            "add 'data/x.txt' to input: of rule fit in workflow/Snakefile:7",
        ),
        ("undeclared-output", b"/e/x", "add '/e/x' to output: of rule fit in workflow/Snakefile:7"),
        ("unknown-lint", b"/w/x", None),
    ],
)
def test_remedies_name_the_rule_and_its_line(
    tmp_path: Path, lint: str, path: bytes, said: str | None
) -> None:
    found = declared(left(tmp_path, START, END))
    assert found is not None
    step = Step(0, b"", "snakemake", "fit", "fit", 1, None, None, None, None, found.declarations[0])
    assert probe_engine().remedy(Finding(lint, 0, path, ""), step) == said


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("-c 2 all", None),
        ("--executor slurm all", "slurm"),
        ("--executor=local", "local"),
        ("--exec dryrun", "dryrun"),
        ("-e cluster-generic", "cluster-generic"),
        ("-eslurm", "slurm"),
        ("-- --executor", None),
        ("--envvars X", None),
    ],
)
def test_an_executor_that_the_user_chose_is_seen(words: str, chosen: str | None) -> None:
    found = command_line.executor_on([word.encode() for word in words.split()])
    assert found == (chosen.encode() if chosen else None)


def test_the_door_chooses_our_executor_and_leaves_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = probe_engine()
    door = engine.prepare((b"no-such-snakemake", b"-c1", b"--", b"x"), tmp_path, {b"PATH": b"/nowhere"})
    assert door.command == (b"no-such-snakemake", b"--executor", b"probe", b"-c1", b"--", b"x")
    other = engine.prepare((b"no-such-snakemake", b"--executor", b"slurm"), tmp_path, {})
    assert other.command == (b"no-such-snakemake", b"--executor", b"slurm")
    assert other.environment == {b"PROBE_SNAKEMAKE": b"1"}
    own = (b"no-such-snakemake", b"-e", b"probe")
    assert (engine.prepare(own, tmp_path, {}).command, engine.prepare(own, tmp_path, {}).notes) == (own, ())


@pytest.mark.parametrize(("written", "asked"), [("executor: slurm\n", False), ("cores: 1\n", True)])
def test_a_profile_may_choose_the_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, asked: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles/default").mkdir(parents=True)
    (tmp_path / "profiles/default/config.yaml").write_text(written)
    door = probe_engine().prepare((b"no-such-snakemake", b"-c1"), tmp_path, {b"PATH": b"/nowhere"})
    assert (b"probe" in door.command) == asked


def test_a_snakemake_elsewhere_without_our_plugin_is_run_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    script = tmp_path / "bin/snakemake"
    script.write_text(f"#!{tmp_path}/bin/python\n")
    script.chmod(0o755)
    path = {b"PATH": str(tmp_path / "bin").encode()}
    assert not command_line.has_our_plugin(b"snakemake", path)
    assert probe_engine().prepare((b"snakemake",), tmp_path, path).notes
    (tmp_path / "lib/python3.11/site-packages/snakemake_executor_plugin_probe").mkdir()
    assert command_line.has_our_plugin(b"snakemake", path)


def test_the_seam_adds_variables_in_a_step_only(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(seam.MODULE)
    module.sp = subprocess  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, seam.MODULE, module)
    seam.install()
    seam.install()
    assert module.sp.PIPE == subprocess.PIPE
    show = [sys.executable, "-c", "import os; print(os.environ.get('PROBE_STEP'))"]

    def said(**more: Any) -> str:
        process = module.sp.Popen(show, stdout=subprocess.PIPE, text=True, **more)
        return str(process.communicate()[0]).strip()

    assert said() == "None"
    with seam.step_here({"PROBE_STEP": "a"}):
        assert said() == said(env={}) == "a"
        with seam.step_here({"PROBE_STEP": "b"}):
            assert said() == "b"
        assert said() == "a"
    assert said() == "None"


def test_without_the_seam_the_reason_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, seam.MODULE, types.ModuleType(seam.MODULE))
    with pytest.raises(seam.SeamError, match="starts its jobs in an unknown way"):
        seam.install()


class Odd:
    """A job of a Snakemake that has nothing of what is asked for."""

    rule = types.SimpleNamespace(name="odd")


def test_a_job_that_says_nothing_is_described_all_the_same() -> None:
    facts = describe.job_facts(Odd(), "/w")
    assert (facts["rule"], facts["inputs"], facts["attempt"]) == ("odd", [], 1)
    json.dumps(facts)


def test_values_without_a_word_in_json_are_told_as_text() -> None:
    assert describe.plain({"p": Path("/x"), "many": (1, {"y": None})}) == {
        "p": "/x",
        "many": [1, {"y": None}],
    }
    assert len(describe.plain("x" * 10_000)) == describe.TEXT_MOST


def test_a_shell_text_that_snakemake_announced_is_not_filled_in_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("snakemake.jobs")
    module.logger = logging.getLogger("tests.jobs")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snakemake.jobs", module)
    earlier, announced = Announced(), Announced()
    earlier.listen()
    announced.listen()
    rule = types.SimpleNamespace(name="fit")
    job = types.SimpleNamespace(jobid=3, rule=rule)
    for text in ("first attempt", "second attempt"):
        told = {"jobid": 3, "rule_name": "fit", "shellcmd": text}
        module.logger.warning("job", extra=told)
        assert announced.text(job) == text
    assert announced.text(job) is None
    assert module.logger.filters == [announced]
    facts = describe._program(types.SimpleNamespace(rule=rule, shellcmd="filled in"), "shell", "/w", "said")
    assert facts["shell"] == "said"
    facts = describe._program(types.SimpleNamespace(rule=rule, shellcmd="filled in"), "shell", "/w", None)
    assert facts["shell"] == "filled in"
