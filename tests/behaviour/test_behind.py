"""A large run is taken in behind the prompt: apart from the terminal, never lost, waited for by who asks."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probe_core.capture.spool import RunFolder, Spool
from probe_core.history import behind, open_history
from probe_core.history.intake import LOCK, take_in_all
from probe_core.model import GapReason

BIN = Path(sys.executable).parent
LOOKS = "import os\nfor i in range(40_000): os.access(f'/no/such/{i:040}', 0)\nopen('made', 'w').write('x')"
LARGE = [sys.executable, "-c", LOOKS]  # some 3 MB of notes
TELL = """
import json, os, sys, time
paths = [f"/proc/self/fd/{fd}" for fd in range(64)]
fds = {path.rpartition("/")[2]: os.readlink(path) for path in paths if os.path.islink(path)}
told = {"session": os.getsid(0), "pid": os.getpid(), "place": os.getcwd(), "words": sys.argv[1:], "fds": fds}
open(os.environ["TOLD"] + ".new", "w").write(json.dumps(told))
os.rename(os.environ["TOLD"] + ".new", os.environ["TOLD"])
print("a complaint", file=sys.stderr, flush=True)
time.sleep(float(os.environ.get("LASTS", 0)))
"""


def launch(
    command: list[str], tmp_path: Path, *options: str, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Record with a stand-in for what takes in, which tells how it was started."""
    taker = tmp_path / "taker.py"
    taker.write_text(TELL)
    then = [word for part in (sys.executable, "-S", str(taker)) for word in ("--then", part)]
    return subprocess.run(
        [BIN / "probe-record", "--behind", *options, *then, "--", *command],
        cwd=tmp_path,
        env={**os.environ, "TOLD": str(tmp_path / "told"), **variables},
        capture_output=True,
        check=True,
    )


def told_of(tmp_path: Path) -> dict[str, Any]:
    until = time.monotonic() + 20
    while not (tmp_path / "told").exists():
        assert time.monotonic() < until, "what takes in was not started"
        time.sleep(0.02)
    told: dict[str, Any] = json.loads((tmp_path / "told").read_text())
    return told


def spool() -> Spool:
    return Spool(os.environ["PROBE_SPOOL"])


def is_free(folder: RunFolder) -> bool:
    with (folder.path / LOCK).open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def takers() -> Iterator[list[int]]:
    """Pids to be ended after the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def by_the_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Start the stand-in as the launcher does behind a large run."""
    done = launch(LARGE, tmp_path, "-v", LASTS="30")
    (folder,) = spool().runs()
    line = done.stderr.decode()
    assert line.startswith(f"recorded {folder.id[:8]}: 1 process, 40,")
    assert line.endswith(f" notes; being taken in (`probe show {folder.id[:8]}` waits for it)\n")
    return folder


