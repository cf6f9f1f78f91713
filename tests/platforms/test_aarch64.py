"""64-bit ARM: cross-compiled as the wheel is, and run under qemu-user, beside what x86-64 is held to.

The unit programs of tests/calls note the same as on x86-64. Programs that start others need the kernel to
find qemu for them: a user namespace has a registration of its own (Linux 6.7), the machine's stays as it is.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from calls.frames import frames
from calls.recorded import PROGRAMS, Recorded, told
from calls.test_calls import FAMILIES, steady
from evidence import PROVE
from platforms.musl_guest import compiled_with_musl
from probe_core.capture.reader import read
from probe_core.capture.spool import RunFolder
from probe_core.model import GapReason
from probe_core.stitch import stitch

ROOT = Path(__file__).parents[2]
GUEST = Path("/usr/aarch64-linux-gnu")
# The guest's own loader and libc by name: qemu's prefix would be lost with a cleared environment.
GUEST_FLAGS = ["-Wall", "-O1", "-pthread", f"-Wl,-dynamic-linker,{GUEST}/lib/ld-linux-aarch64.so.1",
               f"-Wl,-rpath,{GUEST}/lib"]  # fmt: skip
QEMU = ["qemu-aarch64"]
PAGES = {"4K": [], "64K": ["-p", "65536"]}
REGISTER = (
    r":probe:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    ":/usr/bin/qemu-aarch64:OCFP"
)
MOUNT = "mount -t binfmt_misc probe /proc/sys/fs/binfmt_misc"
NATIVELY = f'{MOUNT} && printf %s "$REGISTER" > /proc/sys/fs/binfmt_misc/register && exec "$@"'
# qemu 7.2 knows no execveat
WAYS = ["execl", "execvp", "execvpe", "execve-empty", "clearenv", "posix_spawn", "posix_spawnp",
        "vfork-execv", "vfork-execle"]  # fmt: skip

pytestmark = pytest.mark.skipif(platform.machine() == "aarch64", reason="every other test runs on it")


MUSL = pytest.param("musl", marks=pytest.mark.skipif(not PROVE, reason="downloads musl for ARM: make prove"))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory, needs) -> Path:
    """The launcher for ARM and the unit programs, compiled."""
    needs("aarch64-linux-gnu-gcc", package="gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    needs("qemu-aarch64", package="qemu-user")
    folder = tmp_path_factory.mktemp("aarch64")
    scripts = Path(sys.executable).parent
    path = f"{scripts}:{os.environ['PATH']}"
    quietly = {"check": True, "capture_output": True, "env": {**os.environ, "PATH": path}}
    cross = ROOT / "tests" / "platforms" / "aarch64-linux-gnu.ini"
    setup = ["meson", "setup", folder / "build", ROOT, "--cross-file", cross, "-Dwerror=true"]
    subprocess.run(setup, **quietly)
    subprocess.run(["ninja", "-C", folder / "build", "probe-record"], **quietly)
    for source in PROGRAMS.glob("*.c"):
        if source.stem not in ("watched", "no_libc"):  # their tests compile them in a way of their own
            command = ["aarch64-linux-gnu-gcc", *GUEST_FLAGS, source, "-o", folder / source.stem]
            subprocess.run(command, **quietly)
    return folder


def launcher(workshop: Path) -> Path:
    return workshop / "build" / "probe-record"


def emulated(command: list[str | Path], workshop: Path, below: Path, pages: str) -> Recorded:
    """Run one program by qemu in a run that the launcher prepared."""
    run, work = str(uuid.uuid4()), below / "work"
    work.mkdir()
    prepare = ["--spool", below / "spool", "--id", run, "--prepare", "--root", str(os.getpid())]
    made = subprocess.run([*QEMU, launcher(workshop), *prepare], capture_output=True, check=True)
    variables = [word for pair in made.stdout.decode().split("\0") if pair for word in ("-E", pair)]
    result = subprocess.run(
        [*QEMU, *PAGES[pages], *variables, *command], cwd=work, capture_output=True, timeout=120, check=False
    )
    assert result.returncode == 0, result
    folder = below / "spool" / "runs" / run
    return Recorded(folder, result, frames(folder))


@pytest.mark.parametrize("pages", PAGES)
@pytest.mark.parametrize("libc", ["glibc", MUSL])
@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str, libc: str, pages: str, workshop: Path, tmp_path: Path) -> None:
    if libc == "musl" and pages == "64K":
        pytest.skip("musl 1.2.3 fails there unrecorded too: EFAULT from its streams and walks")
    program = workshop / family if libc == "glibc" else compiled_with_musl(PROGRAMS / f"{family}.c", workshop)
    recorded = emulated([program], workshop, tmp_path, pages)
    expected = (PROGRAMS / f"{family}.expected").read_text()
    # /bin/sh and /bin/true are the host's, another machine's programs here, and told to be
    lines = [line for line in told(recorded) if line not in ("GAP /bin/sh", "GAP /bin/true")]
    assert steady(lines, (tmp_path / "work").resolve()) == expected


@pytest.mark.parametrize("pages", PAGES)
def test_threads_signals_and_forks(pages: str, workshop: Path, tmp_path: Path) -> None:
    recorded = emulated([workshop / "threads"], workshop, tmp_path, pages)
    missing = {frame.path for frame in recorded.of("READ") if frame.error == 2}
    assert missing == {f"none-{t}-{i}" for t in range(8) for i in range(200)} | {
        f"child-{i}" for i in range(30)
    }
    parent = recorded.of("START")[0]
    assert {frame.pid for frame in recorded.of("FORKED")} == {
        frame.more["child"] for frame in recorded.of("FORK")
    }
    assert all(frame.more["parent_exec"] == parent.exec for frame in recorded.of("FORKED"))


def test_its_size(workshop: Path) -> None:
    assert launcher(workshop).stat().st_size <= 300_000


def test_a_further_segment(workshop: Path, tmp_path: Path) -> None:
    recorded = emulated([workshop / "busy"], workshop, tmp_path, "64K")
    assert len(list(recorded.folder.glob("segment-*-*"))) >= 2
    assert len({frame.path for frame in recorded.of("LOOKUP") if len(frame.path) == 200}) == 30000


def natively(command: list[str | Path], below: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run where the kernel starts ARM programs by qemu."""
    work = below / "work"
    work.mkdir(exist_ok=True)
    environment = {**os.environ, "REGISTER": REGISTER, **more}
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", NATIVELY, "sh", *command],
        cwd=work, env=environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_way_to_start(way: str, workshop: Path, tmp_path: Path, needs) -> None:
    """Launcher, exec hooks and repaired environments. (The host's loader grumbles at the guest's preload.)"""
    needs("unshare", package="util-linux")
    asked = natively([launcher(workshop), "--version"], tmp_path)
    if asked.returncode:
        pytest.skip(f"no binfmt_misc in a user namespace here: {asked.stderr.decode().strip()}")
    more = {"SHOW": str(workshop / "show"), "PATH": f"{workshop}:{os.environ['PATH']}"}
    command = [launcher(workshop), "--spool", tmp_path / "spool", "-q", workshop / "execs", way]
    result = natively(command, tmp_path, **more)
    assert result.stdout.startswith(b"[zero][one][][three]"), result
    (folder,) = (tmp_path / "spool" / "runs").iterdir()
    recorded = Recorded(folder, result, frames(folder))
    assert recorded.starts()[-1] == ["zero", "one", "", "three"]
    assert recorded.gaps() == set()
    graph = stitch(RunFolder(folder), [])
    assert {exec.program for exec in graph.execs} >= {os.fsencode(workshop / "show")}
    assert {gap.reason for gap in graph.gaps} <= {GapReason.FOREIGN}
    (trace,) = read(RunFolder(folder))
    assert not trace.faults
