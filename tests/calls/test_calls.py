"""One small program per family of calls: what it did, and what the recorder says of it.

The expected notes stand beside each program as text. Every program checks its own calls: results, errors
and that a call which succeeds leaves errno alone.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from calls.frames import frames, lost
from calls.recorded import PROGRAMS, Recorded, make_run, program, record, told

FAMILIES = sorted(path.stem for path in PROGRAMS.glob("*.expected"))
BUILDS = {
    "plain": ("gcc",),
    "fortified": ("gcc", "-O2", "-D_FORTIFY_SOURCE=2"),
    "large": ("gcc", "-D_FILE_OFFSET_BITS=64", "-D_LARGEFILE64_SOURCE"),
    "musl": ("musl-gcc",),
}
WAYS = ["execl", "execle", "execlp", "execv", "execve", "execve-empty", "execve-null", "execvp", "execvpe",
        "fexecve", "clearenv", "execveat", "syscall", "posix_spawn", "posix_spawnp", "vfork-execv",
        "vfork-execlp", "vfork-execle"]  # fmt: skip
MARKED = {"execle", "execve", "execvpe", "fexecve", "execveat", "syscall", "posix_spawn", "posix_spawnp",
          "vfork-execle"}  # fmt: skip
UNMARKED = {"execve-empty", "execve-null", "clearenv"}


def built(name: str, build: str, needs) -> Path:
    compiler, *flags = BUILDS[build]
    if compiler == "musl-gcc":
        needs("musl-gcc", package="musl-tools")
    return program(name, *flags, compiler=compiler)


def steady(lines: list[str], work: Path) -> str:
    """The notes without what differs from run to run."""
    text = "\n".join(lines) + "\n"
    return re.sub(r"\b([tuv])[A-Za-z0-9]{6}\b", r"\1XXXXXX", text.replace(str(work), "WORK"))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str, build: str, tmp_path: Path, needs) -> None:
    recorded = record([built(family, build, needs)], tmp_path)
    expected = (PROGRAMS / f"{family}.expected").read_text()
    assert steady(told(recorded), (tmp_path / "work").resolve()) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_family_unrecorded(family: str, tmp_path: Path) -> None:
    """Preloaded without PROBE_RUN, nothing changes and nothing is written."""
    recorded = record([program(family)], tmp_path, more={"PROBE_RUN": ""})
    assert recorded.frames == []


@pytest.mark.parametrize("family", ["opens", "names"])
def test_clang(family: str, tmp_path: Path, needs) -> None:
    needs("clang")
    recorded = record([program(family)], tmp_path, compiler="clang")
    expected = (PROGRAMS / f"{family}.expected").read_text()
    assert steady(told(recorded), (tmp_path / "work").resolve()) == expected


@pytest.mark.parametrize(
    ("way", "build"),
    # musl 1.2.3 has no execveat
    [(way, build) for way in WAYS for build in ("plain", "musl") if (way, build) != ("execveat", "musl")],
)
def test_way_to_start(way: str, build: str, tmp_path: Path, needs) -> None:
    """Every exec and spawn: arguments in order, the environment asked for, and the recorder carried on."""
    execs, show = built("execs", build, needs), built("show", build, needs)
    (tmp_path / "bin").mkdir()
    shutil.copy(show, tmp_path / "bin" / "show")
    more = {"SHOW": str(tmp_path / "bin" / "show"), "MARK": "own", "PROBE_STEP": "step one",
            "PATH": f"/nowhere:{tmp_path}/bin:{os.environ['PATH']}"}  # fmt: skip
    recorded = record([execs, way], tmp_path, more=more)
    mark = "other" if way in MARKED else "" if way in UNMARKED else "own"
    assert recorded.result.stdout.decode() == f"[zero][one][][three] MARK={mark}\n"
    assert recorded.starts()[-1] == ["zero", "one", "", "three"]
    last = recorded.of("START")[-1]
    assert [frame.path for frame in recorded.of("STEP") if frame.exec == last.exec] == ["step one"]
    noted = [frame for frame in recorded.of("EXEC") if frame.path.endswith("/bin/show")]
    assert noted
    assert noted[-1].detail & 1024
    assert noted[-1].more["child"] in (last.pid, 0)
    if "spawn" in way:
        assert noted[-1].more["child"] == last.pid
        assert noted[-1].detail & 2048
    waits = [(frame.more["child"], frame.more["status"]) for frame in recorded.of("WAIT")]
    assert waits == [(last.pid, 7 << 8)]
    assert recorded.gaps() == set()


def test_threads_signals_and_forks(tmp_path: Path) -> None:
    recorded = record([program("threads", "-pthread")], tmp_path)
    missing = {frame.path for frame in recorded.of("READ") if frame.error == 2}
    expected = {f"none-{t}-{i}" for t in range(8) for i in range(200)}
    assert missing == expected | {f"child-{i}" for i in range(30)}
    forked = recorded.of("FORKED")
    parent = recorded.of("START")[0]
    assert {frame.pid for frame in forked} == {frame.more["child"] for frame in recorded.of("FORK")}
    assert all(frame.more["parent_exec"] == parent.exec for frame in forked)
    children = {frame.path: frame.exec for frame in recorded.of("READ") if frame.path.startswith("child-")}
    assert len(set(children.values()) - {parent.exec}) == 30
    codes = sorted(frame.more["status"] >> 8 for frame in recorded.of("EXIT") if frame.exec != parent.exec)
    assert codes == list(range(30))
    assert any(frame.path == "/etc/passwd" for frame in recorded.of("READ"))


@pytest.mark.parametrize("build", ["plain", "musl"])
@pytest.mark.parametrize("way", ["fork", "clone", "syscall", "forkpty", "daemon", "vfork"])
def test_child_before_any_access(way: str, build: str, tmp_path: Path, needs) -> None:
    """What tells a child from its parent is made ready only by then; a vfork child counts as its parent."""
    recorded = record([built("unarmed", build, needs), way], tmp_path)
    for _ in range(100):
        if recorded.of("EXIT"):
            break
        time.sleep(0.05)  # the daemon is nobody's child
        recorded = Recorded(recorded.folder, recorded.result, frames(recorded.folder))
    (parent,) = recorded.of("START")
    (child,) = recorded.of("FORKED") or [parent]
    assert (child is parent) == (way == "vfork")
    reads = {frame.path: frame.exec for frame in recorded.of("READ")}
    expected = {"/etc/hostname": child.exec, "/etc/passwd": parent.exec}
    if way == "daemon":
        del expected["/etc/passwd"]
    assert reads == expected
    ended = sorted(frame.exec for frame in recorded.of("EXIT"))
    assert ended == ([child.exec] if way == "daemon" else sorted({parent.exec, child.exec}))


def test_closed_descriptors_and_the_next_segment(tmp_path: Path) -> None:
    """With 0, 1 and 2 closed the program gets the descriptors it would get, even where a segment is made."""
    recorded = record([program("closed")], tmp_path)
    written = [(frame.path, frame.more["descriptor"]) for frame in recorded.of("WRITE")]
    assert written == [("first", 0), ("second", 1), ("third", 2)]
    assert len(list(recorded.folder.glob("segment-*"))) >= 2
    assert len({frame.path for frame in recorded.of("LOOKUP") if frame.error}) == 30000
    assert recorded.starts()[-1] == ["/bin/true"]


def test_a_host_without_segment_makes_its_own(tmp_path: Path) -> None:
    recorded = record(["true"], tmp_path, folder=make_run(tmp_path, with_segment=False))
    assert recorded.starts() == [["true"]]
    header = next(recorded.folder.glob("segment-*-0")).read_bytes()[:200]
    assert header[40:56].hex() == recorded.folder.name.replace("-", "")
    assert header[56:72] == bytes(range(16))


def test_unwritable_run_leaves_the_command_alone(tmp_path: Path) -> None:
    recorded = record(["sh", "-c", "echo fine"], tmp_path, more={"PROBE_RUN": "/nowhere/at/all"})
    assert (recorded.result.stdout, recorded.result.stderr) == (b"fine\n", b"")


def test_no_room_for_another_segment(tmp_path: Path) -> None:
    """Where a further segment cannot be made the program goes on, and what was lost is counted."""
    recorded = record(["sh", "-c", f"ulimit -f 1000; exec {program('busy')}"], tmp_path)
    assert len(list(recorded.folder.glob("segment-*"))) == 1
    kept = {frame.path for frame in recorded.of("LOOKUP") if len(frame.path) == 200}
    assert 10000 < len(kept) < 30000
    assert lost(recorded.folder) == 30000 - len(kept) + 1  # and the EXIT
    (gap,) = recorded.of("GAP")  # in the place that is kept for it
    assert (gap.more["reason"], gap.exec) == (8, recorded.of("START")[-1].exec)


def test_seccomp_filter_that_kills(tmp_path: Path) -> None:
    """Behind a filter nothing is asked of the kernel; what was opened is noted all the same."""
    recorded = record([program("confined")], tmp_path)
    assert len({frame.path for frame in recorded.of("READ") if frame.path.startswith("none-")}) == 2000
    assert [frame.path for frame in recorded.of("WRITE")] == ["made"]


def test_gaps(tmp_path: Path) -> None:
    """Programs that the preload cannot enter are named, with their arguments."""
    static = program("show", "-static")
    recorded = record([program("execs"), "execv"], tmp_path, more={"SHOW": str(static)})
    assert recorded.gaps() == {1}
    assert [frame.path for frame in recorded.of("GAP")] == [str(static)]
    (noted,) = (frame for frame in recorded.of("EXEC") if frame.path == str(static))
    assert noted.texts[2:6] == ["zero", "one", "", "three"]
    assert not noted.detail & 1024


def test_script_names_its_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#! /bin/sh -e\nexit 7\n")
    script.chmod(0o755)
    recorded = record([program("execs"), "execv"], tmp_path, more={"SHOW": str(script)})
    (noted,) = recorded.of("EXEC")
    assert noted.texts[:2] == [str(script), "/bin/sh -e"]
    assert recorded.starts()[-1] == ["/bin/sh", "-e", str(script), "one", "", "three"]


def test_cleared_environment(tmp_path: Path) -> None:
    recorded = record(["env", "-i", "/bin/sh", "-c", "/bin/true; exec env"], tmp_path)
    assert [start[0] for start in recorded.starts()] == ["env", "/bin/sh", "/bin/true", "env"]


def test_replaced_preload_is_kept_first(tmp_path: Path) -> None:
    """Another library's preload stays, in its order, and we follow it."""
    other = tmp_path / "other.so"
    (tmp_path / "other.c").write_text("int other;\n")
    record(["gcc", "-shared", tmp_path / "other.c", "-o", other], tmp_path)
    recorded = record(["env", f"LD_PRELOAD={other}", "sh", "-c", "echo $LD_PRELOAD"], tmp_path)
    preloaded = recorded.result.stdout.decode().strip().split(":")
    assert preloaded[0] == str(other)
    assert len(preloaded) == 2
    assert "libprobe" in preloaded[1]
    assert recorded.starts()[-1][0] == "sh"


