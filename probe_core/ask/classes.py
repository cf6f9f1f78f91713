"""What a file is to a run: data, or one of the things that every program touches and nobody asks about.

The rules know operating systems and languages, never a workflow engine. They fold what is boring in
`show`, `why` and the pictures; they never decide what is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable
from enum import StrEnum
from functools import lru_cache

from probe_core.model import Act, Exec, Run


class FileClass(StrEnum):
    """What a file is to the run that touched it. The values stand in every ``--json`` answer."""

    DATA = "data"  # what the run is about: inputs, intermediates, results
    PROGRAM = "program"  # executed
    LIBRARY = "library"  # code that a program loads: shared objects, installed modules
    SCRIPT = "script"  # the user's own code, read by an interpreter
    CONFIGURATION = "configuration"  # /etc, dot files, hidden folders of the working directory
    TEMPORARY = "temporary"  # made and removed again
    SYSTEM = "system"  # /proc, /dev, and what an operating system or environment ships


# Kernel file systems, and where operating systems, Nix, Guix and Snap put what they ship.
KERNEL = (b"/proc", b"/sys", b"/dev", b"/run")
SHIPPED = (
    *(b"/usr", b"/lib", b"/lib32", b"/lib64", b"/libx32", b"/bin", b"/sbin", b"/opt", b"/boot"),
    *(b"/nix/store", b"/gnu/store", b"/snap", b"/var/lib", b"/var/cache"),
)
CONTAINER = b"/container:"  # what an image brings, and what is gone with a container
PASSING = (b"/tmp", b"/var/tmp", b"/dev/shm")

_SCRIPT = re.compile(
    rb"\.(py|r|rmd|qmd|pl|pm|rb|jl|js|mjs|sh|bash|zsh|awk|sed|lua|tcl|sql|groovy|ipynb)\Z",
    re.I,
)
_SHARED_OBJECT = re.compile(rb"\.so(\.[0-9.]+)?\Z|\.(jar|jmod|jsa|class|pyc|pyo)\Z|/__pycache__/|/META-INF/")
_MODULES = re.compile(
    rb"/(site-packages|dist-packages|node_modules|lib/python[0-9.]+|lib/perl5?|lib/R/(library|site-library|modules))/"
    rb"|/pyvenv\.cfg\Z"  # the program of a virtual environment is a link to one elsewhere
)
_CACHED = re.compile(rb"\.py[co]\Z|/__pycache__/")
_TABLE = re.compile(
    rb"\.(csv|tsv|parquet|feather|arrow|h5|hdf5|nc|fa|fasta|fna|faa|fq|fastq|vcf|bcf|bam|cram|sam|bed|gff3?|gtf"
    rb"|xlsx|ods)(\.(gz|bgz|bz2|xz|zst|zip))?\Z",
    re.I,
)
_HOME_DOT = re.compile(rb"\A(/root|/home/[^/]+|/Users/[^/]+)/\.")
_HIDDEN = re.compile(rb"/\.[^/.]")

# What an environment (conda, virtualenv, an /opt tree) keeps below its prefix.
ENVIRONMENT = (b"bin", b"sbin", b"lib", b"lib64", b"libexec", b"include", b"share", b"etc", b"conda-meta")

MADE = frozenset({Act.WRITE, Act.INHERITED_WRITE})
TAKEN_AWAY = frozenset({Act.REMOVE, Act.RENAME_FROM})


def below(path: bytes, folder: bytes) -> bool:
    """Tell whether ``path`` is ``folder`` or lies in it (by name; both absolute and plain)."""
    return path == folder or path.startswith(folder if folder.endswith(b"/") else folder + b"/")


def below_any(path: bytes, folders: Collection[bytes]) -> bool:
    """Tell whether ``path`` lies in one of ``folders``."""
    if not isinstance(folders, Hashable):
        return any(below(path, folder) for folder in folders)
    return (path + b"/").startswith(_beginnings(folders))


@lru_cache(maxsize=256)
def _beginnings(folders: Collection[bytes]) -> tuple[bytes, ...]:
    return tuple(folder.rstrip(b"/") + b"/" for folder in folders)


def program_prefixes(run: Run, execs: Collection[Exec]) -> frozenset[bytes]:
    """Find environments (conda, virtualenv, /opt trees) by the programs that ran from their ``bin``.

    Given are the folders in them that hold what was installed (``<prefix>/lib`` …). A prefix that holds the
    run's own working directory is not one: it is the user's project.
    """
    found: set[bytes] = set()
    for program in {one.program for one in execs}:
        folder, _, _ = program.rpartition(b"/")
        prefix, _, last = folder.rpartition(b"/")
        if last in (b"bin", b"sbin", b"libexec") and prefix and not below(run.directory, prefix):
            found.update(prefix + b"/" + part for part in ENVIRONMENT)
    return frozenset(found)


def classify(
    path: bytes,
    acts: Collection[int],
    run: Run,
    prefixes: Collection[bytes] = frozenset(),
    base: bytes | None = None,
) -> FileClass:
    """Tell what a file is to a run.

    ``acts`` are the acts on this version (``Act``); ``prefixes`` come from `program_prefixes`; ``base`` is
    the folder below which a dot hides, where that is not the run's own: a step may work in ``.test``.
    Data tables that a package ships (``site-packages/…/penguins.csv``) are data: somebody's analysis
    begins with them.
    """
    own, shipped = _is_own(path, run), is_shipped(path, run, prefixes)
    if below_any(path, KERNEL) and not below_any(path, PASSING):
        return FileClass.SYSTEM
    if Act.EXECUTE in acts:
        return FileClass.SCRIPT if _SCRIPT.search(path) and not shipped else FileClass.PROGRAM
    if MADE.intersection(acts) and TAKEN_AWAY.intersection(acts):
        return FileClass.TEMPORARY
    if Act.LOAD in acts or _SHARED_OBJECT.search(path):
        return FileClass.LIBRARY
    if _TABLE.search(path):
        return FileClass.DATA
    if _MODULES.search(path):
        return FileClass.LIBRARY
    if shipped:
        return FileClass.LIBRARY if _SCRIPT.search(path) else FileClass.SYSTEM
    return _of_the_user(path, (base or run.directory) if own else None)


def is_shipped(path: bytes, run: Run, prefixes: Collection[bytes] = frozenset()) -> bool:
    """Tell whether an operating system or an environment ships this file; by its place alone."""
    if path.startswith(CONTAINER) or below_any(path, prefixes) or _MODULES.search(path):
        return True
    if below_any(path, KERNEL):
        return not below_any(path, PASSING)
    return not _is_own(path, run) and below_any(path, SHIPPED)


def _is_own(path: bytes, run: Run) -> bool:
    """Tell whether the path lies in the run's working directory."""
    return run.directory != b"/" and below(path, run.directory)


def _of_the_user(path: bytes, directory: bytes | None) -> FileClass:
    """Tell scripts, configuration and data of the user apart; ``directory``: the working one, when inside."""
    inside = path[len(directory) :] if directory is not None else b""
    if _HIDDEN.search(inside) or below(path, b"/etc") or (directory is None and _HOME_DOT.match(path)):
        return FileClass.CONFIGURATION
    return FileClass.SCRIPT if _SCRIPT.search(path) else FileClass.DATA


def is_boring(
    path: bytes, file_class: FileClass, run: Run, prefixes: Collection[bytes] = frozenset()
) -> bool:
    """Tell whether a view for people folds this file unless it is asked for all.

    Scripts and data are shown; programs and libraries where they are the user's own.
    """
    match file_class:
        case FileClass.DATA | FileClass.SCRIPT:
            return False
        case FileClass.PROGRAM:
            return is_shipped(path, run, prefixes)
        case FileClass.LIBRARY:
            return not _is_own(path, run) or is_shipped(path, run, prefixes) or bool(_CACHED.search(path))
        case _:
            return True
