"""Putting nf-probe where the user's Nextflow looks for plugins."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from probe_core.capture.launch import find_launcher

PLUGIN, VERSION = "nf-probe", "0.1.0"
JAR = Path(__file__).parent / "nf-probe.jar"
_NOTE = "probe.properties"


def home_folder(environment: Mapping[bytes, bytes]) -> Path:
    """Give Nextflow's own folder, as its launcher chooses it."""
    home = environment.get(b"NXF_HOME") or environment.get(b"HOME", b"/") + b"/.nextflow"
    return Path(os.fsdecode(home)).absolute()


def plugins_folder(environment: Mapping[bytes, bytes]) -> Path:
    """Give the folder of the plugins of the Nextflow that runs with ``environment``."""
    chosen = environment.get(b"NXF_PLUGINS_DIR")
    if chosen:
        return Path(os.fsdecode(chosen)).absolute()
    return home_folder(environment) / "plugins"


def install(environment: Mapping[bytes, bytes]) -> None:
    """Unpack the plugin, unless it is there as it should be. OSError when it cannot be done."""
    folder = plugins_folder(environment) / f"{PLUGIN}-{VERSION}"
    note = _note()
    with contextlib.suppress(OSError):
        if (folder / "classes" / _NOTE).read_text() == note:
            return
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{PLUGIN}-", dir=folder.parent))
    try:
        with zipfile.ZipFile(JAR) as jar:
            jar.extractall(aside / "new" / "classes")
        (aside / "new" / "classes" / _NOTE).write_text(note)
        (aside / "new" / "lib").mkdir()
        if folder.exists():
            folder.rename(aside / "old")
        (aside / "new").rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _note() -> str:
    """What the plugin must know of this installation, as Java's properties; also tells it from others."""
    told = {
        "jar": hashlib.sha256(JAR.read_bytes()).hexdigest(),
        "launcher": str(find_launcher()),
        "python": sys.executable,
    }
    return "".join(f"{name}={_escaped(value)}\n" for name, value in told.items())


def _escaped(value: str) -> str:
    plain = value.replace("\\", "\\\\")
    return "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in plain)
