"""W3C PROV-JSON, written as it is told: no document is ever built in memory.

The text is what both other implementations read without loss: typed values stand in lists (ProvToolbox
misreads them bare), ``xsd`` and ``prov`` are among the prefixes, names are of type prov:QUALIFIED_NAME,
and there are no bundles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, BinaryIO

from probe_core.formats.activities import Level
from probe_core.formats.statements import Statements
from probe_core.formats.vocabulary import Instant, Name, Statement, Url, Value, readable, spell_time
from probe_core.model import RunGraph

_encode = json.JSONEncoder(separators=(",", ":")).encode


def write(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    """Write ``graph`` to ``out``. Options: ``level`` (step, process, exec), ``derivations``, ``all``."""
    statements = Statements(
        graph,
        level=Level(options.get("level") or Level.PROCESS),
        derivations=bool(options.get("derivations")),
        everything=bool(options.get("all")),
    )
    size = 0
    pending: list[str] = []
    for piece in document(statements):
        pending.append(piece)
        size += len(piece)
        if size > 1 << 16:
            out.write("".join(pending).encode("ascii"))
            pending, size = [], 0
    out.write("".join(pending).encode("ascii"))


def document(statements: Statements) -> Iterator[str]:
    """Give the document in pieces, in ASCII; sections that would be empty are left out."""
    yield '{"prefix":' + _encode(statements.namespaces)
    for section, tell in statements.sections().items():
        between = f',\n"{section}":{{\n'
        for number, statement in zip(count(), tell()):
            yield f"{between}{_encode(statement.id or f'_:{section}{number}')}:{_record(statement)}"
            between = ",\n"
        if between == ",\n":
            yield "}"
    yield "}\n"


def _record(statement: Statement) -> str:
    """Give what is said in one statement, as JSON."""
    found: dict[str, Any] = {}
    for position, value in statement.formal.items():
        if value is not None:
            found[position] = spell_time(value) if isinstance(value, Instant) else value
    for name, attribute in statement.attributes:
        if attribute is not None and (spelled := _spell(attribute)) is not None:
            found.setdefault(name, []).append(spelled)
    return _encode(found)


def _spell(value: Value) -> str | dict[str, str] | None:
    """Give a value as PROV-JSON has it; None for a time that cannot be written."""
    match value:
        case Name():
            return {"$": value, "type": "prov:QUALIFIED_NAME"}
        case Url():
            return {"$": value, "type": "xsd:anyURI"}
        case Instant():
            time = spell_time(value)
            return None if time is None else {"$": time, "type": "xsd:dateTime"}
        case bool():
            return {"$": "true" if value else "false", "type": "xsd:boolean"}
        case int():
            return {"$": str(value), "type": "xsd:long"}
        case _:
            return readable(value)
