"""Which version an access belongs to."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from paper import PaperFiles
from probe_core.capture.trace import Detail, Kind
from probe_core.model import Act, GapReason, Proof, Run, RunGraph, RunState
from probe_core.stitch import stitch_traces
from segments import EPOCH, TraceBuilder, identity

RUN = Run("5eed0000", None, None, (b"sh",), b"/w", "host", "me", state=RunState.ENDED)
SECOND = 10**9


def stitched(builder: TraceBuilder, files: PaperFiles | None = None, **more) -> RunGraph:
    return stitch_traces(RUN, [builder.trace()], [], files or PaperFiles(), **more)


def told(graph: RunGraph, path: str) -> list[tuple[int, Act, int]]:
    """(exec, act, ordinal) of the accesses to one path, in order."""
    table = graph.accesses
    assert list(table.first) == sorted(table.first)
    return [
        (exec, Act(act), graph.versions[version].ordinal)
        for exec, version, act in zip(table.exec, table.version, table.act, strict=True)
        if graph.versions[version].path == path.encode()
    ]


def versions(graph: RunGraph, path: str):
    return [version for version in graph.versions if version.path == path.encode()]


@pytest.fixture
def builder() -> TraceBuilder:
    return TraceBuilder()


def shell(builder: TraceBuilder, pid: int = 100, parent: int = 1, **more) -> int:
    return builder.start(pid, parent, "/bin/sh", ["sh"], "/w", **more)


def test_reads_of_one_file_are_one_version(builder):
    one = shell(builder)
    builder.read(one, "a")
    builder.lookup(one, "./a")
    builder.read(one, "/w//a", count=7)
    graph = stitched(builder, PaperFiles().file("/w/a"))
    assert told(graph, "/w/a") == [(0, Act.READ, 0), (0, Act.LOOKUP, 0), (0, Act.READ, 0)]
    assert list(graph.accesses.count)[-3:] == [1, 1, 7]
    (version,) = versions(graph, "/w/a")
    assert (version.proof, version.made_by, version.size) == (Proof.PROVED, None, 1)


def test_read_write_read(builder):
    first, second = shell(builder, 100), shell(builder, 101)
    builder.read(first, "a")
    found = identity(inode=5)
    builder.write(second, "a", found=found)
    builder.close(second, found._replace(size=3, modified=EPOCH, changed=EPOCH))
    builder.read(first, "a")
    graph = stitched(builder, PaperFiles().file("/w/a", inode=5, changed=EPOCH))
    assert told(graph, "/w/a") == [(0, Act.READ, 0), (1, Act.WRITE, 1), (0, Act.READ, 1)]
    old, new = versions(graph, "/w/a")
    assert (old.made_by, new.made_by) == (None, 1)
    assert (old.proof, new.proof) == (Proof.GONE, Proof.PROVED)


def test_a_fold_over_a_write_counts_for_both(builder):
    reader, writer = shell(builder, 100), shell(builder, 101)
    builder.read(reader, "a", count=2, last=EPOCH + SECOND)
    builder.write(writer, "a")
    graph = stitched(builder)
    assert told(graph, "/w/a") == [(0, Act.READ, 0), (0, Act.READ, 1), (1, Act.WRITE, 1)]


def test_opened_for_both_reads_the_old_and_writes_the_new(builder):
    one = shell(builder)
    builder.write(one, "db", both=True, truncated=False, created=False, found=identity(inode=5, size=9))
    builder.write(one, "fresh", both=True, truncated=False, found=identity(inode=6, size=0))
    graph = stitched(builder)
    assert told(graph, "/w/db") == [(0, Act.READ, 0), (0, Act.WRITE, 1)]
    assert told(graph, "/w/fresh") == [(0, Act.WRITE, 1)]


def test_two_descriptors_of_one_interval_are_one_version(builder):
    one, found = shell(builder), identity(inode=5)
    builder.write(one, "a", found=found)
    builder.write(one, "a", found=found)
    builder.close(one, found)
    builder.write(one, "a", found=found)
    graph = stitched(builder)
    assert [version.ordinal for version in versions(graph, "/w/a")] == [1, 2]


def test_written_on_after_a_read_is_a_newer_version(builder):
    writer, reader = shell(builder, 100), shell(builder, 101)
    found = identity(inode=5)
    builder.write(writer, "log", found=found)
    builder.read(reader, "log", at=EPOCH + SECOND)
    builder.close(writer, found._replace(size=9, modified=EPOCH + 2 * SECOND), at=EPOCH + 3 * SECOND)
    graph = stitched(builder)
    assert told(graph, "/w/log") == [(0, Act.WRITE, 1), (1, Act.READ, 1), (0, Act.WRITE, 2)]


def test_two_writers_at_once_both_made_what_is_left(builder):
    first, second, found = shell(builder, 100), shell(builder, 101), identity(inode=5)
    builder.write(first, "log", found=found, truncated=False)
    builder.write(second, "log", found=found, truncated=False)
    builder.close(second, found)
    builder.close(first, found)
    graph = stitched(builder)
    assert told(graph, "/w/log") == [(0, Act.WRITE, 1), (1, Act.WRITE, 2), (0, Act.WRITE, 2)]


def test_a_rename_carries_content_and_maker(builder):
    writer, mover, reader = shell(builder, 100), shell(builder, 101), shell(builder, 102)
    found = identity(inode=5)
    builder.write(writer, "a.tmp", found=found)
    builder.close(writer, found._replace(size=4, modified=EPOCH, changed=EPOCH))
    builder.rename(mover, "a.tmp", "a", device=0x801, inode=5)
    builder.read(reader, "a")
    graph = stitched(builder, PaperFiles().file("/w/a", inode=5, size=4, changed=EPOCH))
    assert told(graph, "/w/a.tmp") == [(0, Act.WRITE, 1), (1, Act.RENAME_FROM, 1)]
    assert told(graph, "/w/a") == [(1, Act.WRITE, 1), (2, Act.READ, 1)]
    (old,), (new,) = versions(graph, "/w/a.tmp"), versions(graph, "/w/a")
    assert (old.made_by, old.removed_by, new.made_by, new.size) == (0, 1, 0, 4)
    assert (old.proof, new.proof) == (Proof.GONE, Proof.PROVED)


def test_a_renamed_folder_takes_its_files_along(builder):
    one = shell(builder)
    builder.make(one, "d", detail=Detail.IS_DIRECTORY)
    builder.write(one, "d/x")
    builder.rename(one, "d", "e")
    builder.read(one, "e/x")
    graph = stitched(builder, PaperFiles().file("/w/e", kind="directory").file("/w/e/x", inode=1002))
    assert told(graph, "/w/e/x") == [(0, Act.WRITE, 1), (0, Act.READ, 1)]
    assert versions(graph, "/w/d/x")[0].removed_by == 0


def test_an_exchange_swaps(builder):
    one, two = shell(builder, 100), shell(builder, 101)
    builder.write(one, "a")
    builder.write(two, "b")
    builder.rename(one, "a", "b", detail=Detail.BOTH)
    graph = stitched(builder)
    assert [version.made_by for version in versions(graph, "/w/a")] == [0, 1]
    assert [version.made_by for version in versions(graph, "/w/b")] == [1, 0]
    assert {version.removed_by for version in graph.versions} == {None}


def test_a_file_without_a_name_is_linked_in(builder):
    one, two = shell(builder, 100), shell(builder, 101)
    builder.write(one, "/w", found=identity(inode=9), detail=Detail.NO_NAME, created=False, truncated=False)
    builder.link(two, "/proc/self/fd/3", "out", device=0x801, inode=9)
    graph = stitched(builder)
    assert told(graph, "/w/out") == [(1, Act.WRITE, 1)]
    assert versions(graph, "/w/out")[0].made_by == 0
    assert versions(graph, "/w") == []


def test_hard_links_share_what_is_written(builder):
    one, two = shell(builder, 100), shell(builder, 101)
    found = identity(inode=5)
    builder.write(one, "a", found=found)
    builder.close(one, found)
    builder.link(one, "a", "b", device=0x801, inode=5)
    builder.write(two, "a", found=found)
    builder.read(one, "b")
    graph = stitched(builder)
    assert told(graph, "/w/b") == [(0, Act.WRITE, 1), (0, Act.READ, 2)]
    assert [version.made_by for version in versions(graph, "/w/b")] == [0, 1]


def test_missing_before_and_after(builder):
    one = shell(builder)
    builder.lookup(one, "a", error=errno.ENOENT)
    builder.write(one, "a")
    builder.remove(one, "a")
    builder.read(one, "a", error=errno.ENOENT)
    builder.lookup(one, "never", error=errno.ENOENT)
    builder.lookup(one, "locked", error=errno.EACCES)
    graph = stitched(builder, PaperFiles().file("/w/locked"))
    assert told(graph, "/w/a") == [
        (0, Act.MISSING, 0), (0, Act.WRITE, 1), (0, Act.REMOVE, 1), (0, Act.MISSING, 2),
    ]  # fmt: skip
    assert [version.kind for version in versions(graph, "/w/a")] == ["missing", "file", "missing"]
    assert told(graph, "/w/never") == [(0, Act.MISSING, 0)]
    assert versions(graph, "/w/never")[0].kind == "missing"
    assert told(graph, "/w/locked") == [(0, Act.LOOKUP, 0)]
    assert graph.accesses.error[-1] == errno.EACCES


def test_a_failed_write_makes_nothing(builder):
    one = shell(builder)
    builder.write(one, "/no/such/a", error=errno.ENOENT)
    builder.write(one, "/etc/passwd", error=errno.EACCES)
    graph = stitched(builder, PaperFiles().file("/etc/passwd"))
    assert told(graph, "/no/such/a") == [(0, Act.MISSING, 0)]
    assert told(graph, "/etc/passwd") == [(0, Act.LOOKUP, 0)]


def test_truncation_is_a_version_and_metadata_is_not(builder):
    one = shell(builder)
    builder.read(one, "a")
    builder.change(one, "a", identity(inode=5))
    builder.metadata(one, "a")
    graph = stitched(builder)
    assert told(graph, "/w/a") == [(0, Act.READ, 0), (0, Act.WRITE, 1), (0, Act.METADATA, 1)]


def test_symlinks_are_followed_and_looked_up(builder):
    one = shell(builder)
    builder.read(one, "link")
    builder.lookup(one, "link", detail=Detail.NO_FOLLOW)
    builder.read(one, "real")
    graph = stitched(builder, PaperFiles().link("/w/link", "real").file("/w/real"))
    assert told(graph, "/w/link") == [(0, Act.LOOKUP, 0), (0, Act.LOOKUP, 0)]
    assert told(graph, "/w/real") == [(0, Act.READ, 0), (0, Act.READ, 0)]
    assert versions(graph, "/w/link")[0].kind == "symlink"


def test_a_symlink_made_and_removed_in_the_run(builder):
    one = shell(builder)
    builder.write(one, "real")
    builder.symlink(one, "real", "link")
    builder.read(one, "link")
    builder.remove(one, "link")
    graph = stitched(builder)
    assert told(graph, "/w/real") == [(0, Act.WRITE, 1), (0, Act.READ, 1)]
    assert told(graph, "/w/link") == [(0, Act.WRITE, 1), (0, Act.LOOKUP, 1), (0, Act.REMOVE, 1)]


def test_kernel_and_devices_are_left_out(builder):
    one = shell(builder)
    builder.read(one, "/proc/self/maps")
    builder.write(one, "/dev/null")
    builder.read(one, "null")
    graph = stitched(builder, PaperFiles().link("/w/null", "/dev/null"))
    assert {version.path for version in graph.versions} == {b"/w/null", b"/bin/sh"}


@pytest.mark.parametrize(("changed", "proof", "gaps"), [
    (EPOCH - SECOND, Proof.PROVED, 0), (EPOCH, Proof.ASSUMED, 0), (EPOCH + SECOND, Proof.CHANGED, 1),
])  # fmt: skip
def test_ctime_proves_or_tells(builder, changed, proof, gaps):
    one = shell(builder)
    builder.read(one, "a")
    graph = stitched(builder, PaperFiles().file("/w/a", changed=changed))
    assert versions(graph, "/w/a")[0].proof is proof
    found = [gap.about for gap in graph.gaps if gap.reason is GapReason.UNRECORDED_WRITER]
    assert found == [b"/w/a"] * gaps


def test_a_recorded_chmod_explains_a_new_ctime(builder):
    one = shell(builder)
    builder.read(one, "a", at=EPOCH + SECOND)
    builder.metadata(one, "a", at=EPOCH + 3 * SECOND)
    graph = stitched(builder, PaperFiles().file("/w/a", changed=EPOCH + 2 * SECOND, modified=EPOCH - SECOND))
    assert versions(graph, "/w/a")[0].proof is Proof.PROVED
    assert graph.gaps == []


def test_a_change_after_the_end_of_the_run_is_no_gap(builder):
    one = shell(builder)
    builder.read(one, "a")
    files = PaperFiles().file("/w/a", changed=EPOCH + 9 * SECOND)
    run = replace(RUN, ended=EPOCH + 8 * SECOND)
    graph = stitch_traces(run, [builder.trace()], [], files)
    assert versions(graph, "/w/a")[0].proof is Proof.CHANGED
    assert versions(graph, "/w/a")[0].size is None
    assert graph.gaps == []


def test_changed_by_another_after_the_writer_ended(builder):
    one = shell(builder)
    builder.write(one, "a", found=identity(inode=5))
    builder.exit(one, 0, at=EPOCH + SECOND)
    files = PaperFiles().file("/w/a", inode=5, changed=EPOCH + 5 * SECOND)
    assert versions(stitched(builder, files), "/w/a")[0].proof is Proof.CHANGED
    files.file("/w/a", inode=5, changed=EPOCH + SECOND // 2)
    assert versions(stitched(builder, files), "/w/a")[0].proof is Proof.PROVED


def test_programs_scripts_and_libraries(builder):
    one = builder.start(100, 1, "/w/tool", ["/bin/sh", "/w/tool"], "/w", libraries=["/lib/libc.so.6"])
    builder.access(Kind.LOAD, one, "libx.so")
    builder.access(Kind.LOAD, one, "/lib/libc.so.6")
    files = PaperFiles().file("/w/tool").file("/bin/sh").file("/lib/libc.so.6")
    files.scripts[b"/w/tool"] = b"/bin/sh -e"
    graph = stitched(builder, files)
    assert graph.execs[0].program == b"/bin/sh"
    assert told(graph, "/w/tool") == [(0, Act.EXECUTE, 0)]
    assert told(graph, "/bin/sh") == [(0, Act.EXECUTE, 0)]
    assert told(graph, "/lib/libc.so.6") == [(0, Act.LOAD, 0)]


def test_a_program_built_in_the_run_is_the_built_version(builder):
    one = shell(builder)
    builder.write(one, "prog")
    builder.start(101, 100, "/w/prog", ["./prog"], "/w")
    graph = stitched(builder)
    assert told(graph, "/w/prog") == [(0, Act.WRITE, 1), (1, Act.EXECUTE, 1)]
