"""Static programs, watched: recorded, and as they are without it, but for what the limits name."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from calls.frames import Frame, frames, lost
from calls.recorded import program
from conftest import absent
from probe_core.capture.spool import Spool
from probe_core.model import Act, GapReason
from probe_core.stitch import stitch
from recording import LAUNCHER, READS, environment
from watching import can_watch, can_watch_harmlessly, eventually, keepers, workers

MANY = 200_000 if os.environ.get("PROBE_PROVE") else 60_000
STATIC, UNWATCHED = 1, 12  # enum probe_reason
ATTEMPTED = 32768
GO = """package main
import ("bytes"; "fmt"; "os"; "os/exec"; "sync")
func main() {
    text, _ := os.ReadFile("input")
    os.MkdirAll("a/b", 0755)
    os.WriteFile("a/b/x", text, 0644)
    os.Rename("a/b/x", "a/b/y")
    os.Stat("none")
    var all sync.WaitGroup
    var lock sync.Mutex
    right := 0
    for i := 0; i < 8; i++ {
        all.Add(1)
        go func() {
            defer all.Done()
            for j := 0; j < 3; j++ {
                out, err := exec.Command("/bin/cat", "input").Output()
                lock.Lock()
                if err == nil && bytes.Equal(out, text) { right++ }
                lock.Unlock()
            }
        }()
    }
    all.Wait()
    fmt.Println(right)
}
"""


@pytest.fixture(autouse=True)
def _allowed() -> None:
    if not can_watch():
        pytest.skip("the kernel or the surroundings forbid watching here")


@dataclass
class Watched:
    """One command under the launcher, with the run's folder."""

    result: subprocess.CompletedProcess[str]
    run: Path

    @property
    def frames(self) -> list[Frame]:
        return frames(self.run)

    def of(self, *kinds: str) -> list[Frame]:
        return [frame for frame in self.frames if frame.kind in kinds]

    def gaps(self) -> list[int]:
        return [frame.more["reason"] for frame in self.of("GAP")]


def command_of(place: Path, words: Sequence[str | Path], policy: str) -> list[str]:
    options = [f"--static={policy}"] if policy else []
    return [str(word) for word in (LAUNCHER, "--spool", place / "spool", "-q", *options, "--", *words)]


def only_run(place: Path) -> Path:
    (run,) = (place / "spool" / "runs").iterdir()
    return run