def test_huge_environment(tmp_path: Path) -> None:
    more = {f"VARIABLE_{i}": "x" * 100 for i in range(5000)}
    recorded = record(["env", "-u", "LD_PRELOAD", "sh", "-c", "exit 0"], tmp_path, more=more)
    assert recorded.starts()[-1] == ["sh", "-c", "exit 0"]


def test_environment_values(tmp_path: Path) -> None:
    """Names of all, values only of the harmless; nothing of a secret in the file."""
    more = {"API_TOKEN": "canary-1", "PYTHON_SECRET": "canary-2", "PYTHONPATH": "/p", "EMPTY": ""}
    recorded = record(["true"], tmp_path, more=more)
    (noted,) = recorded.of("ENVIRON")
    assert {"API_TOKEN", "PYTHON_SECRET", "PYTHONPATH=/p", "EMPTY"} <= set(noted.texts)
    assert not any(text.startswith(("LD_PRELOAD", "PROBE_")) for text in noted.texts)
    for segment in recorded.folder.glob("segment-*"):
        assert b"canary" not in segment.read_bytes()


def test_inherited_descriptors(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "in").write_text("b\na\n")
    recorded = record(["sh", "-c", "sort <in >out 5<in"], tmp_path)
    start = next(frame for frame in recorded.of("START") if frame.texts[2] == "sort")
    own = [frame for frame in recorded.of("DESCRIPTOR") if frame.exec == start.exec]
    named = [frame for frame in recorded.of("DESCRIPTOR", "WRITE") if frame.path]
    known = {frame.more["inode"]: frame.path for frame in named}
    assert {0, 1, 5} <= {frame.more["descriptor"] for frame in own}
    out = next(frame for frame in own if frame.more["descriptor"] == 1)
    assert Path(known[out.more["inode"]]).name == "out"
    assert (work / "out").read_text() == "a\nb\n"


