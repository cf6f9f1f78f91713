"""Becoming probe-record, with the right options; here it is a script that tells what it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from probe_core.capture import launch
from probe_core.errors import RecorderError

TELL = """#!/bin/sh
printf '%s\\0' "$@" "X=$X"
"""


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "probe-record"
    path.write_text(TELL)
    path.chmod(0o755)
    monkeypatch.setattr(launch, "_places", lambda: iter([str(tmp_path / "none"), str(tmp_path)]))
    return path


def become(launcher: Path, call: str) -> list[str]:
    """Run ``launch.record(…)`` in a process of its own, since it does not come back."""
    lines = [
        "from pathlib import Path",
        "from probe_core.capture import launch",
        f"launch._places = lambda: iter([{str(launcher.parent)!r}])",
        "print('before', end='\\0')",
        f"launch.record({call})",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


def test_a_plain_command(launcher: Path) -> None:
    assert become(launcher, "['ls', '-l']") == ["before", "--", "ls", "-l", f"X={os.environ.get('X', '')}"]


def test_all_options(launcher: Path) -> None:
    call = """[b'ls\\xff'], name='n', engine='make', spool=Path('/s'), run_id='1', quiet=True,
              environment={'X': 'y'}, then=['probe', b'take-in']"""
    assert become(launcher, call)[1:] == [
        "--name", "n", "--engine", "make", "--spool", "/s", "--id", "1", "-q",
        "--then", "probe", "--then", "take-in", "--", "ls\udcff", "X=y",
    ]  # fmt: skip


def test_prepare_gives_the_variables(launcher: Path) -> None:
    launcher.write_text("#!/bin/sh\nprintf 'LD_PRELOAD=/l:/m\\0PROBE_RUN=/r=%s %s\\0' \"$3\" \"$*\"\n")
    found = launch.prepare(["snakemake"], name="n", environment=os.environ)
    me = os.getpid()
    assert found == {
        "LD_PRELOAD": "/l:/m",
        "PROBE_RUN": f"/r={me} --prepare --root {me} --name n -- snakemake",
    }


def test_prepare_gives_the_reason_on(launcher: Path) -> None:
    launcher.write_text("#!/bin/sh\necho 'probe: not recorded: cannot write /s: no space' >&2; exit 1\n")
    with pytest.raises(RecorderError, match="nothing can be recorded: cannot write /s: no space"):
        launch.prepare()


def test_a_launcher_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_places", lambda: iter(["/nowhere"]))
    for start in (launch.prepare, lambda: launch.record(["true"])):
        with pytest.raises(RecorderError, match="probe-record was not found"):
            start()


def test_a_launcher_that_is_none(launcher: Path) -> None:
    launcher.write_bytes(b"\x7fELF")
    for start in (launch.prepare, lambda: launch.record(["true"])):
        with pytest.raises(RecorderError, match="cannot be executed"):
            start()


def test_it_is_searched_beside_the_interpreter_first() -> None:
    places = list(launch._places())
    assert places[0] == str(Path(sys.executable).parent)
    assert places[-len(os.get_exec_path()) :] == os.get_exec_path()


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


def test_starting_imports_nothing_big() -> None:
    big = {"asyncio", "cffi", "click", "json", "pluggy", "rich", "shutil", "subprocess", "sysconfig"}
    assert not (modules_after("import probe_core.capture.launch") - modules_after("pass")) & big
