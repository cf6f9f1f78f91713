"""Small root file systems, made of this machine's own programs: for containers and chroots."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from recording import Recording

PROGRAMS = ("sh", "cat", "cp", "ls", "env", "id", "pwd", "true", "tr", "echo")


def make_root(root: Path, programs: tuple[str, ...] = PROGRAMS) -> Path:
    """Fill ``root`` with programs, what their loader needs, and the folders that containers mount at."""
    for name in programs:
        program = Path(shutil.which(name) or f"/bin/{name}").resolve()
        _take(root / "bin" / name, program)
        for library in re.findall(
            r"(/\S+)", subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        ):
            _take(root / library.lstrip("/"), Path(library).resolve())
    for folder in ("tmp", "proc", "sys", "dev", "data", "mnt/1", "mnt/8", "mnt/9", "etc", "home"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for file in ("passwd", "group", "hosts", "resolv.conf"):
        (root / "etc" / file).touch()
    (root / "etc/in-image").write_text("image\n")
    root.chmod(0o755)
    return root


def _take(to: Path, file: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists():
        shutil.copy(file, to)
        to.chmod(0o755)


def paths_of(told: Recording) -> set[bytes]:
    """Give the paths of all versions."""
    return {version.path for version in told.graph.versions}
