"""Descriptors that come along a socket are noted by who receives them, as inherited ones are."""

from __future__ import annotations

from pathlib import Path

import pytest

from calls.recorded import program, record
from recording import record as record_run


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_the_receiver_notes_the_file(compiler: str, tmp_path: Path, needs) -> None:
    needs(compiler, package="musl-tools" if compiler == "musl-gcc" else None)
    seen = record([program("passed", compiler=compiler)], tmp_path)
    first = seen.of("START")[0].exec
    opened = {(Path(frame.path).name, frame.more["flags"] & 3) for frame in seen.of("DESCRIPTOR")
              if frame.exec == first and frame.more["descriptor"] > 2}  # fmt: skip
    assert {("read", 0), ("written", 1)} <= opened
    (closed,) = [frame for frame in seen.of("CLOSE") if frame.exec == first and frame.more["descriptor"] > 3
                 and frame.more["size"] == 4][-1:]  # fmt: skip
    assert closed.time > seen.of("FORK")[0].time


def test_it_is_the_receivers_output(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    seen = record_run([str(program("passed"))], tmp_path / "work", tmp_path / "spool")
    assert not seen.graph.gaps
    made = [version for version in seen.graph.versions if version.path.endswith(b"/written")]
    assert any(version.size == 4 for version in made)
