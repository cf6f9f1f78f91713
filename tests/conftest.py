"""What all tests share: the rule for tools from outside, and Hypothesis' profiles."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # a test run of one folder may do without
    pass
else:
    settings.register_profile(
        "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("prove", parent=settings.get_profile("default"), max_examples=2000)
    settings.load_profile("prove" if os.environ.get("PROBE_PROVE") else "default")

# Whoever runs the tests in the background has them ignore these, and their commands would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

Needs = Callable[..., str]


def absent(message: str) -> None:
    """Skip the running test with ``message``; fail it under CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def needs() -> Needs:
    """Ask for a command or file: ``needs("samtools", package="samtools")`` gives its path.

    Where it is missing the test is skipped, with the apt command that mends it; with ``CI=true`` it fails.
    """

    def ask(thing: str, *, package: str | None = None, why: str = "") -> str:
        found = thing if thing.startswith("/") and Path(thing).exists() else shutil.which(thing)
        if found is None:
            reason = f" ({why})" if why else ""
            absent(f"{thing} is not installed{reason}: sudo apt-get install {package or thing}")
        assert found is not None
        return found

    return ask


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test's spool and history to itself, and out of the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PROBE_SPOOL", str(home / "spool"))
    monkeypatch.setenv("PROBE_HISTORY", str(home / "history.sqlite"))
    # What `make test` leaves in the environment would reach the makes that tests start.
    made = (
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "MAKEOVERRIDES",
        "GNUMAKEFLAGS",
        "MAKE_TERMOUT",
        "MAKE_TERMERR",
    )
    for name in ("PROBE_RUN", "PROBE_STEP", "PROBE_STATIC", "LD_PRELOAD", *made):
        monkeypatch.delenv(name, raising=False)
