"""What a command finds around it under probe-record, how it ends, and what if recording cannot start."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from probe_core.capture.spool import Spool
from probe_core.model import GapReason
from recording import LAUNCHER, environment, record


def launch(
    command: Sequence[str | bytes], *options: str | Path, env: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess:
    """Run ``command`` under the launcher, with the spool of the test's environment."""
    chosen = {**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"], **(env or {})}
    return subprocess.run(
        [LAUNCHER, *options, "--", *command], env=chosen, capture_output=True, check=False, timeout=60, **more
    )


def runs(spool: str | Path | None = None) -> list[Path]:
    """List the runs' folders, oldest first."""
    folder = Path(spool or os.environ["PROBE_SPOOL"]) / "runs"
    return sorted(folder.iterdir(), key=lambda run: run.stat().st_mtime_ns)


def description(name: str = "run.json") -> dict:
    """Read run.json (or result.json) of the only run."""
    (run,) = runs()
    return json.loads((run / name).read_bytes())


@pytest.mark.parametrize("status", [0, 1, 7, 125, 255])
def test_exit_status(status: int) -> None:
    assert launch(["sh", "-c", f"exit {status}"]).returncode == status
    assert description("result.json")["status"] == status


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGSEGV]
)
def test_ends_by_the_same_signal(number: signal.Signals, tmp_path: Path) -> None:
    result = launch(["sh", "-c", f"kill -{number} $$"], cwd=tmp_path)
    assert result.returncode == -number
    assert description("result.json")["status"] == 128 + number


