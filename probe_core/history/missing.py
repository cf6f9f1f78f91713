"""Paths that were looked for and not there: by far the most of a program's start, and never asked for alone.

They are kept as columns in one blob a run, not as rows: a run with 800,000 of them, and an access to each,
took 8.6 s and 150 MB with rows, and takes 1.4 s and 15 MB so.
"""

from __future__ import annotations

import json
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator

from probe_core.history.packing import column, packed_column, packed_texts, texts
from probe_core.model import FileVersion, Proof, Versions

KIND = "missing"
_SAME, _OTHER = b"=", b":"  # the path inside the volume: as the path, or another


def is_plain(one: FileVersion) -> bool:
    """Tell whether a version is only a path that was not there: nothing made, removed or described it."""
    return (
        one.kind == KIND
        and one.digest is None
        and one.size is None
        and one.modified is None
        and one.changed is None
        and one.device is None
        and one.inode is None
        and one.made_by is None
        and one.made_at is None
        and one.removed_by is None
        and one.removed_at is None
    )


def told(versions: Iterable[FileVersion]) -> Iterable[FileVersion]:
    """Give the versions that exist as objects: all but plain missing ones."""
    return versions.told if isinstance(versions, Versions) else versions


def packed_missing(versions: Iterable[FileVersion]) -> bytes:
    """Pack plain missing versions; `missing` gives them back."""
    some = [one for one in told(versions) if is_plain(one)]
    numbers, ordinals = array("I", (one.number for one in some)), array("Q", (one.ordinal for one in some))
    kinds: dict[tuple[str, str], int] = {}
    which = array("I", (kinds.setdefault((one.volume, one.proof), len(kinds)) for one in some))
    paths = [one.path for one in some]
    inside = [_SAME if one.volume_path == one.path else _OTHER + one.volume_path for one in some]
    if isinstance(versions, Versions):
        paths += versions.absent
        numbers.extend(range(len(versions.told), len(versions)))
        ordinals.frombytes(bytes(ordinals.itemsize * len(versions.absent)))
        for path in versions.absent:
            volume, within = versions.place(path)
            which.append(kinds.setdefault((volume, Proof.ASSUMED), len(kinds)))
            inside.append(_SAME if within == path else _OTHER + within)
    blocks = (
        packed_column(numbers),
        packed_column(ordinals),
        packed_column(which),
        json.dumps(list(kinds)).encode(),
        zlib.compress(packed_texts(paths), 1),
        zlib.compress(packed_texts(inside), 1),
    )
    return b"".join(struct.pack("<Q", len(block)) + block for block in blocks)


def missing(body: bytes) -> Iterator[FileVersion]:
    """Undo `packed_missing`."""
    numbers, ordinals, which, names, paths, inside = _blocks(body)
    kinds = [(volume, Proof(proof)) for volume, proof in json.loads(names)]
    unknown = (None,) * 6
    for number, ordinal, kind, path, place in zip(
        column("I", numbers),
        column("Q", ordinals),
        column("I", which),
        texts(zlib.decompress(paths)),
        texts(zlib.decompress(inside)),
        strict=True,
    ):
        volume, proof = kinds[kind]
        within = path if place == _SAME else place[1:]
        yield FileVersion(
            number, path, ordinal, KIND, *unknown, volume, within, None, None, None, None, proof
        )


def _blocks(body: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(body):
        (size,) = struct.unpack_from("<Q", body, at)
        yield body[at + 8 : at + 8 + size]
        at += 8 + size
