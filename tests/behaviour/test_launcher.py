"""What a command finds around it under probe-record, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launching import argument_counter, description, launch, runs
from recording import LAUNCHER, environment, record


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


def test_foreign_preloads_stay_and_ours_is_not_doubled(tmp_path: Path) -> None:
    shown = launch(
        ["sh", "-c", "echo $LD_PRELOAD"], env={"LD_PRELOAD": "/lib/x86_64-linux-gnu/libm.so.6"}
    ).stdout
    assert shown.decode().strip().split(":")[0] == "/lib/x86_64-linux-gnu/libm.so.6"
    ours = shown.decode().strip().split(":")[1]
    again = launch(["sh", "-c", "echo $LD_PRELOAD"], env={"LD_PRELOAD": ours}).stdout.decode().strip()
    assert again == ours


def test_the_pipe_is_not_kept_open() -> None:
    """A command that closes its output is over for the reader, though it goes on."""
    command = [LAUNCHER, "-q", "sh", "-c", "echo x; exec >&- 2>&-; sleep 3"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"x\n"
        assert time.monotonic() - began < 2
        process.terminate()


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


def test_a_program_with_a_sanitizer_starts(tmp_path: Path, needs) -> None:
    needs("gcc")
    program = argument_counter(tmp_path, "-fsanitize=address")
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


@pytest.mark.parametrize("options", [["--no-such"], ["--id", "../../x"], ["--root", "x"], ["--name"], []])
def test_wrong_options(options: list[str]) -> None:
    result = subprocess.run([LAUNCHER, *options], capture_output=True, check=False)
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.count(b"\n") == 1


def test_small_and_static(needs) -> None:
    assert LAUNCHER.stat().st_size <= 300_000
    assert (
        "not a dynamic executable"
        in subprocess.run(["ldd", LAUNCHER], capture_output=True, text=True, check=False).stderr
    )
