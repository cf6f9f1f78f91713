"""The identifier of a file version: the same for ever, since other people's catalogues keep it.

Two forms, never to be changed:

``sha256:<64 hex digits>``
    the digest of the content, where it is known. The same content has the same identifier everywhere,
    whatever it is called: this joins runs, copies and machines.

``identity:<32 hex digits>``
    where the digest is not known (too large, gone before it was asked, a directory, a device): the first
    16 bytes of the SHA-256 of these fields, each as decimal digits or bytes, each ended by a NUL; what is
    not known is empty: ``volume``, path inside the volume, inode, size, modified, changed (ns), and, for
    versions that a recorded run made, the run's id and the version's ordinal there. It names one state
    of one file on one volume.
"""

from __future__ import annotations

import hashlib

from probe_core.model import FileVersion

FIELDS = ("volume", "volume_path", "inode", "size", "modified", "changed", "run", "ordinal")


def version_identifier(version: FileVersion, run_id: str) -> str:
    """Give the identifier of a file version; ``run_id`` is the run whose graph holds it."""
    return version.digest or identity_identifier(version, run_id)


def identity_identifier(version: FileVersion, run_id: str) -> str:
    """Give the identifier made from identity, even where the digest is known."""
    made = version.made_by is not None
    fields: tuple[bytes | str | int | None, ...] = (
        version.volume,
        version.volume_path or version.path,
        version.inode,
        version.size,
        version.modified,
        version.changed,
        run_id if made else None,
        version.ordinal if made else None,
    )
    return "identity:" + hashlib.sha256(b"".join(map(_field, fields))).hexdigest()[:32]


def _field(value: bytes | str | int | None) -> bytes:
    if value is None:
        return b"\0"
    text = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return text + b"\0"
