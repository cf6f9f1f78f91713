"""The allow-list of `probe check`: findings that somebody has looked at and accepted, each with a reason.

It stands in ``.probe.toml``, in tables ``[[check.allow]]``, or in ``pyproject.toml``, there in tables
``[[tool.probe.check.allow]]``, of the run's directory or the nearest one above it. ``lint``, ``rule`` and
``path`` are shell patterns, each matching everything where it is absent; a relative ``path`` counts from the
file's folder.
"""

from __future__ import annotations

import fnmatch
import json
import os
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe_core.errors import ProbeError
from probe_core.hooks import Finding
from probe_core.model import RunGraph

OWN, SHARED = ".probe.toml", "pyproject.toml"
_WORDS = frozenset(("lint", "rule", "path", "reason"))


class AllowListError(ProbeError):
    """An allow-list that cannot be read, understood or written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path} is no allow-list: {self.reason}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """One accepted kind of finding."""

    lint: str
    rule: str
    path: str
    reason: str

    def covers(self, lint: str, rule: str, path: str) -> bool:
        """Tell whether a finding is of this kind."""
        wanted = ((lint, self.lint), (rule, self.rule), (path, self.path))
        return all(fnmatch.fnmatchcase(*pair) for pair in wanted)


@dataclass(frozen=True, slots=True)
class AllowList:
    """The allowances of one file; ``place`` is where it is, or would be written."""

    place: Path
    allowances: tuple[Allowance, ...] = ()

    @classmethod
    def near(cls, directory: Path) -> AllowList:
        """Read the nearest one; an empty one when there is none. AllowListError when it is none."""
        for folder in (directory, *directory.parents):
            for name, keys in ((OWN, ("check",)), (SHARED, ("tool", "probe", "check"))):
                found = _table(folder / name, keys)
                if found is not None:
                    return cls(folder / name, tuple(_allowances(folder / name, found)))
        return cls(directory / OWN)

    def reason(self, finding: Finding, graph: RunGraph) -> str | None:
        """Tell why a finding is accepted; None when it is not."""
        rule = "" if finding.step is None else graph.steps[finding.step].rule or ""
        path = os.fsdecode(finding.path or b"")
        for one in self.allowances:
            if one.covers(finding.lint, rule, path):
                return one.reason
        return None

    def accept(self, findings: Iterable[Finding], graph: RunGraph, reason: str) -> int:
        """Append what covers ``findings`` to the file; give how many entries that were."""
        table = "check.allow" if self.place.name == OWN else "tool.probe.check.allow"
        entries: dict[str, None] = {}
        for one in findings:
            rule = "" if one.step is None else graph.steps[one.step].rule or ""
            named = {
                "lint": one.lint,
                "rule": _exactly(rule),
                "path": self._shown(one.path),
                "reason": reason,
            }
            lines = [f"{name} = {json.dumps(value)}" for name, value in named.items() if value]
            entries["\n".join([f"\n[[{table}]]", *lines, ""])] = None
        try:
            with self.place.open("a", encoding="utf-8") as file:
                file.write("".join(entries).removeprefix("" if file.tell() else "\n"))
        except (OSError, UnicodeError) as error:
            raise AllowListError(self.place, f"it cannot be written ({error})") from None
        return len(entries)

    def _shown(self, path: bytes | None) -> str:
        text = os.fsdecode(path or b"")
        base = f"{self.place.parent}/"
        return _exactly(text.removeprefix(base))


def _exactly(text: str) -> str:
    """Give the pattern that matches ``text`` and nothing else."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def _table(file: Path, keys: tuple[str, ...]) -> Any:
    try:
        found: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError as error:
        raise AllowListError(file, str(error)) from None
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _allowances(file: Path, table: Any) -> Iterator[Allowance]:
    entries = table.get("allow", []) if isinstance(table, dict) else None
    for entry in entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
            raise AllowListError(file, "allow is no list of tables with texts")
        if unknown := entry.keys() - _WORDS:
            raise AllowListError(file, f"it says {min(unknown)!r}, which means nothing here")
        if not entry.get("reason"):
            raise AllowListError(file, "an entry gives no reason")
        path = entry.get("path", "*")
        if not path.startswith(("/", "*")):
            path = f"{_exactly(str(file.parent))}/{path}"
        yield Allowance(entry.get("lint", "*"), entry.get("rule", "*"), path, entry["reason"])
