"""Job control at a terminal: an interactive bash under a pty, with and without the launcher in front."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recording import LAUNCHER, environment

PROMPT = "ready> "


class Terminal:
    """An interactive bash; what is typed and what appears."""

    def __init__(self, home: Path) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            spool = os.environ["PROBE_SPOOL"]
            env = environment({"PS1": PROMPT, "HOME": str(home), "TERM": "dumb", "PROBE_SPOOL": spool})
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], env)
        self.text = ""
        self.wait_for(PROMPT)

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def wait_for(self, words: str, seconds: float = 20) -> str:
        """Read until ``words`` appear; give what came up to and with them."""
        limit = time.monotonic() + seconds
        while words not in self.text:
            ready, _, _ = select.select([self.descriptor], [], [], max(0, limit - time.monotonic()))
            assert ready, f"{words!r} did not appear in {self.text!r}"
            self.text += os.read(self.descriptor, 65536).decode().replace("\r\n", "\n")
        seen, self.text = self.text.split(words, 1)
        return seen + words

    def command(self, line: str) -> str:
        """Type a line and give all up to the next prompt."""
        self.type(line + "\n")
        return self.wait_for(PROMPT).split("\n", 1)[-1].removesuffix(PROMPT)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=["native", "recorded"])
def front(request: pytest.FixtureRequest) -> str:
    """Give what stands in front of the command: nothing, or the launcher. Both must pass every test."""
    return "" if request.param == "native" else f"{LAUNCHER} -q "


def status(terminal: Terminal) -> str:
    return terminal.command("echo status=$?").strip()


def until(terminal: Terminal, word: str) -> None:
    """Ask the shell for its jobs until it says ``word`` of one: it learns of changes when it can."""
    limit = time.monotonic() + 20
    while word not in terminal.command("jobs"):
        assert time.monotonic() < limit, f"no job is {word!r}"
        time.sleep(0.05)


def test_control_c(terminal: Terminal, front: str) -> None:
    terminal.type(f"{front}sh -c 'echo going; sleep 60; echo never'\n")
    terminal.wait_for("\ngoing\n")
    time.sleep(0.2)  # a shell that is just starting its child would miss the key
    terminal.type("\x03")
    assert "never" not in terminal.wait_for(PROMPT)
    assert status(terminal) == "status=130"


def test_control_c_is_the_commands_to_handle(terminal: Terminal, front: str) -> None:
    script = 'n=0; trap "n=\\$((n+1))" INT; echo going; sleep 0.7; sleep 0.3; echo caught $n; exit 5'
    terminal.type(f"{front}bash -c '{script}'\n")
    terminal.wait_for("\ngoing\n")
    time.sleep(0.2)  # a shell that is just starting its child would miss the key
    terminal.type("\x03")
    assert "caught 1\n" in terminal.wait_for(PROMPT), "once, not twice"
    assert status(terminal) == "status=5"


def test_control_z_and_fg(terminal: Terminal, front: str) -> None:
    terminal.type(f"{front}sh -c 'echo going; sleep 1; echo finished; exit 3'\n")
    terminal.wait_for("\ngoing\n")
    time.sleep(0.2)  # a shell that is just starting its child would miss the key
    terminal.type("\x1a")
    assert "Stopped" in terminal.wait_for(PROMPT)
    assert status(terminal) == "status=148"
    terminal.type("fg\n")
    terminal.wait_for("finished\n")
    terminal.wait_for(PROMPT)
    assert status(terminal) == "status=3"


def test_control_z_bg_and_wait(terminal: Terminal, front: str) -> None:
    terminal.type(f"{front}sh -c 'echo going; sleep 2; exit 4'\n")
    terminal.wait_for("\ngoing\n")
    time.sleep(0.2)  # a shell that is just starting its child would miss the key
    terminal.type("\x1a")
    terminal.wait_for(PROMPT)
    terminal.command("bg")
    until(terminal, "Running")
    terminal.command("wait %1")
    assert status(terminal) == "status=4"


def test_a_background_job_that_reads_stops(terminal: Terminal, front: str) -> None:
    terminal.command(f"{front}cat &")
    until(terminal, "Stopped")
    terminal.type("fg\n")
    time.sleep(0.3)
    terminal.type("typed\n")
    terminal.wait_for("typed\ntyped\n")
    terminal.type("\x04")
    terminal.wait_for(PROMPT)
    assert status(terminal) == "status=0"


def test_control_backslash(terminal: Terminal, front: str) -> None:
    terminal.command("ulimit -c 0")
    terminal.type(f"{front}sh -c 'echo going; sleep 60'\n")
    terminal.wait_for("\ngoing\n")
    time.sleep(0.2)  # a shell that is just starting its child would miss the key
    terminal.type("\x1c")
    terminal.wait_for(PROMPT)
    assert status(terminal) == "status=131"


def test_kill_of_a_job(terminal: Terminal, front: str) -> None:
    terminal.command(f"{front}sleep 60 &")
    time.sleep(0.3)
    terminal.command("kill %1")
    terminal.command("wait $!")
    assert status(terminal) == "status=143"
    assert terminal.command("pgrep -s 0 sleep").strip() == ""


def test_stop_and_continue_by_signal(terminal: Terminal, front: str) -> None:
    terminal.command(f"{front}sh -c 'sleep 2; exit 6' &")
    time.sleep(0.3)
    terminal.command("kill -TSTP $!")
    until(terminal, "Stopped")
    terminal.command("kill -CONT $!")
    until(terminal, "Running")
    terminal.command("wait $!")
    assert status(terminal) == "status=6"


def test_the_terminal_is_the_commands(terminal: Terminal, front: str) -> None:
    shown = terminal.command(f"{front}sh -c 'test -t 0 && test -t 1 && test -t 2 && stty -a | head -1'")
    assert shown.startswith("speed")


def test_an_interactive_shell_inside(terminal: Terminal, front: str) -> None:
    terminal.type(f"PS1='in''ner$ ' {front}bash --norc --noprofile --noediting -i\n")
    terminal.wait_for("inner$ ")
    terminal.type("sleep 60\n")
    time.sleep(0.4)
    terminal.type("\x1a")
    assert "Stopped" in terminal.wait_for("inner$ ")
    terminal.type("fg\n")
    time.sleep(0.3)
    terminal.type("\x03")
    terminal.wait_for("inner$ ")
    terminal.type("exit 8\n")
    terminal.wait_for(PROMPT)
    assert status(terminal) == "status=8"
