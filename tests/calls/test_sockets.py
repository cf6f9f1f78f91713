"""The other ends of sockets are noted, by connect and by accept, and become remote channels."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from calls.recorded import program, record
from recording import environment
from recording import record as record_run

PROBE = Path(sys.executable).parent / "probe"


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_the_other_ends_are_noted(compiler: str, tmp_path: Path, needs) -> None:
    needs(compiler, package="musl-tools" if compiler == "musl-gcc" else None)
    seen = record([program("sockets", compiler=compiler)], tmp_path)
    four, six = seen.result.stdout.decode().split()
    told = [(frame.path, frame.error) for frame in seen.of("REMOTE")]
    assert told[0] == (f"connect tcp 127.0.0.1:{four}", 0)
    assert told[1][0].startswith("accept tcp 127.0.0.1:")
    refused = (f"connect tcp 127.0.0.1:{four}", errno.ECONNREFUSED)
    assert told[-2:] == [refused, ("connect udp 127.0.0.1:9", 0)]
    assert ("connect unix here.sock", 0) in told
    if six != "0":  # a machine without IPv6
        assert (f"connect tcp [0:0:0:0:0:0:0:1]:{six}", 0) in told


def test_they_are_channels(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    seen = record_run([str(program("sockets"))], tmp_path / "work", tmp_path / "spool")
    four, six = seen.result.stdout.decode().split()
    remote = [channel for channel in seen.graph.channels if channel.kind == "remote"]
    names = {channel.name for channel in remote}
    assert {f"tcp 127.0.0.1:{four}", "tcp 127.0.0.1", "unix here.sock", "udp 127.0.0.1:9"} <= names
    assert six == "0" or f"tcp [::1]:{six}" in names
    assert all(channel.writers == channel.readers for channel in remote)
    assert not seen.graph.gaps


def test_show_tells_them(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [PROBE, "record", program("sockets")],
        cwd=tmp_path / "work",
        env=environment(),
        capture_output=True,
        check=True,
    )
    four = done.stdout.decode().split()[0]
    shown = subprocess.run(
        [PROBE, "show", "@"], cwd=tmp_path, env=environment(), capture_output=True, check=True
    )
    told = {line.partition("remote ")[2].strip() for line in shown.stdout.decode().splitlines()}
    assert {f"tcp 127.0.0.1:{four}", "unix here.sock", "udp 127.0.0.1:9"} <= told
