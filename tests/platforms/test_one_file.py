"""probe-record, one static file, copied alone into other roots: it records there, and is taken in outside.

The quick roots are put together from this machine's programs; `make prove` makes one by debootstrap too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from calls.recorded import PROGRAMS, Recorded, frames, program, told
from calls.test_calls import steady
from evidence import PROVE
from probe_core.capture.spool import Spool
from probe_core.history import open_history
from probe_core.history.intake import take_in_all
from probe_core.model import Act, GapReason, Proof, RunGraph

LAUNCHER = Path(sys.executable).parent / "probe-record"
MOST = 300_000  # bytes


def tool(name: str) -> str:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or name


def enter(root: Path, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run in the root, with nothing of this machine but the kernel; /proc where there is a place for it."""
    change = [tool("unshare"), "-m" if os.geteuid() == 0 else "-Urm", tool("sh"), "-c"]
    proc = f"if [ -d $0/proc ]; then {tool('mount')} --rbind /proc $0/proc || exit; fi"
    return subprocess.run(
        [*change, f'{proc}; exec {tool("chroot")} "$0" "$@"', root, *command],
        env={"PATH": "/bin", **environment}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def record(root: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The launcher alone, in the root, with the spool in it."""
    if not (root / "probe-record").exists():
        shutil.copy(LAUNCHER, root / "probe-record")
    (root / "tmp").mkdir(exist_ok=True)
    result = enter(root, "/probe-record", "--spool", "/tmp/spool", "--", *command, **environment)
    assert result.returncode == 0, result
    return result


def copied(root: Path, *programs: str | Path) -> None:
    """Put programs into the root's /bin, and the libraries that they need where they look for them."""
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for one in programs:
        found = Path(one) if str(one).startswith("/") else Path(shutil.which(str(one)) or one)
        shutil.copy(found, root / "bin" / found.name)
        needed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", needed):
            (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library[1:])


def taken_in(root: Path, tmp_path: Path) -> RunGraph:
    """Copy the spool out, as from a container or a machine without Python, and take it in."""
    shutil.copytree(root / "tmp" / "spool", tmp_path / "out")
    with open_history(tmp_path / "history.sqlite") as history:
        assert take_in_all(Spool(tmp_path / "out"), history, []) == []
        (run,) = history.runs()
        return history.graph(run.id)


def programs_of(graph: RunGraph) -> set[bytes]:
    return {exec.program for exec in graph.execs}


def touched(graph: RunGraph, act: Act) -> set[bytes]:
    table = graph.accesses
    return {graph.versions[v].path for v, a in zip(table.version, table.act, strict=True) if a == act}


def test_its_size_and_that_it_needs_nothing(needs) -> None:
    assert LAUNCHER.stat().st_size <= MOST
    needs("readelf", package="binutils")
    parts = subprocess.run(["readelf", "-lW", LAUNCHER], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in parts
    assert "DYNAMIC" not in parts


def test_a_bare_glibc_root(tmp_path: Path) -> None:
    """bash and some tools, no /proc, no /dev, no Python; a file of the same name lies outside."""
    root, data = tmp_path / "root", tmp_path / "data"
    copied(root, "bash", "cat", "sort")
    data.mkdir()
    (data / "in").write_text("this one was not read\n")
    inside = root / str(data)[1:]
    inside.mkdir(parents=True)
    (inside / "in").write_text("b\na\n")
    result = record(root, "bash", "-c", f"cat {data}/in | sort > {data}/out")
    assert (result.stdout, result.stderr) == (b"", b"")
    assert (inside / "out").read_text() == "a\nb\n"
    graph = taken_in(root, tmp_path)
    assert programs_of(graph) >= {b"/bin/bash", b"/bin/cat", b"/bin/sort"}
    versions = {version.path: version for version in graph.versions}
    assert bytes(data / "in") in touched(graph, Act.READ)
    assert bytes(data / "out") in touched(graph, Act.WRITE)
    assert (versions[bytes(data / "in")].digest, versions[bytes(data / "in")].proof) == (None, Proof.GONE)
    assert {gap.reason for gap in graph.gaps} == {GapReason.ELSEWHERE}


@pytest.mark.parametrize("family", ["names", "metadata"])
def test_a_musl_root(family: str, tmp_path: Path, needs) -> None:
    """As on Alpine: the loader and libc are musl's, and nothing else is there."""
    needs("musl-gcc", package="musl-tools")
    root, built = tmp_path / "root", program(family, compiler="musl-gcc")
    copied(root, built)
    (root / "proc").mkdir()
    (root / "lib").mkdir(exist_ok=True)
    loader = f"ld-musl-{os.uname().machine}.so.1"
    shutil.copy(f"/lib/{loader}", root / "lib" / loader)
    record(root, f"/bin/{built.name}")
    (folder,) = (root / "tmp" / "spool" / "runs").iterdir()
    lines = told(Recorded(folder, None, frames(folder)))
    expected = (PROGRAMS / f"{family}.expected").read_text().replace("WORK/", "/")
    assert steady(lines, Path("/not/there")) == expected
    assert os.fsencode(f"/bin/{built.name}") in programs_of(taken_in(root, tmp_path))


def test_without_proc_nothing_is_passed_over(tmp_path: Path) -> None:
    """What is below a directory that only its descriptor names is noted, and the missing name told."""
    root = tmp_path / "root"
    copied(root, program("names"))
    record(root, f"/bin/{program('names').name}")
    (folder,) = (root / "tmp" / "spool" / "runs").iterdir()
    below = {frame.kind for frame in frames(folder) if frame.detail & 3}
    assert below >= {"RENAME", "LINK", "SYMLINK", "REMOVE"}
    (gap,) = [gap for gap in taken_in(root, tmp_path).gaps if gap.reason is not GapReason.ELSEWHERE]
    assert gap.reason is GapReason.UNREADABLE_SEGMENT
    assert "unknown directory" in gap.detail


@pytest.mark.parametrize("policy", ["gap", "watch"])
def test_a_busybox_root(policy: str, tmp_path: Path, needs) -> None:
    """A static busybox is a gap, or watched; a dynamic program beside it is recorded either way."""
    busybox, root = needs("busybox", package="busybox-static"), tmp_path / "root"
    show = f"/bin/{program('show').name}"
    copied(root, busybox, program("show"), "env")
    (root / "proc").mkdir()
    (root / "in").write_text("a\n")
    script = f"/bin/busybox cat /in > /out; {show} one; true"
    record(root, "/bin/env", "/bin/busybox", "sh", "-c", script, PROBE_STATIC=policy)
    graph = taken_in(root, tmp_path)
    assert programs_of(graph) >= {b"/bin/env", b"/bin/busybox", show.encode()}
    told_gaps = {(gap.reason, gap.about) for gap in graph.gaps}
    if policy == "watch":
        assert b"/in" in touched(graph, Act.READ)
        assert b"/out" in touched(graph, Act.WRITE)
        assert (GapReason.STATIC, b"/bin/busybox") not in told_gaps
    else:
        assert (GapReason.STATIC, b"/bin/busybox") in told_gaps


@pytest.mark.skipif(not PROVE, reason="a root made by debootstrap takes half a minute: make prove")
def test_a_debian_root(tmp_path: Path, needs) -> None:
    """The smallest Debian there is, as in a container image."""
    needs("debootstrap")
    root = tmp_path / "root"
    subprocess.run(["debootstrap", "--variant=minbase", "stable", root], check=True, capture_output=True)
    script = "dpkg -l > /list; perl -pe 's/a/b/' /list | sort | gzip > /list.gz; rm /list"
    record(root, "/bin/sh", "-c", script)
    graph = taken_in(root, tmp_path)
    assert {name.rsplit(b"/", 1)[-1] for name in programs_of(graph)} >= {b"dpkg", b"perl", b"sort", b"gzip"}
    assert b"/list.gz" in touched(graph, Act.WRITE)
    assert {gap.reason for gap in graph.gaps} == {GapReason.ELSEWHERE}