def by_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Start the stand-in as an adapter does for a root that was no launcher's."""
    subprocess.run([BIN / "probe-record", "-q", "true"], check=True)
    (folder,) = spool().runs()
    (tmp_path / "taker.py").write_text(TELL)
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} -S {tmp_path}/taker.py "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.setenv("LASTS", "30")
    os.open("/dev/null", os.O_RDONLY)  # what the starter has open is not handed on
    assert behind.start(folder)
    return folder


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("begin", [by_the_launcher, by_python])
def test_it_stands_apart_from_the_users_session(
    begin: Callable[..., RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takers: list[int]
) -> None:
    """The agreement in behind.py, which both who start it keep."""
    folder = begin(tmp_path, monkeypatch)
    told = told_of(tmp_path)
    takers.append(int(str(told["pid"])))
    assert told["session"] == told["pid"]
    assert told["place"] == "/"
    *_, option, path = told["words"]
    assert path == str(folder.path)
    number = option.removeprefix("--lock=")
    log, lock = spool().folder / behind.LOG, folder.path / LOCK
    assert told["fds"] == {"0": "/dev/null", "1": str(log), "2": str(log), number: str(lock)}
    assert [one.stat().st_mode & 0o777 for one in (log, lock)] == [0o600, 0o600]
    assert not is_free(folder)
    assert not behind.start(folder), "somebody is at it"
    os.kill(takers[0], signal.SIGKILL)
    until = time.monotonic() + 10
    while not is_free(folder):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert behind.complaints(spool().folder) == ["a complaint"]


def test_the_launcher_starts_nothing_where_somebody_is_at_it(tmp_path: Path) -> None:
    holds = (
        "import fcntl, os, time\n"
        "lock = os.open(os.environ['PROBE_RUN'] + '/taking-in', os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\nif os.fork(): os._exit(0)\ntime.sleep(1)"
    )
    done = launch([*LARGE[:2], f"{LOOKS}\n{holds}"], tmp_path, "-v")
    assert done.stderr == b""
    assert not (tmp_path / "told").exists()
    assert len(spool().runs()) == 1


@pytest.mark.parametrize("case", ["small", "asked to wait", "quiet and small"])
def test_it_is_done_at_once(tmp_path: Path, case: str) -> None:
    small = case != "asked to wait"
    options = ("-q",) if case.startswith("quiet") else ("-v",)
    wait = {} if small else {"PROBE_WAIT": "1"}
    done = launch(["true"] if small else LARGE, tmp_path, *options, **wait)
    told = json.loads((tmp_path / "told").read_text())  # the launcher has waited
    (folder,) = spool().runs()
    assert told["words"] == [str(folder.path)]
    assert done.stderr == (b"" if options == ("-q",) else b"a complaint\n")


def test_a_gap_is_told_at_once(tmp_path: Path, needs: Callable[..., str]) -> None:
    (tmp_path / "still.c").write_text("int main(void) { return 0; }")
    subprocess.run(
        [needs("cc", package="gcc"), "-static", "-o", "still", "still.c"], cwd=tmp_path, check=True
    )
    done = launch([*LARGE[:2], f"{LOOKS}; os.spawnl(0, './still', 'still')"], tmp_path, "-v")
    told_of(tmp_path)
    assert " notes, 1 gap; being taken in" in done.stderr.decode()
    (folder,) = spool().runs()
    with open_history() as history:
        assert take_in_all(spool(), history) == []
        assert GapReason.STATIC in {gap.reason for gap in history.graph(folder.id).gaps}


def test_asking_right_afterwards_is_right(tmp_path: Path) -> None:
    for number in range(3):
        subprocess.run([BIN / "probe", "record", "-q", "--", *LARGE], cwd=tmp_path, check=True)
        asked = subprocess.run([BIN / "probe", "runs", "--json"], capture_output=True, check=True)
        assert len(json.loads(asked.stdout)) == number + 1
        why = subprocess.run([BIN / "probe", "why", "made"], cwd=tmp_path, capture_output=True, check=True)
        assert b"made  1 B" in why.stdout
    assert not spool().runs()
    assert behind.complaints(spool().folder) == []


def test_a_taker_that_is_killed_loses_nothing(tmp_path: Path, takers: list[int]) -> None:
    launch(LARGE, tmp_path, "-q", LASTS="30")
    takers.append(int(str(told_of(tmp_path)["pid"])))
    (folder,) = spool().runs()
    asking = subprocess.Popen([BIN / "probe", "runs", "--json"], stdout=subprocess.PIPE)
    with asking:
        with pytest.raises(subprocess.TimeoutExpired):
            asking.wait(1.5)  # it waits as long as somebody is at it
        os.kill(takers[0], signal.SIGKILL)
        found = json.loads(asking.communicate(timeout=60)[0])
    assert [one["id"] for one in found] == [folder.id]
    assert not folder.path.exists()


def test_what_cannot_be_taken_in_is_told_by_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "text"
    wrong.write_text("no history")
    command = [BIN / "probe", "--history", wrong.name, "record", "-q", "--", *LARGE]
    subprocess.run(command, cwd=tmp_path, check=True)
    until = time.monotonic() + 30
    while not (said := behind.complaints(spool().folder)):
        assert time.monotonic() < until
        time.sleep(0.05)
    (folder,) = spool().runs()
    assert str(folder.path) in said[0]
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no engines, whose versions take long to ask
    doctor = subprocess.run([BIN / "probe", "doctor"], capture_output=True, check=False, text=True)
    assert "taking in" in doctor.stdout
    assert "is not a history" in doctor.stdout
    assert not folder.path.exists()  # the history that doctor asked is one


def test_a_change_after_the_end_is_no_unrecorded_writer(tmp_path: Path, takers: list[int]) -> None:
    script = f"{LOOKS}\nprint(open('notes').read())"
    (tmp_path / "notes").write_text("before")
    time.sleep(0.05)
    launch([sys.executable, "-c", script], tmp_path, "-q")
    told_of(tmp_path)
    time.sleep(0.05)
    for name in ("made", "notes"):
        (tmp_path / name).write_text("after")
    with open_history() as history:
        assert take_in_all(spool(), history) == []
        graph = history.graph(history.find_run("@"))
    assert graph.gaps == []
    newest = {one.path: one for one in graph.versions}
    made, notes = (newest[os.fsencode(tmp_path / name)] for name in ("made", "notes"))
    assert made.digest is None
    assert notes.digest is None
    assert made.size == 1
