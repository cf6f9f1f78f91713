"""The table of calls against what we export and against the libc that is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from calls.recorded import SOURCE, library
from conftest import absent

# What by its name could open, change or name a file, or begin or end a program; and what only sounds like it.
FAMILY = re.compile(
    "open|creat|stat(?!e)|link|rename|exec|spawn|fork|clone|mk(dir|nod|fifo|stemp|ostemp|dtemp|temp)|chmod|chown"
    "|xattr|utime|trunc|dup|dir|glob|ftw|fts|recv|accept|connect|realpath|canon|access|remove|shm_|sem_open|memfd|chroot|mount"
    "|splice|sendfile|copy_file|fallocate|tmp|close|wait|exit|system|wordexp|syscall|pipe|socketpair|unshare|setns|pivot"
)
SOUNDS_LIKE_IT = re.compile(
    "pthread_|xdr|svc|clnt|auth|__rpc|rexec|regexec|re_exec|posix_spawnattr|posix_spawn_file_actions_(init|destroy)"
    "|posix_spawn_file_actions_addtcsetpgrp_np|(sem|cnd|sig)_?(clock|timed|try)?wait|sem_close|epoll|timer|thrd_|tss_"
    "|(wcs|str|__str)n?dup|(__)?duplocale|dir(fd|name)$|(rewind|seek|tell)dir|get_current_dir_name|atexit|at_quick_exit"
    "|__cxa_|on_exit|__cyg|_IO_(link_in|un_link|remove_marker|str_init_static)|argz|envz|hcreate|create_module"
    "|malloc_stats|truncl?f?$|glob(free|free64|_pattern_p)$|fts(64)?_(close|set)|pidfd_open|recv_chk|recvfrom_chk"
    "|(open|close)log|(cat|iconv_|mq_)close|__res_nclose|__register_atfork|sig.*wait|getutmp"
)
TWINS = ("{}64", "__{}", "__{}64", "__{}_2", "__{}64_2", "__{}_chk", "__{}_nocancel", "__libc_{}")


def rows() -> dict[str, str]:
    """Name to kind of row."""
    found = {}
    for line in (SOURCE / "calls.h").read_text().splitlines():
        match = re.match(r"(CALL|POINTER|CLOSES)\([^,]+, (\w+),|(OPEN|BY_HAND|SKIP)\((\w+),", line)
        if match:
            name = match.group(2) or match.group(4)
            assert name not in found, f"{name} has two rows"
            found[name] = match.group(1) or match.group(3)
    return found


def symbols(path: Path | str, *flags: str) -> set[str]:
    lines = subprocess.run(["nm", "-D", *flags, str(path)], capture_output=True, check=True, text=True).stdout
    words = (line.split() for line in lines.splitlines())
    names = (name for *_, kind, name in words if kind in "TWi")  # functions
    return {name.split("@")[0] for name in names if not name.endswith("@GLIBC_PRIVATE")}


def told(*tool: str) -> str:
    return subprocess.run([*tool, str(library())], capture_output=True, check=True, text=True).stdout


def former() -> dict[str, str]:
    """Name to the former version that the table excuses."""
    return dict(re.findall(r'^OLD\((\w+), "([\w.]+)", "', (SOURCE / "calls.h").read_text(), re.MULTILINE))


def musl() -> str:
    found = sorted(Path("/").glob("usr/lib/*-linux-musl/libc.so")) + sorted(Path("/lib").glob("ld-musl-*"))
    if not found:
        absent("musl is not installed: sudo apt-get install musl-tools")
    return str(found[0])


@pytest.fixture(params=["glibc", "musl"])
def any_libc(request: pytest.FixtureRequest) -> str:
    return libc() if request.param == "glibc" else musl()


def libc() -> str:
    maps = Path("/proc/self/maps").read_text()
    found = re.search(r"/\S*/libc[.-]\S*", maps)
    if not found:
        pytest.skip("this Python is not linked with a shared libc")
    return found.group(0)


def test_exports_equal_the_table() -> None:
    taken = {name for name, kind in rows().items() if kind != "SKIP"}
    assert symbols(library(), "--defined-only") == taken


def test_nothing_is_asked_of_libc_but_errno_and_environ() -> None:
    """And weakly: a program with a loader need not have a libc."""
    asked = {tuple(line.split()) for line in told("nm", "-D", "-u").splitlines()}
    loaders = {"_dl_debug_addr", "_r_debug", "dl_iterate_phdr", "dlsym"}
    assert asked == {("w", name) for name in ("__errno_location", "environ", *loaders)}
    assert "NEEDED" not in told("readelf", "-d")
    assert told("readelf", "-lW").count(" LOAD ") == 2


def test_every_twin_in_libc_is_covered_or_excused(any_libc: str) -> None:
    table, present = rows(), symbols(any_libc, "--defined-only")
    missing = {
        twin.format(name)
        for name, kind in table.items()
        if kind != "SKIP"
        for twin in TWINS
        if twin.format(name) in present and twin.format(name) not in table
    }
    assert missing == set()


def test_every_function_of_the_family_is_covered_or_excused(any_libc: str) -> None:
    """Also one that a newer libc brings, and nobody has thought of."""
    family = {name for name in symbols(any_libc, "--defined-only") if FAMILY.search(name)}
    unknown = {name for name in family - rows().keys() if not SOUNDS_LIKE_IT.search(name)}
    assert unknown == set()
    assert len(family & rows().keys()) > 100


def test_every_former_version_is_told() -> None:
    """A program linked long ago gets the present version through us: what that means is said in the table."""
    lines = subprocess.run(
        ["nm", "-D", "--defined-only", libc()], capture_output=True, check=True, text=True
    ).stdout
    names = (line.split()[-1] for line in lines.splitlines())
    hidden = dict(re.findall(r"^(\w+)@(GLIBC_[\d.]+)$", "\n".join(names), re.MULTILINE))
    taken = {name for name, kind in rows().items() if kind != "SKIP"}
    assert {name: version for name, version in hidden.items() if name in taken} == former()


def test_every_row_has_a_function_or_another_libc_has_it() -> None:
    """A misspelt row would be dead: each name taken is in this libc, or is known to live elsewhere."""
    elsewhere = {"openat2", "pidfd_spawn", "pidfd_spawnp", "__libc_fork", "posix_close"}
    taken = {name for name, kind in rows().items() if kind != "SKIP"}
    assert taken - symbols(libc(), "--defined-only") - elsewhere == set()
