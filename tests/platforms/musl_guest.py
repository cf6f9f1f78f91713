"""musl for ARM without installing it: Debian's two packages, unpacked beside the programs that need them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

GCC = "aarch64-linux-gnu-gcc"


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
    return done.stdout.strip()


@cache
def guest(below: Path) -> Path:
    """Download by an apt with lists of its own, for ARM only; the root with what was unpacked."""
    folder, root = below / "musl", below / "musl" / "root"
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    apt = ["apt-get", "-qq"]
    for option in ("APT::Architecture=arm64", "APT::Architectures::=arm64", "APT::Sandbox::User=root",
                   f"Dir::State::Lists={folder}/lists", f"Dir::Cache={folder}/cache"):  # fmt: skip
        apt += ["-o", option]
    run(*apt, "update", folder=folder)
    run(*apt, "download", "musl:arm64", "musl-dev:arm64", folder=folder)
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "-x", package, root, folder=folder)
    return root


def compiled_with_musl(source: Path, below: Path) -> Path:
    """A program that musl's loader starts, from where it was unpacked."""
    root, made = guest(below), below / f"musl-{source.stem}"
    usual, headers = root / "usr" / "lib" / "aarch64-linux-musl", root / "usr/include/aarch64-linux-musl"
    own = run(GCC, "-print-file-name=include", folder=below)
    run(
        GCC, "-O1", "-mno-outline-atomics", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-nostdlib",
        "-nostdinc", "-isystem", headers, "-isystem", own, source, "-o", made,
        *(usual / name for name in ("crt1.o", "crti.o")), f"-L{root}/lib/aarch64-linux-musl", "-lc", "-lgcc",
        usual / "crtn.o", f"-Wl,-dynamic-linker,{root}/lib/ld-musl-aarch64.so.1", folder=below,
    )  # fmt: skip
    return made
