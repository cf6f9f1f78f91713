"""What Snakemake knows of a workflow and its jobs is in everything that PROBE shows and exports."""

from __future__ import annotations

import hashlib
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from workflows import run, write

pytest.importorskip("snakemake")
XLINK = "{http://www.w3.org/1999/xlink}title"
FILES = {
    "Snakefile": """configfile: "config.yaml"
include: "rules/more.smk"
rule all:
    input: "one-a.txt", "two.txt"
    default_target: True
""",
    "rules/more.smk": """
rule one:
    input: "in.txt"
    output: "one-{sample}.txt"
    log: "logs/{sample}.log"
    params: word=config["word"], deep=[1, {"x": None}]
    resources: mem_mb=20
    threads: 2
    priority: 7
    retries: 3
    group: "some"
    conda: "env.yaml"
    shell: "mkdir again 2>/dev/null && exit 3; cat {input} > {output}; echo {params.word} > {log}"
rule two:
    output: "two.txt"
    container: "docker://example/image:1"
    script: "../scripts/two.py"
""",
    "rules/env.yaml": "dependencies: [bwa]\n",
    "scripts/two.py": "open(snakemake.output[0], 'w').write('two')\n",
    "config.yaml": "word: colophon\n",
    "more.yaml": "depth: 4\n",
    "in.txt": "in\n",
}
COMMAND = "mkdir again 2>/dev/null && exit 3; cat in.txt > one-a.txt; echo colophon > logs/a.log"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workflow that was recorded: rule one failed at its first attempt."""
    place = write(tmp_path_factory.mktemp("facts"), FILES)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "Snakefile"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], cwd=place, check=True)
    words = ["--cores", "2", "--scheduler", "greedy", "--configfile", "config.yaml", "more.yaml"]
    ask(place, "snakemake", *words)
    return place


def ask(place: Path, *words: str) -> str:
    """Give what `probe` says, with a history beside the workflow: it lasts for all tests here."""
    own = {"PROBE_SPOOL": str(place / ".spool"), "PROBE_HISTORY": str(place / ".history.sqlite")}
    done = run(["probe", *words], place, **own)
    assert done.returncode == 0, done.stderr
    return done.stdout


def digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def of_jobs(place: Path) -> dict[str, dict[str, Any]]:
    """What must be told of each job's last attempt, by rule."""
    env, script = place / "rules/env.yaml", place / "scripts/two.py"
    text = f"sha256:{hashlib.sha256(COMMAND.encode()).hexdigest()}"
    return {
        "one": {
            "wildcards": {"sample": "a"}, "params": {"word": "colophon", "deep": [1, {"x": None}]},
            "threads": 2, "priority": 7, "retries": 3, "group": "some", "kind": "shell", "shell": COMMAND,
            "shell_digest": text, "conda": {"path": str(env), "digest": digest(env)}, "line": 2,
            "snakefile": str(place / "rules/more.smk"), "attempt": 2,
            "declared input": [str(place / "in.txt")], "declared output": [str(place / "one-a.txt")],
            "log": [str(place / "logs/a.log")],
        },
        "two": {
            "kind": "script", "script": {"path": str(script), "digest": digest(script)}, "line": 14,
            "container": "docker://example/image:1", "attempt": 1, "wildcards": {},
            "declared output": [str(place / "two.txt")],
        },
    }  # fmt: skip


def of_run(place: Path) -> dict[str, Any]:
    """What must be told of the run."""
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=place, check=True, capture_output=True, text=True).stdout.strip()
    version = subprocess.run(["snakemake", "--version"], check=True, capture_output=True, text=True).stdout
    names = ("Snakefile", "rules/more.smk", "config.yaml", "more.yaml")
    described = [{"path": str(place / name), "digest": digest(place / name)} for name in names]
    return {
        "configuration": {"word": "colophon", "depth": 4}, "commit": commit, "version": version.strip(),
        "workflow_files": described,
    }  # fmt: skip


Told = tuple[dict[str, Any], dict[str, dict[str, Any]]]  # of the run, and of each rule's last attempt


