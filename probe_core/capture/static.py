"""What this machine allows for programs that no preload can enter: watching, and at what price."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

CAP_SYS_ADMIN, CAP_SYS_PTRACE = 21, 19
OLDEST = (5, 19)  # the kernel that does not interrupt a watched call once it has been read


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether ``--static=watch`` works here (``kernel``), and whether it takes no rights away (``harmless``).

    ``reason`` says why it does not, or what makes it harmless or not.
    """

    kernel: bool
    harmless: bool
    reason: str


def watching_here() -> Watching:
    """Look at the kernel and at this process's own rights."""
    missing = _missing()
    if missing:
        return Watching(False, False, missing)
    status = _status()
    capable = int(status.get("CapEff", "0"), 16)
    if capable >> CAP_SYS_ADMIN & 1:
        return Watching(True, True, "this process has CAP_SYS_ADMIN, so set-uid programs keep their rights")
    if status.get("NoNewPrivs") == "1":
        return Watching(True, True, "no_new_privs is set already, so nothing more is lost")
    return Watching(
        True, False, "without privilege the kernel asks for no_new_privs, which disarms set-uid programs"
    )


def _missing() -> str:
    numbers = re.match(r"(\d+)\.(\d+)", platform.release())
    if numbers is None or tuple(map(int, numbers.groups())) < OLDEST:
        return f"Linux {platform.release()} is older than {OLDEST[0]}.{OLDEST[1]}"
    try:
        actions = Path("/proc/sys/kernel/seccomp/actions_avail").read_text().split()
    except OSError:
        return "the kernel has no seccomp"
    if "user_notif" not in actions:
        return "the kernel has no seccomp user notification"
    if _ptrace_scope() > 0 and not int(_status().get("CapEff", "0"), 16) >> CAP_SYS_PTRACE & 1:
        return "kernel.yama.ptrace_scope keeps other processes' memory from being read"
    return ""


def _ptrace_scope() -> int:
    try:
        return int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text())
    except (OSError, ValueError):
        return 0


def _status() -> dict[str, str]:
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
