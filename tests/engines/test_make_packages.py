"""Makefiles of Debian's source packages: recorded they build the same files, and their steps are right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from conftest import Needs, absent
from workflows import contents, record, run

# package: words for make, what must be done before, a target and files that it must have read
PACKAGES: dict[str, tuple[list[str], list[str], str, set[str]]] = {
    "tree": (["-j2"], [], "tree.o", {"tree.c", "tree.h"}),
    "bzip2": (["-j2", "libbz2.a", "bzip2"], [], "libbz2.a", {"huffman.o", "bzlib.o"}),
    "zlib": (["-j2", "libz.a"], ["./configure"], "zutil.o", {"zutil.c", "gzguts.h", "zconf.h"}),
}


def suite() -> ModuleType:
    """The script that fetches sources, as a module."""
    loader = SourceFileLoader("upstream_make_run", str(Path(__file__).parent / "upstream_make" / "run"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module  # dataclasses look there
    loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="fetches and builds: `make prove` runs it")
@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_built_as_without_us(package: str, tmp_path: Path, needs: Needs) -> None:
    needs("dpkg-source", package="dpkg-dev")
    words, before, target, read = PACKAGES[package]
    try:
        source: Path = suite().source(package)
    except subprocess.CalledProcessError as error:
        absent(f"the source of {package} cannot be fetched: {error}")
    place = tmp_path / "w"  # one place for both: compilers write it into what they make
    results = []
    for recorded in (False, True):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place, symlinks=True)
        if before:
            assert run(before, place).returncode == 0
        if recorded:
            workflow, done = record(["make", *words], place)
        else:
            done = run(["make", *words], place)
        assert done.returncode == 0, done.stderr
        made = contents(place)
        made.pop("configure.log", None)  # names its temporary files by process
        results.append((sorted(done.stdout.splitlines()), made))
    assert results[0] == results[1]
    assert read <= workflow.reads(target)
    assert any(path.endswith(target) for path in workflow.writes(target))
