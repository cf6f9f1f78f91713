"""Whether a path is among what was declared: itself, a folder above it, or the same behind a symlink."""

from __future__ import annotations

import os
from collections.abc import Iterable

from probe_core.model import Declaration

# Indexes and dictionaries of genomics: their endings, and what the file beside ends in without them.
_SIDE_CARS = {
    b".fai": (b"",),
    b".gzi": (b"",),
    **dict.fromkeys((b".amb", b".ann", b".bwt", b".pac", b".sa"), (b"",)),  # of bwa
    b".tbi": (b"",),
    b".bai": (b"", b".bam"),
    b".csi": (b"", b".bam"),
    b".crai": (b"", b".cram"),
    b".dict": (b".fa", b".fasta", b".fna", b".fa.gz", b".fasta.gz", b".fna.gz"),
}


def declared_inputs(declaration: Declaration) -> frozenset[bytes]:
    """Give what a step may read: inputs, order-only inputs."""
    return _resolved((*declaration.inputs, *declaration.order_only))


def declared_outputs(declaration: Declaration) -> frozenset[bytes]:
    """Give what a step may write: outputs and logs."""
    return _resolved((*declaration.outputs, *declaration.logs))


def covers(declared: frozenset[bytes], path: bytes) -> bool:
    """Tell whether ``path`` or a folder above it is in ``declared``."""
    while path not in declared:
        path = path.rpartition(b"/")[0]
        if not path:
            return False
    return True


def is_side_car(owners: frozenset[bytes], path: bytes) -> bool:
    """Tell whether ``path`` is an index beside one of ``owners``, which tools look for by themselves."""
    for ending, others in _SIDE_CARS.items():
        if path.endswith(ending):
            stem = path.removesuffix(ending)
            return any(stem + other in owners for other in others)
    return False


def _resolved(paths: Iterable[bytes]) -> frozenset[bytes]:
    """Give declared paths as they are, and behind the symbolic links of today."""
    given = frozenset(path.rstrip(b"/") or b"/" for path in paths)
    return given | {os.path.realpath(path) for path in given}
