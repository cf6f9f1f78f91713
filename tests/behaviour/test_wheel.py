"""The wheel as pip builds it, with each compiler and warnings as errors: what is in it, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("libprobe", "probe_core", "plugins", "meson.build", "pyproject.toml", "README.md", "LICENSE")

PACKAGES = {
    "probe_core",
    "probe_make",
    "probe_nextflow",
    "probe_ninja",
    "probe_script",
    "probe_snakemake",
    "snakemake_executor_plugin_probe",
    "snakemake_executor_plugin_probe_cluster_generic",
    "snakemake_executor_plugin_probe_slurm",
    "snakemake_logger_plugin_probe",
}


@pytest.fixture(params=["gcc", "clang"])
def wheel(request: pytest.FixtureRequest, tmp_path: Path, needs) -> zipfile.ZipFile:
    """Give the wheel that one compiler makes of a copy of the sources."""
    needs(request.param)
    source = tmp_path / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    command += ["--config-settings=setup-args=-Dwerror=true", "-w", str(tmp_path), str(source)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # meson and ninja
    env = {**os.environ, "CC": request.param, "PATH": path}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    (built,) = tmp_path.glob("*.whl")
    return zipfile.ZipFile(built)


def test_what_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    with wheel:
        names = wheel.namelist()
        scripts = {Path(name).name: wheel.getinfo(name) for name in names if "/scripts/" in name}
        assert set(scripts) == {"probe-record", "probe-sh"}
        assert all(info.external_attr >> 16 & 0o111 for info in scripts.values())
        launcher = wheel.read(scripts["probe-record"])
        assert launcher == wheel.read(scripts["probe-sh"])
        assert len(launcher) <= 300_000
        assert wheel.read("probe_core/_native/libprobe.so") in launcher, "the launcher carries the library"
        entries = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert "probe = probe_core.cli.main:main" in entries
    assert "make = probe_make.plugin" in entries
    packages = {name.split("/")[0] for name in names if name.endswith("/__init__.py")}
    assert packages == PACKAGES
    assert {"probe_core/capture/_reader.py", "probe_core/_native/libreader.so"} <= set(names)
    assert not [name for name in names if name.endswith((".c", ".h", ".S", ".pyc", "meson.build"))]
