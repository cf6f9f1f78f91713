"""What the tests of containers share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conftest import Needs
from roots import make_root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small root file system."""
    return make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="session")
def static_program(tmp_path_factory: pytest.TempPathFactory, needs: Needs) -> Path:
    """A program without a loader that reads /etc/passwd."""
    folder = tmp_path_factory.mktemp("static")
    folder.chmod(0o755)
    source, program = folder / "reads.c", folder / "reads"
    source.write_text('#include <stdio.h>\nint main(void) { return !fopen("/etc/passwd", "r"); }\n')
    subprocess.run([needs("gcc"), "-static", "-o", program, source], check=True)
    return program