def shown(place: Path) -> Told:
    """Read `probe show --json`."""
    found = json.loads(ask(place, "show", "--json"))
    jobs = {}
    for step in sorted(found["steps"], key=lambda one: one["attempt"]):
        told = step["declared"]
        files = {"declared input": told["inputs"], "declared output": told["outputs"], "log": told["logs"]}
        jobs[step["rule"]] = told["facts"] | files | {"attempt": step["attempt"]}
    return found["run"]["facts"], jobs


def exported(place: Path) -> Told:
    """Read PROV-JSON."""
    ask(place, "export", "prov-json", "-o", "prov.json")
    activities = json.loads((place / "prov.json").read_text())["activity"]

    def values(one: Mapping[str, Any], term: str) -> list[Any]:
        found = one.get(term, [])
        found = found if isinstance(found, list) else [found]
        return [value["$"] if isinstance(value, dict) else value for value in found]

    def facts(one: Mapping[str, Any]) -> dict[str, Any]:
        pairs = (text.partition("=") for text in values(one, "probe:fact"))
        return {name: json.loads(value) for name, _, value in pairs}

    jobs: dict[str, dict[str, Any]] = {}
    for name, one in activities.items():
        if not name.startswith("run:step-"):
            continue
        (rule,), (attempt,) = values(one, "probe:rule"), values(one, "probe:attempt")
        if int(attempt) >= jobs.get(rule, {}).get("attempt", 0):
            inputs, outputs = (
                [text.removeprefix("file://") for text in values(one, f"probe:declared{which}")]
                for which in ("Input", "Output")
            )
            logs = [one for one in outputs if one.endswith(".log")]
            made = [one for one in outputs if one not in logs]
            files = {"declared input": inputs, "declared output": made, "log": logs}
            jobs[rule] = facts(one) | files | {"attempt": int(attempt)}
    return facts(activities["run:run"]), jobs


def tooltips(text: str) -> dict[str, dict[str, Any]]:
    """Read the tooltips of an SVG's steps."""
    jobs: dict[str, dict[str, Any]] = {}
    for node in ElementTree.fromstring(text).iter():
        lines = unescape(node.get(XLINK, "")).split("\n")
        if not lines[0].startswith("step "):
            continue
        told: dict[str, Any] = {"declared input": [], "declared output": [], "log": []}
        for line in lines:
            name, equals, value = line.partition("=")
            if equals and " " not in name:
                told[name] = json.loads(value) if value[-3:] != "..." else value
            for word in ("declared input", "declared output"):
                if line.startswith(word):
                    told[word].append(line[len(word) + 1 :])
            if line.startswith("declared log "):
                told["log"].append(line.removeprefix("declared log "))
            if line.startswith("attempt "):
                told["attempt"] = int(line.split()[1])
        (rule,) = [line.removeprefix("rule ") for line in lines if line.startswith("rule ")]
        if told["attempt"] >= jobs.get(rule, {}).get("attempt", 0):
            jobs[rule] = told
    return jobs


@pytest.mark.parametrize("view", [shown, exported], ids=["show --json", "prov-json"])
def test_all_that_snakemake_knows_is_told(directory: Path, view: Any) -> None:
    run_told, jobs = view(directory)
    compare(run_told, of_run(directory))
    for rule, expected in of_jobs(directory).items():
        compare(jobs[rule], expected)
        assert jobs[rule]["resources"].get("mem_mb") == (20 if rule == "one" else None)
        assert isinstance(jobs[rule]["jobid"], int)


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_a_picture_tells_it_where_one_points(directory: Path, ending: str, tmp_path: Path) -> None:
    """Of jobs all, in their tooltips; of the run what fits below the title."""
    picture = tmp_path / f"run.{ending}"
    ask(directory, "export", "dataflow-graph", "-o", str(picture))
    text = picture.read_text()
    text = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    jobs = tooltips(text)
    for rule, expected in of_jobs(directory).items():
        compare(jobs[rule], expected)
    written = "".join(ElementTree.fromstring(text).itertext())
    for name in ("version", "commit"):
        assert of_run(directory)[name] in written


def compare(told: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Compare by name, lists of files in any order."""
    known = {name: told.get(name) for name in expected}
    for one in (known, expected := dict(expected)):
        if "workflow_files" in one:
            one["workflow_files"] = sorted(one["workflow_files"], key=str)
    assert known == expected
