"""The names that exports use: namespaces, PROV's and our own terms, and how values are written.

The namespace of our own terms is a *name*. It is stable and ours, and no page need stand behind it;
what each term means is said here and in the reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from probe_core.model import Act

PROBE = "https://w3id.org/probe/terms#"
VERSION = "https://w3id.org/probe/version/"  # a file version: the content of one path for a while
AGENT = "https://w3id.org/probe/agent/"
CONTENT = "hash://sha256/"  # content wherever it lies: what joins runs, copies and machines
XSD = "http://www.w3.org/2001/XMLSchema#"
PROV = "http://www.w3.org/ns/prov#"


def run_namespace(run_id: str) -> str:
    """Give the namespace of what exists in one run only: its steps, processes, gaps …"""
    return f"urn:uuid:{run_id}#"


# Types (prov:type) of ours: activities, then entities.
RUN, STEP, PROCESS, EXEC = "probe:Run", "probe:Step", "probe:Process", "probe:Exec"
FILE, CONTENT_TYPE, RULE = "probe:FileVersion", "probe:Content", "probe:Rule"
ENVIRONMENT, GAP, RECORDING = "probe:Environment", "probe:Gap", "probe:Recording"

# What an exec did with a version: prov:role of used, probe:role of wasInfluencedBy (PROV gives it none).
ROLES = {
    Act.READ: "read",
    Act.INHERITED_READ: "read",
    Act.EXECUTE: "program",
    Act.LOAD: "library",
    Act.RENAME_FROM: "rename",
    Act.LIST: "list",
    Act.LOOKUP: "lookup",
    Act.MISSING: "missing",
    Act.WRITE: "write",
    Act.INHERITED_WRITE: "write",
}


class Name(str):
    """A qualified name (``prefix:local``)."""

    __slots__ = ()


class Url(str):
    """A URL."""

    __slots__ = ()


class Instant(int):
    """A time in nanoseconds since the Unix epoch (UTC)."""

    __slots__ = ()


Value = str | int | bool | Name | Url | Instant


class Statement(NamedTuple):
    """One PROV statement. ``formal``: PROV's own positions; ``attributes``: the rest, names may come again.

    None as a value leaves the attribute out. Without ``id`` the writer numbers the statement.
    """

    id: str | None
    formal: Mapping[str, str | Instant | None]
    attributes: Iterable[tuple[str, Value | None]] = ()


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def spell_time(nanoseconds: int) -> str | None:
    """Write a time as xsd:dateTime in UTC, to the nanosecond; None when a calendar cannot hold it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        return f"{_second(seconds)}.{rest:09}Z"
    except (ValueError, OverflowError, OSError):  # a file's time may be anything
        return None


def file_url(path: bytes) -> Url:
    """Give an absolute path as ``file:`` URL; every byte survives, percent-encoded where it must be."""
    return Url("file://" + quote_from_bytes(path, safe="/-._~!$&'()*+,;=:@"))


_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def readable(text: bytes | str) -> str:
    r"""Give a path, argument or name as text that every format and terminal takes.

    Bytes that are not UTF-8, and control characters, become ``\xNN`` (``\uNNNN``).
    """
    if isinstance(text, str):
        text = text.encode("utf-8", "surrogateescape")
    return _CONTROLS.sub(_escaped, text.decode("utf-8", "backslashreplace"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
