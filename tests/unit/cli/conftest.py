"""What the tests of the verbs share: a way to ask, without colours, and a stored run."""

from __future__ import annotations

import pytest

from asking import Ask
from graphs import Building
from probe_core.cli import colour
from probe_core.cli.main import _run, guarded
from probe_core.history import open_history
from probe_core.model import Act, GapReason, RunGraph


def workflow() -> RunGraph:
    """clean -> plot; plot reads a file it does not declare; one name with a line break, one not UTF-8."""
    run = Building("penguins", directory=b"/w", engine="toy", command=[b"toy", b"-j2", b"all"])
    clean = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"])
    shell = run.exec(b"/usr/bin/sh", step=clean, arguments=[b"sh", b"-c", b"python3 clean.py"])
    one = run.exec(b"/usr/bin/python3", step=clean, previous=shell, arguments=[b"python3", b"clean.py"])
    run.read(one, b"/usr/lib/libz.so.1", act=Act.LOAD)
    run.read(one, b"/w/raw.csv")
    run.write(one, b"/w/clean.csv", digest="clean")
    plot = run.step("plot", inputs=[b"/w/clean.csv"], outputs=[b"/w/figure.svg"], attempt=2)
    two = run.exec(b"/usr/bin/python3", step=plot, arguments=[b"python3", b"plot.py"])
    run.read(two, b"/w/clean.csv")
    run.read(two, b"/w/colours.csv")
    run.read(two, b"/w/line\nbreak\xff.csv")
    run.write(two, b"/w/figure.svg", digest="figure")
    run.gap(GapReason.STATIC, b"/usr/bin/busybox", exec=two, step=plot)
    return run.graph()


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = 0
        try:
            status = guarded(lambda: _run(words))
        except SystemExit as ended:
            status = int(ended.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return call


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colour.is_coloured.cache_clear()


@pytest.fixture
def stored() -> RunGraph:
    graph = workflow()
    with open_history() as history:
        history.store(graph)
    return graph
