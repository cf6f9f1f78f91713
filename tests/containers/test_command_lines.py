"""What starters are given: command lines and variables of stand-ins for engines that cannot run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Needs
from probe_core.capture.containers import Start, read_start
from probe_core.model import GapReason
from recording import environment, record

PROBE = Path(sys.executable).parent / "probe"
STAND_IN = """#!/bin/sh
case "$*" in *"image inspect"*) exit 1 ;; esac
for word; do printf '%s\\n' "$word"; done > words
env > variables
exit 125
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with stand-ins for engines, that say what they were given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("docker", "podman", "nerdctl", "apptainer", "bwrap"):
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
    (folder / "singularity").symlink_to("apptainer")
    return folder


def given(tmp_path: Path, program: Path, *words: str, **more: str) -> tuple[list[str], dict[str, str]]:
    """Record a stand-in; its arguments and variables, with the run's folder and library as names."""
    told = record([str(program), *words], tmp_path, tmp_path / "spool", more)

    def plain(text: str) -> str:
        text = text.replace(str(told.folder.path), "RUN").replace(told.folder.id, "ID")
        return re.sub(r"/[^:=,\s]*/libprobe-[0-9a-f]{16}\.so", "LIBRARY", text)

    lines = plain((tmp_path / "words").read_text()).splitlines()
    variables = plain((tmp_path / "variables").read_text()).splitlines()
    return lines, dict(line.split("=", 1) for line in variables if "=" in line)


OURS = [
    "--volume=LIBRARY:/.probe/libprobe.so:ro",
    "--volume=RUN:/.probe/runs/ID",
    "--env=LD_PRELOAD=/.probe/libprobe.so",
    "--env=PROBE_RUN=/.probe/runs/ID",
]


@pytest.mark.parametrize("name", ["docker", "podman", "nerdctl"])
def test_an_engines_run(name: str, stand_in: Path, tmp_path: Path) -> None:
    words, _ = given(
        tmp_path, stand_in / name, "--log-level", "run", "run", "--rm", "-it", "image", "sh", "-c", "x y"
    )
    token = words[7]
    assert token.startswith("--env=PROBE_CONTAINER=")
    assert words == ["--log-level", "run", "run", *OURS, token, "--rm", "-it", "image", "sh", "-c", "x y"]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("ps", "run"), {}),
        (("--host", "tcp://there", "run", "image"), {}),
        (("--context=there", "run", "image"), {}),
        (("run", "image"), {"DOCKER_HOST": "tcp://there:1"}),
        (("run", "--platform", "linux/arm64", "image"), {}),
        (("run", "-e", "LD_PRELOAD=/own.so", "image"), {}),
        (("run", "--env=LD_PRELOAD=/own.so", "image"), {}),
        (("run", "image"), {"PROBE_CONTAINERS": "gap"}),
        (("--unknown", "value", "run", "image"), {}),
        (("build", "."), {}),
    ],
)
def test_what_may_do_harm_is_left_alone(
    words: tuple[str, ...], more: dict[str, str], stand_in: Path, tmp_path: Path
) -> None:
    assert given(tmp_path, stand_in / "docker", *words, **more)[0] == list(words)


def test_exec_only_gets_a_token(stand_in: Path, tmp_path: Path) -> None:
    words, _ = given(tmp_path, stand_in / "docker", "exec", "-i", "name", "ls")
    assert words[1].startswith("--env=PROBE_CONTAINER=")
    assert [words[0], *words[2:]] == ["exec", "-i", "name", "ls"]


@pytest.mark.parametrize("name", ["apptainer", "singularity"])
def test_apptainer(name: str, stand_in: Path, tmp_path: Path) -> None:
    """By its environment: the command line stays, and so does what the user binds."""
    words, told = given(
        tmp_path, stand_in / name, "exec", "--cleanenv", "x.sif", "ls", APPTAINER_BIND="/a:/b"
    )
    assert words == ["exec", "--cleanenv", "x.sif", "ls"]
    assert told["APPTAINER_BIND"] == "/a:/b,LIBRARY:LIBRARY:ro,RUN"
    assert told["APPTAINERENV_LD_PRELOAD"] == "LIBRARY"
    assert told["APPTAINERENV_PROBE_RUN"] == "RUN"
    assert told["APPTAINERENV_PROBE_CONTAINER"] == told["PROBE_CONTAINER"]