def watch(place: Path, *words: str | Path, policy: str = "watch", **more) -> Watched:
    """Run a command in ``place``, which has a file called input."""
    (place / "input").write_text("text\n")
    result = subprocess.run(
        command_of(place, words, policy), cwd=place, env=environment(more), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    return Watched(result, only_run(place))


@pytest.fixture
def static() -> Path:
    return program("watched", "-static", "-pthread")


def test_the_first_command(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "opens", "5", MARKER="here")
    assert seen.result.stdout == "0 0\n"
    (start,) = seen.of("START")
    assert start.texts[:5] == [str(static), str(tmp_path), str(static), "opens", "5"]
    assert any(text.startswith("MARKER") for frame in seen.of("ENVIRON") for text in frame.texts)
    (read,) = (frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input"))
    assert (read.more["count"], read.detail & ATTEMPTED) == (5, ATTEMPTED)
    assert [frame.more["status"] for frame in seen.of("EXIT")] == [0]
    assert seen.gaps() == []
    assert lost(seen.run) == 0


@pytest.mark.parametrize("how", "sfv3")
@pytest.mark.parametrize("parent", ["dynamic", "static"])
def test_below_another_program(parent: str, how: str, static: Path, tmp_path: Path) -> None:
    """By posix_spawn, fork, vfork and clone3; a failed exec before it stays exact."""
    above = static if parent == "static" else program("watched", "-pthread")
    seen = watch(tmp_path, above, f"start-{how}", static, "opens", "2")
    assert (seen.result.returncode, seen.result.stdout) == (0, "0 0\n")
    assert [frame.texts[3:5] for frame in seen.of("START")][-1] == ["opens", "2"]
    assert sum(frame.kind == "READ" and frame.path.endswith("/input") for frame in seen.frames) == 1
    assert seen.gaps() == []
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert not graph.gaps
    assert [process.parent for process in graph.processes] == [None, 0]


def test_back_into_a_dynamic_program_is_kept_once(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "start-f", "/bin/cat", "input")
    assert seen.result.stdout == "text\n"
    reads = [frame for frame in seen.of("READ") if frame.path.endswith("input")]
    assert [frame.detail & ATTEMPTED for frame in reads] == [0]  # the preload's
    assert len(seen.of("START")) == 2
    assert seen.gaps() == []


def test_below_a_dynamic_program_below_a_static_one(static: Path, tmp_path: Path) -> None:
    """The filter is there already; nobody asks for another one, and the static program is seen."""
    seen = watch(tmp_path, static, "start-f", "/bin/sh", "-c", f"{static} opens 3; cat < input > output")
    assert seen.result.stdout == "0 0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("input")) == 3 + 1
    assert seen.gaps() == []


def test_without_the_preload_in_its_environment(static: Path, tmp_path: Path) -> None:
    """A dynamic program that lost the preload is watched like a static one."""
    loses = tmp_path / "loses.c"
    loses.write_text(
        "#include <unistd.h>\n"
        "int main(int n, char **v) { char *none[] = {0}; (void)n; return execve(v[1], v + 1, none); }"
    )
    subprocess.run(["gcc", "-static", loses, "-o", tmp_path / "loses"], check=True)
    seen = watch(tmp_path, tmp_path / "loses", "/bin/cat", "input")
    assert seen.result.stdout == "text\n"
    assert str(tmp_path / "input") in [frame.path for frame in seen.of("READ")]
    assert [frame.texts[0] for frame in seen.of("START")][-1] == "/bin/cat"


def test_musl(tmp_path: Path, needs) -> None:
    needs("musl-gcc", package="musl-tools")
    seen = watch(tmp_path, program("watched", "-static", compiler="musl-gcc"), "threads")
    assert seen.result.stdout == "0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("/input")) == 8 * 500


NARROW = ("-m32", "-pthread", "-idirafter", "/usr/include/x86_64-linux-gnu")


@pytest.fixture(params=["static", "dynamic"])
def narrow(request: pytest.FixtureRequest) -> Path:
    """A 32-bit program on x86-64, which no preload can enter either way."""
    if os.uname().machine != "x86_64":
        pytest.skip("only x86-64 has another word size that is watched")
    try:
        return program("watched", *NARROW, *(["-static"] if request.param == "static" else []))
    except subprocess.CalledProcessError:
        absent("gcc -m32 does not work: sudo apt-get install libc6-dev-i386 lib32gcc-$(gcc -dumpversion)-dev")
        raise


def test_another_word_size(narrow: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, narrow, "opens", "5")
    assert (seen.result.stdout, seen.result.stderr) == ("0 0\n", "")
    (start,) = seen.of("START")
    assert start.texts[:5] == [str(narrow), str(tmp_path), str(narrow), "opens", "5"]
    (read,) = (frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input"))
    assert read.more["count"] == 5
    assert [frame.more["status"] for frame in seen.of("EXIT")] == [0]
    assert seen.gaps() == []


@pytest.mark.parametrize("how", "sfv")
def test_another_word_size_and_back(how: str, narrow: Path, static: Path, tmp_path: Path) -> None:
    """From a shell through a 32-bit program to one of this machine's own, and to a static one."""
    for inner in (["/bin/cat", "input"], [str(static), "opens", "2"]):
        place = tmp_path / Path(inner[0]).name
        place.mkdir()
        seen = watch(place, "sh", "-c", f"{narrow} start-{how} {' '.join(inner)}; :")
        assert seen.result.stderr == ""
        assert "input" in {Path(frame.path).name for frame in seen.of("READ")}
        assert seen.gaps() == []
        graph = stitch(Spool(place / "spool").runs()[0], [])
        assert not graph.gaps
        last = graph.execs[-1]
        assert os.fsdecode(last.arguments[0]) == inner[0]


def test_another_word_size_by_default(narrow: Path, tmp_path: Path) -> None:
    """A gap, and no complaint of its loader about our library."""
    seen = watch(tmp_path, "sh", "-c", f"{narrow} opens 2; :", policy="")
    assert (seen.result.stdout, seen.result.stderr) == ("0 0\n", "")
    (gap,) = stitch(Spool(tmp_path / "spool").runs()[0], []).gaps
    assert gap.reason is GapReason.FOREIGN
    assert "--static=watch" in gap.remedy


def test_threads(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "threads")
    assert seen.result.stdout == "0\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path.endswith("/input")) == 8 * 500


def test_go(tmp_path: Path, needs) -> None:
    needs("go", package="golang-go")
    (tmp_path / "main.go").write_text(GO)
    made = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", "prog", "main.go"], cwd=tmp_path, env=made, check=True)
    place = tmp_path / "place"
    place.mkdir()
    seen = watch(place, tmp_path / "prog")
    assert seen.result.stdout == "24\n"
    own = [frame for frame in seen.frames if frame.detail & ATTEMPTED]
    assert {frame.path for frame in own if frame.kind == "WRITE"} == {str(place / "a/b/x")}
    renames = [frame.texts[:2] for frame in own if frame.kind == "RENAME"]
    assert renames == [[str(place / "a/b/x"), str(place / "a/b/y")]]
    assert [frame.error for frame in own if frame.path == str(place / "none")] == [2]
    reads = [frame for frame in seen.of("READ") if frame.path in ("input", str(place / "input"))]
    assert len(reads) == 24 + 1  # each cat once, by its preload
    assert seen.gaps() == []
    graph = stitch(Spool(place / "spool").runs()[0], [])
    rows = zip(graph.accesses.version, graph.accesses.act, strict=True)
    read = {graph.versions[version].path for version, act in rows if Act(act) in READS}
    assert os.fsencode(place / "input") in read


RUST = """use std::{fs, process::Command, thread};
fn main() {
    let text = fs::read("input").unwrap();
    fs::create_dir_all("a/b").unwrap();
    let all: Vec<_> = (0..8).map(|i| thread::spawn(move || {
        fs::write(format!("a/b/{i}"), "x").unwrap();
        Command::new("/bin/cat").arg("input").output().unwrap().stdout.len()
    })).collect();
    fs::rename("a/b/0", "a/b/moved").unwrap();
    let sum: usize = all.into_iter().map(|one| one.join().unwrap()).sum();
    println!("{}", sum == 8 * text.len());
}
"""


@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="Rust's compiler is large: with PROBE_PROVE=1")
def test_rust(tmp_path: Path, needs) -> None:
    compiler = needs("rustc")
    (tmp_path / "main.rs").write_text(
        RUST.replace('fs::rename("a/b/0"', 'fs::write("a/b/0", "x").unwrap(); fs::rename("a/b/0"')
    )
    flags = ["-C", "target-feature=+crt-static", "-o", tmp_path / "main"]
    subprocess.run([compiler, *flags, tmp_path / "main.rs"], cwd=tmp_path, check=True)
    seen = watch(tmp_path, tmp_path / "main")
    assert seen.result.stdout == "true\n"
    assert seen.gaps() == []
    written = {frame.path for frame in seen.of("WRITE") if "/a/b/" in frame.path}
    assert {str(tmp_path / "a/b" / str(number)) for number in range(8)} <= written
    reads = [frame for frame in seen.of("READ") if Path(frame.path) in (Path("input"), tmp_path / "input")]
    assert len({frame.exec for frame in reads}) == 9


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


def test_a_daemon_keeps_working_after_the_recording(static: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    seen = watch(tmp_path, static, "daemon", tmp_path / "late")
    assert time.monotonic() - begun < 0.6  # nobody waited for it, and our processes hold no pipe
    assert workers(seen.run.name)
    assert eventually(lambda: (tmp_path / "late").exists() and (tmp_path / "late").read_text()) == "0\n"
    assert eventually(lambda: not workers(seen.run.name))
    late = [frame.path for frame in seen.of("WRITE")]
    assert late == [str(tmp_path / "late")]
    assert eventually(lambda: not Spool(tmp_path / "spool").runs()[0].is_open())


def started(place: Path, *words: str | Path, policy: str = "watch") -> tuple[subprocess.Popen[str], int]:
    """Start a command, and give it with the pid of its worker."""
    (place / "input").write_text("text\n")
    process = subprocess.Popen(
        command_of(place, words, policy), cwd=place, env=environment(), stdout=subprocess.PIPE, text=True
    )
    eventually(lambda: list(place.glob("spool/runs/*/run.json")))
    found = eventually(lambda: workers(only_run(place).name))
    return process, found[0]


def test_the_worker_killed(static: Path, tmp_path: Path) -> None:
    """Every call goes on, the keeper answers; a gap tells it."""
    process, worker = started(tmp_path, static, "opens", str(MANY))
    time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    assert process.communicate(timeout=120)[0] == "0 0\n"
    found = frames(only_run(tmp_path))
    assert [frame.more["reason"] for frame in found if frame.kind == "GAP"] == [UNWATCHED]
    assert 0 < sum(frame.more["count"] for frame in found if frame.path.endswith("/input")) < MANY
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert GapReason.UNWATCHED in {gap.reason for gap in graph.gaps}


def test_the_keeper_killed(static: Path, tmp_path: Path) -> None:
    """Recording goes on, and the next program gets a new keeper."""
    before = keepers()
    process, _ = started(tmp_path, static, "opens", str(MANY))
    for keeper in keepers() - before:
        session = int(Path(f"/proc/{keeper}/stat").read_text().rpartition(")")[2].split()[3])
        if session == keeper and _of_run(keeper, process.pid):
            os.kill(keeper, signal.SIGKILL)
    assert process.communicate(timeout=120)[0] == "0 0\n"
    found = frames(only_run(tmp_path))
    assert sum(frame.more["count"] for frame in found if frame.path.endswith("/input")) == MANY


def _of_run(keeper: int, launcher: int) -> bool:
    """Whether a keeper has the same command line as this launcher: it is its child's child."""
    return Path(f"/proc/{keeper}/cmdline").read_bytes() == Path(f"/proc/{launcher}/cmdline").read_bytes()


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "TSTP"])
def test_signals_do_not_reach_the_worker(name: str, static: Path, tmp_path: Path) -> None:
    process, worker = started(tmp_path, static, "opens", "20000")
    os.kill(worker, signal.Signals[f"SIG{name}"])
    assert process.communicate(timeout=60)[0] == "0 0\n"
    assert [frame.kind for frame in frames(only_run(tmp_path)) if frame.kind == "GAP"] == []


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


def test_a_recording_inside_a_watched_one(static: Path, tmp_path: Path) -> None:
    """There is one listener only: the inner recording has a gap, the outer one sees the program."""
    inner = tmp_path / "inner"
    again = [LAUNCHER, "--spool", inner, "--static=watch", "-q", "--", static, "opens", "4"]
    seen = watch(tmp_path, static, "start-f", *again)
    assert seen.result.stdout == "0 0\n"
    (run,) = (inner / "runs").iterdir()
    assert [frame.more["reason"] for frame in frames(run) if frame.kind == "GAP"] == [STATIC]
    assert [frame.more["count"] for frame in seen.of("READ") if frame.path == str(tmp_path / "input")] == [4]


@pytest.mark.parametrize("policy", ["", "gap"])
def test_the_default_is_a_gap_that_names_the_option(policy: str, static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "opens", "2", policy=policy)
    assert seen.gaps() == [STATIC]
    assert not seen.of("READ")
    (gap,) = stitch(Spool(tmp_path / "spool").runs()[0], []).gaps
    assert "--static=" in gap.remedy


def test_the_environment_chooses(static: Path, tmp_path: Path) -> None:
    assert watch(tmp_path, static, "opens", "2", policy="", PROBE_STATIC="watch").gaps() == []


def test_container_starters_are_never_watched(static: Path, tmp_path: Path) -> None:
    shutil.copy(static, tmp_path / "runc")
    assert watch(tmp_path, tmp_path / "runc", "opens", "2").gaps() == [STATIC]


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody can reach, with the launcher in it."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    place.chmod(0o777)
    shutil.copy(LAUNCHER, place / "probe-record")
    yield place
    shutil.rmtree(place)


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
    assert reasons == ([STATIC] if keeps else [11])


def test_two_hundred_at_once(static: Path, tmp_path: Path) -> None:
    script = f"for i in $(seq 200); do {static} opens 20 & done; wait"
    seen = watch(tmp_path, "sh", "-c", script)
    assert seen.result.stdout == "0 0\n" * 200
    reads = [frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [20] * 200
    assert seen.gaps() == []
    assert lost(seen.run) == 0
    assert eventually(lambda: not workers(seen.run.name))


def test_killed_programs(static: Path, tmp_path: Path) -> None:
    """A program killed in the middle of a call leaves what it did, and the worker ends."""
    script = f"{static} opens 100000000 & sleep 0.2; kill -9 $!; wait $!; echo $?"
    seen = watch(tmp_path, "sh", "-c", script)
    assert seen.result.stdout == "137\n"
    assert sum(frame.more["count"] for frame in seen.of("READ") if frame.path == str(tmp_path / "input")) > 0
    assert eventually(lambda: not workers(seen.run.name))


def test_a_program_that_changes_its_directory(tmp_path: Path) -> None:
    made = program("place", "-static")
    seen = watch(tmp_path, made)
    assert all(frame.path.startswith("/") for frame in seen.of("READ", "WRITE", "LOOKUP", "MAKE"))


def test_a_program_that_serves_files(static: Path, tmp_path: Path) -> None:
    """A look into its own file system would lock both: no file is looked at any more, and a gap tells."""
    seen = watch(tmp_path, static, "serve")
    assert seen.result.returncode == 0
    assert seen.gaps() == [13]
    assert not seen.of("READ")
    graph = stitch(Spool(tmp_path / "spool").runs()[0], [])
    assert GapReason.SERVES_FILES in {gap.reason for gap in graph.gaps}


def test_an_end_among_threads_that_go_on(static: Path, tmp_path: Path) -> None:
    """Calls of other threads after exit belong to the program that ended, not to a new process."""
    seen = watch(tmp_path, static, "race")
    assert seen.result.returncode == 0
    assert [frame.kind for frame in seen.of("START", "FORKED", "EXIT")] == ["START", "EXIT"]


def test_many_short_threads(static: Path, tmp_path: Path) -> None:
    seen = watch(tmp_path, static, "churn", "6000")
    reads = [frame for frame in seen.of("READ") if frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [6000]
    assert [frame.kind for frame in seen.of("START", "FORKED", "EXIT")] == ["START", "EXIT"]


def test_a_prepared_run(static: Path, tmp_path: Path) -> None:
    """Nobody waits for a prepared run: its server lives as long as its root, here the test itself."""
    (tmp_path / "input").write_text("text\n")
    command = [LAUNCHER, "--spool", tmp_path / "spool", "--static=watch", "--prepare"]
    command += ["--root", str(os.getpid())]
    made = subprocess.run(command, env=environment(), capture_output=True, check=True, timeout=30).stdout
    variables = dict(pair.split("=", 1) for pair in made.decode().split("\0") if pair)
    script = "import os, sys; os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)"
    words = [sys.executable, "-c", script, static, "opens", "3"]
    subprocess.run(words, env=environment(variables), cwd=tmp_path, check=True)
    run = only_run(tmp_path)
    assert eventually(lambda: not workers(run.name))
    reads = [frame for frame in frames(run) if frame.kind == "READ" and frame.path == str(tmp_path / "input")]
    assert [frame.more["count"] for frame in reads] == [3]