def test_what_engines_declare_in_the_run_is_not_noted(tmp_path: Path) -> None:
    """Make would be noted twice for each recipe. A folder whose name only begins so is another one."""
    folder = make_run(tmp_path)
    beside = Path(f"{folder}-beside")
    beside.mkdir()
    program = (
        "import sys; open('before', 'w'); file = open(sys.argv[1], 'a'); file.write('x'); file.close(); "
        "file = open(sys.argv[2], 'w'); file.write('x'); file.close()"
    )
    words = ["python3", "-S", "-c", program, f"{folder}/declared", f"{beside}/own"]
    recorded = record(words, tmp_path, folder=folder)
    assert (folder / "declared").read_text() == "x"
    written = [Path(frame.path).name for frame in recorded.of("WRITE")]
    assert written == ["before", "own"]
    assert len(recorded.of("CLOSE")) == 2


def test_pipes_join_processes(tmp_path: Path) -> None:
    recorded = record(["sh", "-c", "seq 3 | sort -r | cat"], tmp_path)
    made = {frame.more["inode"] for frame in recorded.of("PIPE")}
    by_name = {frame.exec: frame.texts[2] for frame in recorded.of("START")}
    ends = {
        (by_name[frame.exec], frame.more["descriptor"]): frame.more["inode"]
        for frame in recorded.of("DESCRIPTOR")
        if frame.exec in by_name and frame.more["inode"] in made
    }
    assert ends["seq", 1] == ends["sort", 0] != ends["sort", 1] == ends["cat", 0]


