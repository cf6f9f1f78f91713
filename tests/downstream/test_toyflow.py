"""A fourth engine, in its own distribution: recorded, checked and exported without a change to the core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CORE = HERE.parents[1] / "probe_core"
SCRIPTS = Path(sys.executable).parent

FLOW = """# a flow
clean: raw.txt -> clean.txt : grep -v bad raw.txt > clean.txt
count: clean.txt -> count.txt : sort clean.txt limits.txt | wc -l > count.txt; cp count.txt aside.txt
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install toyflow as pip does it, beside this installation."""
    place, sources = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("sources") / "toyflow"
    copy = ["cp", "-r", str(HERE / "toyflow"), str(sources)]
    subprocess.run(copy, check=True)
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--no-compile", "--target", str(place)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline, str(sources)]
    subprocess.run(pip, check=True, timeout=120)
    return place


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A folder with a flow in which a step reads, and makes, a file that it does not declare."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "flow.toy").write_text(FLOW)
    (folder / "raw.txt").write_text("good\nbad\nfine\n")
    (folder / "limits.txt").write_text("one\n")
    return folder


def run(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where toyflow is installed."""
    path = os.pathsep.join([str(SCRIPTS), str(site / "bin"), os.environ["PATH"]])
    environment = dict(os.environ) | {"PATH": path, "PYTHONPATH": str(site)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def told(site: Path, folder: Path, *command: str) -> Any:
    """Give what a command answers as JSON."""
    done = run(site, folder, "probe", *command)
    assert done.stderr == ""
    return json.loads(done.stdout)


def exported(site: Path, folder: Path) -> dict[str, Any]:
    """Give the latest run as PROV-JSON."""
    document: dict[str, Any] = told(site, folder, "export", "prov-json", "-o", "-")
    return document


@pytest.mark.parametrize(
    "door",
    [
        ("probe", "toyflow", "flow.toy"),
        ("probe", "record", "toyflow", "flow.toy"),
        ("probe", "record", "sh", "-c", "toyflow flow.toy"),
    ],
    ids=["verb", "in-front", "below"],
)
def test_it_is_recorded_with_its_steps(site: Path, flow: Path, door: tuple[str, ...]) -> None:
    done = run(site, flow, *door)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (flow / "count.txt").read_text().strip() == "3"
    activities = exported(site, flow)["activity"]
    rules = {one["probe:rule"][0] for one in activities.values() if "probe:rule" in one}
    assert rules == {"clean", "count"}
    labels = {one["prov:label"][0]: one for one in activities.values()}
    assert labels["grep"]["probe:partOf"][0]["$"] == "run:step-0"
    assert labels["wc"]["probe:partOf"][0]["$"] == "run:step-1"


def test_it_is_checked_in_its_own_words(site: Path, flow: Path) -> None:
    run(site, flow, "probe", "toyflow", "flow.toy")
    done = run(site, flow, "probe", "check")
    assert "write limits.txt before the -> in flow.toy:3" in done.stdout
    assert "write aside.txt behind the -> in flow.toy:3" in done.stdout
    assert "flow.toy, which" not in done.stdout
    mended = FLOW.replace("clean.txt -> count.txt", "clean.txt limits.txt -> count.txt aside.txt")
    (flow / "flow.toy").write_text(mended)
    run(site, flow, "probe", "toyflow", "flow.toy")
    assert run(site, flow, "probe", "check").returncode == 0


def test_it_is_explained_and_drawn(site: Path, flow: Path) -> None:
    run(site, flow, "probe", "toyflow", "flow.toy")
    why = run(site, flow, "probe", "why", "count.txt").stdout
    assert "raw.txt" in why
    assert "limits.txt" in why
    assert "not declared" in why
    picture = run(site, flow, "probe", "export", "dataflow-graph", "--ending", "mmd", "-o", "-").stdout
    assert "count.txt" in picture
    assert "-. not declared .->" in picture


def test_its_failure_is_its_own(site: Path, flow: Path) -> None:
    (flow / "flow.toy").write_text("fail: -> : exit 7\n")
    assert run(site, flow, "probe", "toyflow", "flow.toy").returncode == 7
    (step,) = [one for one in exported(site, flow)["activity"].values() if "probe:rule" in one]
    assert step["probe:status"][0]["$"] == "7"


def test_doctor_and_help_list_it(site: Path, flow: Path) -> None:
    assert "toyflow" in run(site, flow, "probe", "doctor").stdout
    assert "toyflow" in run(site, flow, "probe", "--help").stdout


def test_a_broken_plugin_is_told_of_and_disturbs_nothing(site: Path, flow: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    about = broken / "broken-1.dist-info"
    about.mkdir(parents=True)
    (about / "entry_points.txt").write_text("[probe]\nbroken = no_such_module\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    both = Path(f"{site}{os.pathsep}{broken}")
    done = run(both, flow, "probe", "record", str(site / "bin" / "toyflow"), "flow.toy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "clean" in run(both, flow, "probe", "show").stdout
    doctor = run(both, flow, "probe", "doctor")
    assert "plugin 'broken' failed: ModuleNotFoundError" in " ".join((doctor.stdout + doctor.stderr).split())


def test_it_is_small_and_the_core_does_not_know_it() -> None:
    sources = [*(HERE / "toyflow").rglob("*.py"), HERE / "toyflow" / "pyproject.toml"]
    assert sum(len(path.read_text().splitlines()) for path in sources) < 150
    assert not [path for path in CORE.rglob("*.py") if "toyflow" in path.read_text()]