def test_apptainer_without_a_container(stand_in: Path, tmp_path: Path) -> None:
    _, told = given(tmp_path, stand_in / "apptainer", "version")
    assert "APPTAINER_BIND" not in told


def test_a_very_long_command_line_is_left_alone(stand_in: Path, tmp_path: Path) -> None:
    many = [str(number) for number in range(30_000)]
    assert given(tmp_path, stand_in / "docker", "run", "image", *many)[0] == ["run", "image", *many]


def test_what_was_not_served_is_a_gap_that_says_what_to_pass(stand_in: Path, tmp_path: Path) -> None:
    (stand_in / "docker").write_text(STAND_IN.replace("125", "0"))
    told = record([str(stand_in / "docker"), "run", "--platform", "p", "image"], tmp_path, tmp_path / "spool")
    (gap,) = [gap for gap in told.graph.gaps if gap.reason is GapReason.CONTAINER]
    assert gap.about == b"image"
    assert "--env=LD_PRELOAD=/.probe/libprobe.so" in gap.remedy


@pytest.mark.parametrize(
    ("line", "engine", "image"),
    [
        ("docker run --rm -v /a:/b --network none debian:12 sh -c x", "docker", "debian:12"),
        ("podman --root /r run -it --name=n localhost/i@sha256:00 true", "podman", "localhost/i@sha256:00"),
        ("docker container create -v/a:/b -e A=b image", "docker", "image"),
        ("nerdctl -n k8s run -d -- image", "nerdctl", "image"),
        ("apptainer -q exec -B /a:/b --env A=b x.sif ls", "apptainer", "x.sif"),
        ("singularity run docker://debian", "singularity", "docker://debian"),
        ("ch-run -w --bind /a:/b /images/x -- ls", "ch-run", "/images/x"),
        ("docker build .", "docker", None),
    ],
)
def test_reading_a_command_line(line: str, engine: str, image: str | None) -> None:
    words = tuple(map(os.fsencode, line.split()))
    start = read_start(b"/usr/bin/" + words[0], words)
    assert isinstance(start, Start)
    assert (start.engine, start.image) == (engine, image.encode() if image else None)
    assert start.arguments == words


@pytest.mark.parametrize("line", ["docker ps", "podman images", "apptainer version", "ls run", "docker"])
def test_what_starts_no_container(line: str) -> None:
    words = tuple(map(os.fsencode, line.split()))
    assert read_start(b"/usr/bin/" + words[0], words) is None


def test_doctor_names_the_starters(stand_in: Path, tmp_path: Path) -> None:
    for chosen, words in (("", "apptainer, singularity, bwrap"), ("gap", "PROBE_CONTAINERS=gap")):
        variables = environment({"PATH": f"{stand_in}:/usr/bin:/bin", "PROBE_CONTAINERS": chosen})
        told = subprocess.run(
            [PROBE, "doctor"], cwd=tmp_path, env=variables, capture_output=True, check=False
        )
        assert words in told.stdout.decode()


@pytest.mark.parametrize(
    ("words", "gaps"),
    [
        (["rm", "x"], []),
        (["--root", "run", "container", "rm", "x"], []),
        (["pull", "debian"], []),
        (["cp", "x:/a", "b"], [GapReason.STATIC]),
        (["--root", "rm", "cp", "x:/a", "b"], [GapReason.STATIC]),
        ([], [GapReason.STATIC]),
    ],
)
def test_what_an_engine_does_to_its_own_store_is_no_gap(
    words: list[str], gaps: list[GapReason], needs: Needs, tmp_path: Path
) -> None:
    """A static docker, as it is shipped: only where it may touch the user's files is it one."""
    (tmp_path / "docker.c").write_text("int main(void) { return 0; }\n")
    build = [needs("cc", package="gcc"), "-static", "-o", "docker", "docker.c"]
    subprocess.run(build, cwd=tmp_path, check=True)
    told = record([str(tmp_path / "docker"), *words], tmp_path, tmp_path / "spool", {})
    assert [gap.reason for gap in told.graph.gaps] == gaps
