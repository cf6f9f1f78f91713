"""How the model's values stand in the database: lists of texts, columns, unsigned numbers, free text.

Each ``packed_…`` has its inverse. Texts of the system hold no NUL, so lists of them are joined by it.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from probe_core.model import Accesses, Declaration, Variable

COLUMNS = {"exec": "I", "version": "I", "act": "B", "first": "q", "last": "q", "count": "I", "error": "B"}
ORDERS = ("exec", "version")  # each with <name>-rows (sorted by it) and <name>-starts (where each begins)
_TOP = 1 << 63
_JSON = json.JSONEncoder(separators=(",", ":"), default=dict)  # default: a mapping that is no dict
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def packed_texts(texts: Iterable[bytes]) -> bytes:
    """Join texts, each ended by a NUL."""
    return b"".join(text + b"\0" for text in texts)


def texts(body: bytes) -> tuple[bytes, ...]:
    """Split what `packed_texts` joined."""
    return tuple(body.split(b"\0")[:-1])


def packed_text(text: str | None) -> bytes | None:
    """Encode free text, lone surrogates (bytes that were not UTF-8) included."""
    return None if text is None else text.encode("utf-8", "surrogatepass")


def text(body: bytes) -> str:
    """Decode what `packed_text` encoded."""
    return body.decode("utf-8", "surrogatepass")


def maybe_text(body: bytes | None) -> str | None:
    """Decode what `packed_text` encoded, None included."""
    return None if body is None else text(body)


def packed_digest(digest: str | None) -> bytes | None:
    """Encode a digest: the usual kind as a 1 and its 32 bytes, any other as a 0 and its text."""
    if digest is None:
        return None
    if _SHA256.fullmatch(digest):
        return b"\1" + bytes.fromhex(digest[7:])
    return b"\0" + digest.encode("utf-8", "surrogatepass")


def digest(body: bytes | None) -> str | None:
    """Undo `packed_digest`."""
    if body is None:
        return None
    return "sha256:" + body[1:].hex() if body[0] == 1 else text(body[1:])


def signed(number: int | None) -> int | None:
    """Fold a 64-bit unsigned number into what databases have (inodes of network file systems are large)."""
    return number - 2 * _TOP if number is not None and number >= _TOP else number


def unsigned(number: int | None) -> int | None:
    """Undo `signed`."""
    return number + 2 * _TOP if number is not None and number < 0 else number


def packed_column(column: array[int]) -> bytes:
    """Compress a column; little-endian."""
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    return zlib.compress(column.tobytes(), 1)


def column(code: str, body: bytes) -> array[int]:
    """Undo `packed_column`."""
    values = array(code)
    values.frombytes(zlib.decompress(body))
    if sys.byteorder == "big":
        values.byteswap()
    return values


def packed_numbers(numbers: Iterable[int]) -> bytes:
    """Pack a short list of numbers of execs."""
    return packed_column(array("I", numbers))


def numbers(body: bytes) -> tuple[int, ...]:
    """Undo `packed_numbers`."""
    return tuple(column("I", body))


def packed_variables(variables: Sequence[Variable]) -> bytes:
    """Pack an environment: digest, a mark whether the value is known, name, value."""
    parts = []
    for one in variables:
        parts.append(struct.pack("<QB", one.digest, one.value is not None))
        parts.append(packed_texts((one.name, one.value or b"")))
    return b"".join(parts)


def variables(body: bytes) -> tuple[Variable, ...]:
    """Undo `packed_variables`."""
    found, at = [], 0
    while at < len(body):
        digest, known = struct.unpack_from("<QB", body, at)
        name_end = body.index(b"\0", at + 9)
        value_end = body.index(b"\0", name_end + 1)
        value = body[name_end + 1 : value_end] if known else None
        found.append(Variable(body[at + 9 : name_end], digest, value))
        at = value_end + 1
    return tuple(found)


def packed_facts(facts: Mapping[str, Any]) -> str:
    """Write what an engine told as JSON, pure ASCII."""
    return _JSON.encode(dict(facts))


def packed_declaration(one: Declaration | None) -> str | None:
    """Write a declaration as JSON, without what it does not tell; bytes as Latin-1, which loses nothing."""
    if one is None:
        return None
    fields = ((name, getattr(one, name)) for name in one.__slots__)
    return _JSON.encode({name: _plain(value) for name, value in fields if value is not None and value != ()})


def declaration(body: str | None) -> Declaration | None:
    """Undo `packed_declaration`."""
    if body is None:
        return None
    fields = json.loads(body)
    for name in ("inputs", "outputs", "order_only", "logs"):
        fields[name] = tuple(text.encode("latin-1") for text in fields.get(name, ()))
    for name in ("key", "directory", "outer"):
        fields[name] = None if fields.get(name) is None else fields[name].encode("latin-1")
    return Declaration(**fields)


def access_parts(table: Accesses, execs: int, versions: int) -> Iterable[tuple[str, bytes]]:
    """Give the columns of all accesses and the two orders, each packed, by name."""
    for name in COLUMNS:
        yield name, packed_column(getattr(table, name))
    for name, count in zip(ORDERS, (execs, versions), strict=True):
        keys: array[int] = getattr(table, name)
        yield f"{name}-rows", packed_column(array("I", sorted(range(len(keys)), key=keys.__getitem__)))
        yield f"{name}-starts", packed_column(_starts(keys, count))


def _starts(keys: array[int], count: int) -> array[int]:
    """Give for each key where its rows begin in the order; one more says where the last ends."""
    found = array("I", bytes(4 * (count + 1)))
    for key in keys:
        found[key + 1] += 1
    for key in range(count):
        found[key + 1] += found[key]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value