def test_no_second_core_file(tmp_path: Path) -> None:
    if not Path("/proc/sys/kernel/core_pattern").read_text().startswith("core"):
        pytest.skip("core files do not go to the current directory here")

    def allow_core() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)

    launch(["sh", "-c", "kill -SEGV $$"], cwd=tmp_path, preexec_fn=allow_core)
    assert len(list(tmp_path.iterdir())) <= 1


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("no-such-command-here", 127, "no-such-command-here: command not found"),
        ("./not-there", 127, "./not-there: No such file or directory"),
        ("./plain", 126, "./plain: Permission denied"),
        ("/", 126, "/: Is a directory"),
        ("./orphan", 127, "./orphan: the interpreter it asks for does not exist"),
        ("", 127, ": command not found"),
    ],
)
def test_what_cannot_be_executed(command: str, status: int, words: str, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text\n")
    (tmp_path / "orphan").write_text("#!/no/such/interpreter\n")
    (tmp_path / "orphan").chmod(0o755)
    result = launch([command], cwd=tmp_path)
    assert (result.returncode, result.stdout) == (status, b"")
    assert result.stderr.decode() == f"probe: {words}\n"
    assert description("result.json")["status"] == status


def test_a_script_without_a_first_line_goes_to_sh(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $*\n")
    script.chmod(0o755)
    assert launch(["./script", "a", "b c"], cwd=tmp_path).stdout == b"./script a b c\n"
    assert (
        launch(["script", "x"], cwd=tmp_path, env={"PATH": f":{os.environ['PATH']}"}).stdout == b"script x\n"
    )


def test_nothing_of_ours_is_said() -> None:
    result = launch(["sh", "-c", "echo out; echo error >&2"])
    assert (result.stdout, result.stderr) == (b"out\n", b"error\n")


PROBE = """
import json, os, resource, signal, sys
print(json.dumps({
    "descriptors": sorted(
        fd for fd in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{fd}")),
    "umask": os.popen("umask").read(),
    "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    "nice": os.nice(0),
    "group": os.getpgrp() == os.getpgid(int(sys.argv[1])) if len(sys.argv) > 1 else None,
    "status": [s for s in open("/proc/self/status") if s.startswith(("SigBlk", "SigIgn", "NoNewPrivs"))],
    "environment": sorted(n for n in os.environ if n not in ("LD_PRELOAD", "PROBE_RUN")),
}))
"""


@pytest.mark.parametrize("ignored", [(), (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE, signal.SIGTSTP)])
def test_the_command_finds_what_it_would_find(ignored: tuple[int, ...]) -> None:
    def before() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1] if ignored else [])
        os.umask(0o137)
        os.nice(3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))

    with Path("/dev/null").open() as extra:
        options = {"preexec_fn": before, "pass_fds": [extra.fileno()], "restore_signals": False}
        recorded = launch([sys.executable, "-c", PROBE], **options)
        native = subprocess.run(
            [sys.executable, "-c", PROBE],
            env={**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"]},
            capture_output=True,
            check=True,
            **options,
        )
    assert json.loads(recorded.stdout) == json.loads(native.stdout)
    assert recorded.stderr == b""
    (run,) = runs()
    assert run.stat().st_mode & 0o777 == 0o700, "the user's umask does not reach the spool"


def test_run_json() -> None:
    launch([b"sh", b"-c", b":", b"sp ace", b"\xff\xc3\xa9", b'q"\\\n\x01'], "--name", "näme")
    told = description()
    assert [os.fsencode(text) for text in told["command"]] == [
        b"sh",
        b"-c",
        b":",
        b"sp ace",
        b"\xff\xc3\xa9",
        b'q"\\\n\x01',
    ]
    assert (told["version"], told["name"], told["engine"], told["uid"]) == (1, "näme", None, os.getuid())
    assert told["directory"] == str(Path.cwd())
    assert told["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(told["started"] - time.time_ns()) < 60e9
    assert told["outer_run"] is None
    assert {d["fd"] for d in told["descriptors"]} >= {0, 1, 2}
    result = description("result.json")
    assert result["ended"] > told["started"]
    assert result["memory"] > 100


def test_foreign_preloads_stay_and_ours_is_not_doubled(tmp_path: Path) -> None:
    shown = launch(
        ["sh", "-c", "echo $LD_PRELOAD"], env={"LD_PRELOAD": "/lib/x86_64-linux-gnu/libm.so.6"}
    ).stdout
    assert shown.decode().strip().split(":")[0] == "/lib/x86_64-linux-gnu/libm.so.6"
    ours = shown.decode().strip().split(":")[1]
    again = launch(["sh", "-c", "echo $LD_PRELOAD"], env={"LD_PRELOAD": ours}).stdout.decode().strip()
    assert again == ours


@pytest.mark.parametrize("name", ["with space", "with:colon", "with$dollar"])
def test_a_spool_the_loader_cannot_name(name: str, tmp_path: Path) -> None:
    result = launch(["sh", "-c", "echo $LD_PRELOAD"], "--spool", tmp_path / name)
    assert result.stderr == b""
    assert result.stdout.decode().startswith(f"/tmp/probe-{os.getuid()}/lib/libprobe-")
    assert len(runs(tmp_path / name)) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_spool_that_is_no_folder(quiet: bool, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = launch(
        ["sh", "-c", "echo out; env | grep -c LD_PRELOAD; exit 4"],
        *(["-q"] if quiet else []),
        "--spool",
        tmp_path / "file",
    )
    assert (result.returncode, result.stdout) == (4, b"out\n0\n")
    expected = f"probe: not recorded: cannot write {tmp_path}/file: Not a directory\n"
    assert result.stderr.decode() == ("" if quiet else expected)


@pytest.fixture
def small_disk(tmp_path: Path):
    """Give a file system of 1 MiB; needs root."""
    if os.getuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "probe-test", place]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    result = launch(["sh", "-c", "echo out"], "--spool", small_disk / "spool")
    assert (result.returncode, result.stdout) == (0, b"out\n")
    assert result.stderr.startswith(b"probe: not recorded: ")
    assert result.stderr.endswith(b"No space left on device\n")
    assert runs(small_disk / "spool") == [], "no half-made run is left"


def test_a_read_only_spool(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    result = launch(["echo", "out"], "--spool", small_disk / "spool")
    assert (result.returncode, result.stdout) == (0, b"out\n")
    assert result.stderr.endswith(b"Read-only file system\n")


def test_a_disk_without_executables(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,noexec,size=64m", small_disk], check=True)
    result = launch(["sh", "-c", "echo $LD_PRELOAD"], "--spool", small_disk / "spool")
    assert result.stderr == b""
    assert result.stdout.startswith(b"/tmp/probe-")


def test_a_recording_inside_a_recording() -> None:
    inner = f"{LAUNCHER} -q sh -c 'echo inside; exit 5'; echo $?"
    result = launch(["sh", "-c", inner], env={"PROBE_STEP": "outer-step"})
    assert result.stdout == b"inside\n5\n"
    told = {run.name: json.loads((run / "run.json").read_bytes()) for run in runs()}
    assert len(told) == 2
    outer = next(name for name, what in told.items() if what["outer_run"] is None)
    inside = next(what for name, what in told.items() if name != outer)
    assert inside["outer_run"] == outer


def test_nothing_is_missing_behind_our_own_programs(tmp_path: Path) -> None:
    inner = f"{LAUNCHER} -q true; {LAUNCHER.parent}/probe-sh -c true"
    assert record(["sh", "-c", inner], tmp_path, tmp_path / "spool").graph.gaps == []


def test_two_at_once() -> None:
    command = [LAUNCHER, "-q", "sh", "-c", "sleep 0.2; exit 3"]
    together = [subprocess.Popen(command) for _ in range(8)]
    assert [process.wait() for process in together] == [3] * 8
    assert len(runs()) == 8
    assert all((run / "result.json").exists() for run in runs())


def test_a_killed_launcher_leaves_what_was_recorded() -> None:
    command = [LAUNCHER, "-q", "sh", "-c", "echo ready; sleep 0.3; echo done"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.communicate()[0] == b"done\n", "the command goes on"
    (run,) = runs()
    assert not (run / "result.json").exists()
    assert description()["pid"] == process.pid
    assert list(run.glob("segment-*-0"))


def test_the_pipe_is_not_kept_open() -> None:
    """A command that closes its output is over for the reader, though it goes on."""
    command = [LAUNCHER, "-q", "sh", "-c", "echo x; exec >&- 2>&-; sleep 3"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"x\n"
        assert time.monotonic() - began < 2
        process.terminate()


def test_then_runs_afterwards_apart_from_the_streams() -> None:
    result = launch(
        ["sh", "-c", "echo out; exit 6"],
        "--then",
        "sh",
        "--then",
        "-c",
        "--then",
        'echo taken $(basename "$0") run=$PROBE_RUN',
        "-v",
    )
    assert (result.returncode, result.stdout) == (6, b"out\n")
    (run,) = runs()
    assert result.stderr.decode() == f"taken {run.name} run=\n"


def test_prepare(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        result = subprocess.run(
            [LAUNCHER, "--prepare", "--root", str(process.pid), "--engine", "x"],
            capture_output=True,
            check=True,
        )
    finally:
        process.kill()
        process.wait()
    given = dict(entry.split(b"=", 1) for entry in result.stdout.split(b"\0")[:-1])
    (run,) = runs()
    assert given[b"PROBE_RUN"] == os.fsencode(run)
    told = description()
    assert (told["pid"], told["engine"], told["command"], told["directory"]) == (
        process.pid,
        "x",
        ["sleep", "60"],
        str(tmp_path),
    )


@pytest.mark.parametrize("options", [["--no-such"], ["--id", "../../x"], ["--root", "x"], ["--name"], []])
def test_wrong_options(options: list[str]) -> None:
    result = subprocess.run([LAUNCHER, *options], capture_output=True, check=False)
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT]
)
def test_a_signal_to_the_launcher_reaches_the_command(number: signal.Signals) -> None:
    script = (
        f"import signal,time\nsignal.signal({int(number)}, lambda *a: (print('got', a[0]), exit(9)))\n"
        "print('ready', flush=True)\ntime.sleep(30)"
    )
    process = subprocess.Popen([LAUNCHER, "-q", sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.communicate()[0] == f"got {int(number)}\n".encode()
    assert process.returncode == 9


def test_an_alarm_set_before_reaches_the_command() -> None:
    """A timer is kept over exec; the launcher's own process has it, the command must feel it."""
    result = launch(["sleep", "20"], preexec_fn=lambda: signal.alarm(1))
    assert result.returncode == -signal.SIGALRM


def test_small_and_static(needs) -> None:
    assert LAUNCHER.stat().st_size <= 300_000
    assert (
        "not a dynamic executable"
        in subprocess.run(["ldd", LAUNCHER], capture_output=True, text=True, check=False).stderr
    )


def build(tmp_path: Path, *options: str) -> Path:
    """Compile a program that prints how many arguments it got."""
    (tmp_path / "p.c").write_text(
        '#include <stdio.h>\nint main(int n, char **v) { (void)v; return !printf("%d\\n", n); }'
    )
    subprocess.run(["gcc", *options, "-o", tmp_path / "p", tmp_path / "p.c"], check=True)
    return tmp_path / "p"


def test_a_static_command_is_a_gap_and_not_silence(tmp_path: Path, needs) -> None:
    needs("gcc")
    program = build(tmp_path, "-static")
    recording = record([str(program), "a", "b c"], tmp_path, tmp_path / "spool")
    assert recording.result.stdout == b"3\n"
    (only,) = recording.graph.execs
    assert (only.program, only.arguments) == (os.fsencode(program), (os.fsencode(program), b"a", b"b c"))
    assert [(gap.reason, gap.about) for gap in recording.graph.gaps] == [
        (GapReason.STATIC, os.fsencode(program))
    ]


def test_a_program_with_a_sanitizer_starts(tmp_path: Path, needs) -> None:
    needs("gcc")
    program = build(tmp_path, "-fsanitize=address")
    for variables in ({}, {"ASAN_OPTIONS": "detect_leaks=0"}):
        recording = record([str(program), "a"], tmp_path, tmp_path / "spool", variables)
        assert (recording.result.returncode, recording.result.stdout) == (0, b"2\n")
        assert recording.result.stderr == b""


def test_a_list_of_arguments_that_only_just_fits_still_fits() -> None:
    """Unrecorded, if it must be: our variables may not be what makes it too long."""
    most = os.sysconf("SC_ARG_MAX")
    count = (most - sum(len(k) + len(v) + 10 for k, v in os.environb.items()) - 30_000) // 1009
    words = ["x" * 1000] * count
    native = subprocess.run(["true", *words], capture_output=True, check=False)
    assert native.returncode == 0
    assert launch(["true", *words], "-q").returncode == 0


def test_prepare_while_the_root_opens_and_closes_files(tmp_path: Path) -> None:
    """Its descriptors are those of a process that goes on: what is closed meanwhile is left out whole."""
    busy = "import os\nwhile True: os.close(os.dup2(0, 90)); os.close(os.dup2(0, 91))"
    process = subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.DEVNULL)
    try:
        for _ in range(60):
            done = subprocess.run(
                [LAUNCHER, "--spool", tmp_path, "--prepare", "--root", str(process.pid)], capture_output=True
            )
            assert done.returncode == 0, done.stderr
    finally:
        process.kill()
        process.wait()
    folders = Spool(tmp_path).runs()
    assert len(folders) == 60
    assert {len(folder.descriptors()) for folder in folders} <= {3, 4}
