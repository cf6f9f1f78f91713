"""Reading what the engines declared of a run, redacted, and making one of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe_core.errors import PluginError
from probe_core.model import Declaration
from probe_core.stitch.redact import Redactor

if TYPE_CHECKING:  # most runs are no engine's, and are taken in while the prompt waits
    from probe_core.hooks import Declared, Engine


def declared_by(engines: Sequence[Engine], folder: Path, *, first: str | None = None) -> list[Declared]:
    """Ask each engine for what it left in the run's folder; the engine named ``first`` comes first.

    A broken plugin is told as what it could not tell, and stops nothing.
    """
    found: list[Declared] = []
    for engine in sorted(engines, key=lambda engine: (engine.name != first, engine.name)):
        try:
            declared = engine.declared(folder)
        except Exception as error:
            from probe_core.hooks import Declared

            declared = Declared(
                gaps=(str(PluginError(engine.name, f"its declarations cannot be read: {error}")),)
            )
        if declared is not None:
            found.append(declared)
    return found


def declarations_of(declared: Sequence[Declared], redactor: Redactor) -> list[Declaration]:
    """All declarations, redacted."""
    return [redactor.declaration(one) for part in declared for one in part.declarations]


def settled_by(declared: Sequence[Declaration]) -> dict[bytes, int]:
    """By path until when the engine may have changed the times of what its steps made (``settled``)."""
    found: dict[bytes, int] = {}
    for one in declared:
        until = one.facts.get("settled")
        if isinstance(until, int):
            for path in (*one.outputs, *one.logs):
                found[path] = max(until, found.get(path, 0))
    return found


def bookkeeping_of(declared: Sequence[Declared]) -> Iterator[bytes]:
    """The folders that engines call their bookkeeping."""
    for part in declared:
        told = part.facts.get("bookkeeping")
        for folder in told if isinstance(told, list) else ():
            if isinstance(folder, str) and folder.startswith("/") and folder.strip("/"):
                yield os.fsencode(folder)


def facts_of(declared: Sequence[Declared], redactor: Redactor) -> dict[str, Any]:
    """What the engines told of the run as a whole, redacted."""
    if not declared:
        return {}
    from probe_core.hooks import together

    return together(redactor.json(dict(part.facts)) for part in declared)