def test_subshell_writes_to_its_pipe(tmp_path: Path) -> None:
    """A fork child that never opens nor executes anything still tells which pipe it had."""
    recorded = record(["bash", "-c", "(echo a; echo b) | cat"], tmp_path)
    assert recorded.result.stdout == b"a\nb\n"
    cat = next(frame.exec for frame in recorded.of("START") if frame.texts[2] == "cat")
    forked = {frame.exec for frame in recorded.of("FORKED")}
    ends = {(frame.exec == cat, frame.more["descriptor"], frame.more["inode"])
            for frame in recorded.of("DESCRIPTOR") if frame.exec in {cat, *forked}}  # fmt: skip
    read = {inode for by_cat, descriptor, inode in ends if by_cat and descriptor == 0}
    assert read & {inode for by_cat, descriptor, inode in ends if not by_cat and descriptor == 1}


def test_libraries_loaded_later(tmp_path: Path) -> None:
    """dlopen by name finds what the caller's own RUNPATH says, and the path found is noted at the end."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "late.c").write_text("int late(void) { return 5; }\n")
    (tmp_path / "main.c").write_text(
        '#include <dlfcn.h>\nint main(void) { void *l = dlopen("liblate.so", RTLD_NOW); if (!l) return 1;\n'
        'int (*f)(void) = (int (*)(void))dlsym(l, "late"); return f() - 5; }\n'
    )
    record(["gcc", "-shared", "-fPIC", tmp_path / "late.c", "-o", tmp_path / "lib" / "liblate.so"], tmp_path)
    runpath = f"-Wl,--enable-new-dtags,-rpath,{tmp_path}/lib"
    record(["gcc", tmp_path / "main.c", runpath, "-o", tmp_path / "main", "-ldl"], tmp_path)
    recorded = record([tmp_path / "main"], tmp_path)
    loads = [frame.path for frame in recorded.of("LOAD")]
    assert loads == ["liblate.so", str(tmp_path / "lib" / "liblate.so")]


def test_exception_through_our_frame(tmp_path: Path, needs) -> None:
    """Unwinding passes: a C++ exception thrown in an nftw callback is caught by the caller."""
    needs("g++")
    (tmp_path / "throw.cc").write_text(
        "#include <ftw.h>\n"
        "static int visit(const char *, const struct stat *, int, struct FTW *) { throw 5; }\n"
        'int main() { try { nftw(".", visit, 4, 0); } catch (int thrown) { return thrown - 5; } return 1; }\n'
    )
    record(["g++", tmp_path / "throw.cc", "-o", tmp_path / "throw"], tmp_path)
    record([tmp_path / "throw"], tmp_path)


def test_address_sanitizer(tmp_path: Path) -> None:
    """A program linked with AddressSanitizer starts behind us, and is recorded."""
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    record(["gcc", "-fsanitize=address", tmp_path / "a.c", "-o", tmp_path / "asan"], tmp_path)
    recorded = record(["sh", "-c", f"{tmp_path}/asan"], tmp_path)
    assert recorded.starts()[-1] == [f"{tmp_path}/asan"]
