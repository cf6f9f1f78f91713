"""Whatever is known not to have been seen: each kind happens for real, and is told everywhere."""

from __future__ import annotations

import html
import io
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from calls.recorded import program
from probe_core.capture.spool import Spool
from probe_core.errors import FormatError
from probe_core.model import Gap, RunGraph
from probe_core.plugins import formats
from probe_core.stitch import stitch
from recording import LAUNCHER, environment

PROBE = Path(sys.executable).parent / "probe"
Make = Callable[[Path], list[str]]


def unseen(*words: str) -> Make:
    """A command of tests/calls/programs/unseen.c, below a shell that goes on after it."""

    def made(_: Path) -> list[str]:
        return ["sh", "-c", '"$@"; :', "sh", str(program("unseen")), *words]

    return made


def set_uid(place: Path) -> list[str]:
    """A program with the set-uid bit of another user."""
    copied = place / "as-another"
    shutil.copy(program("unseen"), copied)
    os.chown(copied, 65534, 65534)
    copied.chmod(0o4755)
    return ["sh", "-c", f"{copied}; :"]


def foreign(place: Path) -> list[str]:
    """A program of another word size, small enough to be made of bytes: exit(0) by `int 0x80`."""
    copied = place / "other-machine"
    code = bytes.fromhex("31c0 40 31db cd80")  # xor eax,eax; inc eax; xor ebx,ebx; int 0x80
    base = 0x08048000
    head = struct.pack(
        "<4sBBB9xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0
    )
    part = struct.pack("<8I", 1, 0, base, base, 84 + len(code), 84 + len(code), 5, 4096)
    copied.write_bytes(head + part + code)
    copied.chmod(0o755)
    if os.uname().machine != "x86_64" or subprocess.run([copied], check=False).returncode:
        pytest.skip("this kernel runs no 32-bit programs")
    return ["sh", "-c", f"{copied}; :"]


def unreadable(place: Path) -> list[str]:
    """A program that may be executed and not read."""
    copied = place / "closed"
    shutil.copy(program("unseen"), copied)
    copied.chmod(0o711)
    place.chmod(0o755)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", f"{copied}; :"]


def static(_: Path) -> list[str]:
    return ["sh", "-c", f"{program('show', '-static')} >/dev/null; :"]


def chroot(place: Path) -> list[str]:
    return unseen("chroot", str(place))(place)


def by_number(place: Path) -> list[str]:
    (place / "file").write_text("text")
    return unseen("number", str(place / "file"))(place)


def full(_: Path) -> list[str]:
    """No further segment may be made: files may be 4 MB at most."""
    return ["sh", "-c", 'ulimit -f 4096; "$@"; :', "sh", str(program("unseen")), "fill"]


# reason -> the command, and what the program it is about ends in
KINDS: dict[str, tuple[Make, str]] = {
    "static": (static, "show-gcc-static"),
    "privileged": (set_uid, "as-another"),
    "foreign": (foreign, "other-machine"),
    "io_uring": (unseen("io_uring"), "unseen-gcc"),
    "namespace": (unseen("dlmopen"), "unseen-gcc"),
    "namespace-deepbind": (unseen("deepbind"), "unseen-gcc"),
    "root-changed": (chroot, "unseen-gcc"),
    "root-changed-mounts": (unseen("unshare"), "unseen-gcc"),
    "raw-call": (by_number, "unseen-gcc"),
    "past-libc": (unseen("past-libc"), "unseen-gcc"),
    "torn": (unseen("torn"), "unseen-gcc"),
    "no-room": (full, "unseen-gcc"),
}
ROOT = {"privileged", "root-changed", "root-changed-mounts"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_is_told_everywhere(kind: str, tmp_path: Path) -> None:
    if kind in ROOT and os.geteuid():
        pytest.skip("needs root")
    make, name = KINDS[kind]
    reason = re.match(r"[a-z]+(_uring|-(changed|room|libc|call))?", kind)[0]
    command = make(tmp_path)
    done = subprocess.run(
        [PROBE, "record", "-v", "--keep", *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder,) = Spool(os.environ["PROBE_SPOOL"]).runs()
    graph = stitch(folder, [])
    (gap,) = graph.gaps
    assert gap.reason == reason
    assert gap.remedy
    assert gap.exec is not None
    assert graph.execs[gap.exec].program.endswith(os.fsencode(name)), "the process is named"
    assert b"1 gap" in done.stderr, "the closing line"
    told_by_show(gap, name, tmp_path)
    for export in formats().values():
        told_by(export.name, graph, gap)


def told_by_show(gap: Gap, name: str, place: Path) -> None:
    shown = subprocess.run(
        [PROBE, "show", "@"],
        cwd=place,
        env=environment({"COLUMNS": "1000"}),
        capture_output=True,
        check=False,
    )
    text = " ".join(shown.stdout.decode().split())
    assert gap.remedy in text, text
    assert name in text, "the process"
    assert " ".join(gap.detail.split()) in text


def told_by(name: str, graph: RunGraph, gap: Gap) -> None:
    out = io.BytesIO()
    options = {one.name: one.default for one in formats()[name].options}
    try:
        formats()[name].write(graph, out, options)
    except FormatError:
        return  # it has nothing to tell of such a run
    plain = " ".join(html.unescape(out.getvalue().decode(errors="replace")).split())
    assert " ".join(gap.remedy.split()) in plain, name
    assert os.fsdecode(graph.execs[gap.exec].program) in plain, name


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """The spool's own file system is full while the program runs: it goes on, and the run says so."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "probe-test", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        command = [LAUNCHER, "--spool", disk / "spool", "-q", program("unseen"), "fill"]
        done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        (folder,) = Spool(disk / "spool").runs()
        assert [gap.reason for gap in stitch(folder, []).gaps] == ["no-room"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
