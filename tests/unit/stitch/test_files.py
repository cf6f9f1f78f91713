"""Facts, volumes and digests from a real disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from paper import PaperFiles
from probe_core.hooks import Declared
from probe_core.model import Declaration, GapReason, Run, RunState
from probe_core.stitch import digests as limits
from probe_core.stitch import stitch_traces
from probe_core.stitch.declare import declared_by
from probe_core.stitch.digests import Digester, Wish, digest_file, digest_version
from probe_core.stitch.files import DiskFacts, read_mounts
from probe_core.stitch.gaps import TEXTS
from segments import EPOCH, TraceBuilder, identity

RUN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me", state=RunState.ENDED)
MOUNTS = rb"""22 27 0:21 / / rw - ext4 /dev/vda1 rw
30 22 0:30 / /home rw - nfs4 server:/export/home rw
31 22 0:31 /inner /mnt/with\040space rw - ext4 /dev/vdb rw
32 22 0:32 / /tmp rw - tmpfs tmpfs rw
broken
"""


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_mounts():
    mounts = read_mounts("me", MOUNTS)
    assert mounts[b"/home"].name == "nfs4 server:/export/home"
    assert mounts[b"/home"].remote
    assert mounts[b"/mnt/with space"].root == b"/inner"
    assert mounts[b"/tmp"].name == "tmpfs me:/tmp"
    assert not mounts[b"/"].remote


def test_a_path_inside_its_volume(monkeypatch):
    files = DiskFacts(host="me")
    monkeypatch.setattr(files, "_mounts", read_mounts("me", MOUNTS))
    assert files.volume(b"/mnt/with space/a/b")[1] == b"/inner/a/b"
    assert files.volume(b"/home/me/x") == (files._mounts[b"/home"], b"/me/x")
    assert files.volume(b"/x")[1] == b"/x"
    assert files.volume(b"/home")[1] == b"/"


def test_canonical_names(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_text("x")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "file").symlink_to("folder/a")
    files, here = DiskFacts(), bytes(tmp_path)
    assert files.place(here + b"/folder/a") == (here + b"/real/a", None)
    assert files.place(here + b"/folder/../file") == (here + b"/file", here + b"/real/a")
    assert files.place(here + b"/folder/gone") == (here + b"/real/gone", None)
    assert files.place(here + b"/folder/..") == (here, None)
    assert files.place(b"/") == (b"/", None)
    assert files.fact(here + b"/real/a").size == 1
    assert files.fact(here + b"/no").kind == "missing"


def test_outside(tmp_path: Path):
    files = DiskFacts([bytes(tmp_path)])
    assert files.outside(bytes(tmp_path) + b"/runs/x")
    assert files.outside(b"/dev/null")
    assert not files.outside(bytes(tmp_path) + b"-other")


def test_interpreters(tmp_path: Path):
    (tmp_path / "script").write_bytes(b"#! /bin/sh -e\necho\n")
    (tmp_path / "elf").write_bytes(b"\x7fELF")
    files = DiskFacts()
    assert files.interpreter(bytes(tmp_path / "script")) == b"/bin/sh -e"
    assert files.interpreter(bytes(tmp_path / "elf")) == b""


def wish(number: int, path: Path, *, made: bool = False, opened: bool = True) -> Wish:
    return Wish(number, bytes(path), DiskFacts().fact(bytes(path)), "v", made, opened)


def test_a_digest_is_only_of_the_version_that_was_seen(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    fact = DiskFacts().fact(bytes(path))
    assert digest_file(bytes(path), fact) == sha(b"one")
    path.write_bytes(b"other")
    assert digest_file(bytes(path), fact) is None
    path.unlink()
    assert digest_file(bytes(path), fact) is None
    os.mkfifo(path)
    assert digest_file(bytes(path), fact) is None


def test_limits(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(limits, "INPUT_MOST", 10)
    monkeypatch.setattr(limits, "INPUTS_MOST", 14)
    monkeypatch.setattr(limits, "OUTPUT_MOST", 20)
    for name, size in (("small", 4), ("middle", 9), ("loaded", 2), ("big", 11), ("out", 20), ("huge", 21)):
        (tmp_path / name).write_bytes(b"x" * size)
    names = ["loaded", "middle", "small", "big", "out", "huge"]
    wishes = [
        wish(n, tmp_path / name, made=name in ("out", "huge"), opened=name != "loaded")
        for n, name in enumerate(names)
    ]
    granted = Digester().grant(wishes)
    assert {names[n] for n in granted} == {"small", "middle", "out"}  # 4 + 9 of 14: no room for 2 more
    monkeypatch.setattr(limits, "INPUTS_COUNT", 1)
    assert {names[n] for n in Digester().grant(wishes)} == {"small", "out"}


def test_the_history_is_asked_first(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"x")

    class History:
        def known(self, volume, inode, size, modified, changed):
            status = path.stat()
            assert (volume, inode, size) == ("v", status.st_ino, 1)
            assert (modified, changed) == (status.st_mtime_ns, status.st_ctime_ns)
            return "sha256:remembered"

    assert Digester(History()).grant([wish(7, path)]) == {7: "sha256:remembered"}


def test_stitching_a_real_folder(tmp_path: Path):
    builder = TraceBuilder()
    (tmp_path / "in").write_bytes(b"in")
    (tmp_path / "out").write_bytes(b"out")
    status = (tmp_path / "out").stat()
    one = builder.start(100, 1, "/bin/sh", ["sh"], tmp_path, at=status.st_ctime_ns + 10**9)
    builder.read(one, "in")
    builder.write(one, "out", found=identity(inode=status.st_ino, device=status.st_dev))
    builder.exit(one, 0)
    graph = stitch_traces(RUN, [builder.trace()], [], DiskFacts(), digester=Digester())
    made = {version.path: version for version in graph.versions}
    assert made[bytes(tmp_path / "in")].digest == sha(b"in")
    assert made[bytes(tmp_path / "out")].digest == sha(b"out")
    assert digest_version(made[bytes(tmp_path / "out")]) == sha(b"out")


def temporary(**entry) -> str | None:
    """The digest of a file that was removed, told by its declaration."""
    builder = TraceBuilder()
    one = builder.start(100, 1, "/bin/sh", ["sh"], "/w", step=b"k")
    found = identity(inode=5, size=3, modified=EPOCH, changed=EPOCH)
    builder.write(one, "temp", found=found)
    builder.close(one, found)
    builder.remove(one, "temp")
    digests = {"/w/temp": {"digest": "sha256:told"} | entry}
    told = Declaration(b"k", "toy", "r", "r", facts={"digests": digests})
    graph = stitch_traces(RUN, [builder.trace()], [Declared((told,))], PaperFiles())
    return next(version.digest for version in graph.versions if version.path == b"/w/temp")


def test_a_file_that_is_gone_has_the_digest_its_adapter_took():
    assert temporary(inode=5, modified=EPOCH, size=3) == "sha256:told"
    assert temporary() == "sha256:told"
    assert temporary(inode=6) is None
    assert temporary(inode=5, size=4) is None


def test_an_adapter_that_fails_is_told(tmp_path: Path):
    class Broken:
        name = "toy"

        def declared(self, folder):
            raise ValueError(folder)

    (declared,) = declared_by([Broken()], tmp_path)
    graph = stitch_traces(RUN, [TraceBuilder().trace()], [declared], PaperFiles())
    (gap,) = graph.gaps
    assert gap.reason is GapReason.NOT_RECORDED
    assert "'toy'" in gap.detail


def test_every_reason_has_its_words():
    assert set(TEXTS) == set(GapReason)
    for sentence, remedy in TEXTS.values():
        assert sentence.strip()
        assert remedy.strip()
