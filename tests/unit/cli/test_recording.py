"""How `probe record` and the engines' verbs read their words, and what they hand to the launcher."""

# ruff: noqa: ARG002
from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from probe_core import plugins as installed
from probe_core.capture import launch
from probe_core.cli import recording
from probe_core.cli.recording import Request, plain_request, start
from probe_core.errors import UsageError
from probe_core.hooks import Declared, Finding, Preparation
from probe_core.model import Step


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ls", "-l"], Request(["ls", "-l"])),
        (["-q", "--", "-odd"], Request(["-odd"], quiet=True)),
        (
            ["-v", "--keep", "--name", "x", "sh", "--name", "y"],
            Request(["sh", "--name", "y"], "x", verbose=True, keep=True),
        ),
        (["--name=x", "true", "--"], Request(["true", "--"], "x")),
        (["--", "--", "x"], Request(["--", "x"])),
    ],
)
def test_plain_words(words: Sequence[str], expected: Request) -> None:
    assert plain_request(words) == expected


@pytest.mark.parametrize("words", [[], ["--"], ["-x", "ls"], ["--help"], ["--name"], ["-qv", "ls"]])
def test_what_is_not_plain_goes_to_click(words: Sequence[str]) -> None:
    assert plain_request(words) is None


class Toy:
    """An engine that notes what it is asked."""

    name = "toy"
    commands = ("toy-flow",)

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def surroundings(self, run_folder: Path, environment: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        assert run_folder.is_dir()
        return {b"TOY": os.fsencode(run_folder)}

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        if self.fault:
            raise self.fault
        return Preparation((*command, b"--told"), {b"DOOR": b"1"}, ("a limit",))

    def declared(self, run_folder: Path) -> Declared | None:
        return None

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        return None


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the launcher would get."""
    seen: dict[str, Any] = {}

    def record(command: Sequence[bytes], **more: Any) -> None:
        seen.update(more, command=list(command))

    monkeypatch.setattr(launch, "record", record)
    return seen


def engine(monkeypatch: pytest.MonkeyPatch, toy: Toy) -> None:
    monkeypatch.setattr(installed, "engines", lambda: {"toy": toy})
    monkeypatch.setattr(installed, "engine_of", lambda words: toy if words[0].endswith(b"toy-flow") else None)


def test_every_recording_gets_the_surroundings(
    monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any]
) -> None:
    engine(monkeypatch, Toy())
    start(Request(["sh", "-c", "toy-flow"], name="n", keep=True, history="/h"))
    folder = Path(os.fsdecode(handed["environment"][b"TOY"]))
    assert folder == Path(handed["spool"]) / "runs" / handed["run_id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", folder.name)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (handed["command"], handed["engine"], handed["name"]) == ([b"sh", b"-c", b"toy-flow"], None, "n")
    assert handed["then"][-3:] == ["--history", "/h", "--keep"]


def test_an_engine_in_front_prepares_its_command_line(
    monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    engine(monkeypatch, Toy())
    start(Request(["/opt/toy-flow", "all"], verbose=True))
    assert handed["command"] == [b"/opt/toy-flow", b"all", b"--told"]
    assert (handed["engine"], handed["environment"][b"DOOR"]) == ("toy", b"1")
    assert capsys.readouterr().err == "probe: a limit\n"


def test_an_adapter_that_fails_stops_nothing(monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any]) -> None:
    engine(monkeypatch, Toy(RuntimeError("broken")))
    start(Request(["toy-flow", "all"]))
    assert handed["command"] == [b"toy-flow", b"all"]


@pytest.mark.parametrize("ask", [None, lambda *_: 1 / 0], ids=["none", "faulty"])
def test_surroundings_are_optional_and_may_fail(
    ask: Any, monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any]
) -> None:
    blamed: list[str] = []
    toy, other = Toy(), Toy()
    toy.surroundings = ask
    engine(monkeypatch, toy)
    monkeypatch.setattr(installed, "engines", lambda: {"faulty": toy, "sound": other})
    monkeypatch.setattr(installed.plugins(), "blame", lambda _, error: blamed.append(str(error)))
    start(Request(["true"]))
    assert handed["environment"][b"TOY"]
    assert blamed == ([] if ask is None else ["division by zero"])


def test_what_an_engine_refuses_is_told(monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any]) -> None:
    engine(monkeypatch, Toy(UsageError("toy cannot do that")))
    with pytest.raises(UsageError):
        start(Request(["toy-flow", "all"]))
    assert handed == {}


def test_a_spool_that_cannot_be_made_leaves_the_engines_alone(
    monkeypatch: pytest.MonkeyPatch, handed: dict[str, Any], tmp_path: Path
) -> None:
    engine(monkeypatch, Toy())
    (tmp_path / "file").write_text("")
    start(Request(["toy-flow"], spool=str(tmp_path / "file" / "spool")))
    assert handed["command"] == [b"toy-flow"]
    assert b"TOY" not in handed["environment"]


def test_engine_verbs_take_all_words(monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, Toy())
    assert recording.engine_request(["toy", "-q", "--name", "x"]) == Request(
        ("toy-flow", "-q", "--name", "x"), engine="toy"
    )
    assert recording.engine_request(["other"]) is None


def test_engine_verbs_take_the_policy_for_static_programs() -> None:
    request = recording.engine_request(["make", "--static=watch", "-j4", "--static=x"])
    assert request is not None
    assert (request.static, request.command) == ("watch", ("make", "-j4", "--static=x"))
    plain = recording.engine_request(["make", "-j4"])
    assert plain is not None
    assert plain.static is None
    with pytest.raises(UsageError, match="gap, watch or auto, not 'all'"):
        recording.engine_request(["make", "--static=all"])


@pytest.mark.parametrize("words", [["make", "all"], ["record", "-q", "true"]])
def test_a_start_imports_nothing_that_takes_long(words: list[str], tmp_path: Path) -> None:
    heavy = {"typing", "dataclasses", "enum", "re", "pathlib", "contextlib", "pluggy", "click", "shutil"}
    program = f"""
import os, sys
sys.path += {sys.path}
def execve(launcher, words, environment):
    print("handed on:", *sorted(set(sys.modules) & {heavy}))
    sys.stdout.flush()
    os._exit(0)
os.execve = execve
sys.argv[1:] = {words}
from probe_core.cli.main import main
main()
"""
    environment = {**os.environ, "PROBE_SPOOL": str(tmp_path / "spool")}
    command = [sys.executable, "-I", "-S", "-c", program]  # a .pth file may import what it likes
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "handed on:\n"
