"""Watched programs are as they are without it, but for what the limits name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from calls.frames import frames
from probe_core.capture.spool import Spool
from probe_core.model import GapReason
from probe_core.stitch import stitch
from recording import environment
from watching import DISARMED, MANY, SERVES_FILES, STATIC, can_watch_harmlessly, watch


def test_what_a_program_sees_of_itself(static: Path, tmp_path: Path) -> None:
    """Descriptors, signals, process group; pid and parent are those that its starter knows."""
    plain = subprocess.run(
        [static, "self"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    policy = "auto" if can_watch_harmlessly() else "watch"
    direct = watch(tmp_path, static, "self", policy=policy).result.stdout
    if policy == "watch":
        direct = direct.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0")
    assert _steady(direct) == _steady(plain.stdout)
    script = "import os, sys; os.environ['ITS_PARENT'] = str(os.getpid())\n"
    script += "pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\nos.waitpid(pid, 0)"
    place = tmp_path / "spawned"
    place.mkdir()
    spawned = watch(place, sys.executable, "-c", script, static, "self", policy=policy)
    assert "parent 1" in spawned.result.stdout
    assert spawned.of("START")[-1].texts[3] == "self"


def _steady(status: str) -> str:
    """Leave out the queued signals of all of the user's processes."""
    return re.sub(r"SigQ:\t\d+/", "SigQ:\t", status)


def test_interruptions(static: Path, tmp_path: Path) -> None:
    """The harm that remains: a handler without SA_RESTART sees EINTR from open. With it, never."""
    places = [tmp_path / name for name in ("restarted", "plain", "native")]
    for place in places:
        place.mkdir()
    assert watch(places[0], static, "restarted", "20000").result.stdout == "0\n"
    assert int(watch(places[1], static, "timer", str(MANY)).result.stdout) > 0
    (places[2] / "input").write_text("text\n")
    native = subprocess.run([static, "timer", "20000"], cwd=places[2], capture_output=True, check=True)
    assert native.stdout == b"0\n"


ENTITLED = {
    "ping": ["ping", "-c", "1", "-W", "2", "-q", "127.0.0.1"],
    "su": ["su", "-s", "/bin/sh", "-c", "id -u", "nobody"],
    "fusermount3": ["fusermount3", "-u", "/nowhere/at/all"],
}


@pytest.mark.parametrize("user", [None, 65534], ids=["root", "nobody"])
@pytest.mark.parametrize("name", ENTITLED)
def test_programs_with_rights_of_their_own(
    name: str, user: int | None, static: Path, open_place: Path, needs
) -> None:
    """Below a static program, under the default, they do what they do without a recording."""
    needs(name, package={"ping": "iputils-ping", "fusermount3": "fuse3"}.get(name))
    if os.geteuid():
        pytest.skip("becoming another user needs root")
    shutil.copy(static, open_place / "static")
    plain = [open_place / "static", "start-f", shutil.which(name), *ENTITLED[name][1:]]
    recorder = [open_place / "probe-record", "--spool", open_place / "spool", "-q", "--"]
    told = []
    for command in (plain, [*recorder, *plain]):
        done = subprocess.run(
            command, user=user, group=user, cwd=open_place, env=environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        told.append((done.returncode, re.sub(r"\d+(\.\d+)?( ?ms|/)", "", done.stdout), done.stderr))
    assert told[0] == told[1]


@pytest.mark.parametrize(("policy", "keeps"), [("gap", True), ("auto", True), ("watch", False)])
def test_set_uid_below_a_static_program(policy: str, keeps: bool, static: Path, open_place: Path) -> None:
    """Without privilege only --static=watch takes a set-uid program's rights, and says so."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a set-uid program of another user")
    (open_place / "who.c").write_text(
        '#include <stdio.h>\n#include <unistd.h>\nint main(void) { return !printf("%d\\n", geteuid()); }'
    )
    subprocess.run(["gcc", open_place / "who.c", "-o", open_place / "who"], check=True)
    (open_place / "who").chmod(0o4755)
    shutil.copy(static, open_place / "static")
    command = [open_place / "probe-record", "--spool", open_place / "spool", f"--static={policy}", "-q", "--",
               open_place / "static", "start-f", open_place / "who"]  # fmt: skip
    done = subprocess.run(
        command, user=65534, group=65534, cwd=open_place, env=environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == ("0\n" if keeps else "65534\n")
    (run,) = (open_place / "spool" / "runs").iterdir()
    reasons = [frame.more["reason"] for frame in frames(run) if frame.kind == "GAP"]
    assert reasons == ([STATIC] if keeps else [DISARMED])


def test_a_program_that_serves_files(static: Path, tmp_path: Path) -> None:
    """A look into its own file system would lock both: no file is looked at any more, and a gap tells."""
    seen = watch(tmp_path, static, "serve")
    assert seen.result.returncode == 0
    assert seen.gaps() == [SERVES_FILES]
    assert not seen.of("READ")
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert GapReason.SERVES_FILES in {gap.reason for gap in graph.gaps}
