"""The history in one SQLite file."""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from probe_core.errors import HistoryError, UnknownRun
from probe_core.history.connection import Connection, Row
from probe_core.history.interface import History, Identity, Kept, Rows, RunSummary
from probe_core.history.missing import missing
from probe_core.history.packing import (
    COLUMNS,
    column,
    digest,
    packed_digest,
    packed_text,
    signed,
    text,
    unsigned,
)
from probe_core.history.place import history_file
from probe_core.history.read import (
    EXECS,
    STEPS,
    VERSIONS,
    execs,
    read_channels,
    read_graph,
    read_part,
    read_run,
    read_steps,
    read_summaries,
    steps,
    version,
)
from probe_core.history.write import intern, remove_parts, remove_unused_texts, write_run
from probe_core.model import Channel, Exec, FileVersion, Run, RunGraph, Step

_LATEST = re.compile(r"@(?:-(\d+))?\Z")
KNOWN = (
    "SELECT digest FROM known WHERE inode = ? AND changed = ? AND size = ? AND modified = ? "
    "AND volume = (SELECT id FROM text WHERE body = ?)"
)
_NEWEST = "coalesce(started, 0) DESC, id DESC"


def open_sqlite(place: str | Path | None) -> History:
    """Open, or make, the history in a file; see `probe_core.history.open_history`."""
    return SqliteHistory(history_file(place))


class SqliteHistory(History):
    """A history in one file. One process at a time writes; others wait for it."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._database = Connection(path)
        self._keys: dict[str, int] = {}
        self._columns: dict[tuple[int, str], array[int]] = {}
        self._runs: dict[int, Run] = {}

    def store(self, graph: RunGraph) -> None:
        with self._database.transaction():
            write_run(self._database, graph)
        self._let_go()

    def forget(self, run_id: str) -> None:
        key = self._key(run_id)
        self._database.sweep()
        with self._database.transaction():
            remove_parts(self._database, key)
            self._database.do("DELETE FROM run WHERE id = ?", (key,))
            remove_unused_texts(self._database)
        self._let_go()

    def runs(self, limit: int | None = None) -> list[RunSummary]:
        return read_summaries(self._database, limit)

    def find_run(self, name: str) -> str:
        latest = _LATEST.match(name)
        if latest:
            row = self._database.one(
                f"SELECT uuid FROM run WHERE outer_run IS NULL ORDER BY {_NEWEST} LIMIT 1 OFFSET ?",
                (min(int(latest[1] or 0), 1 << 40),),
            )
            if row is None:
                (known,) = self._database.all("SELECT count(*) FROM run WHERE outer_run IS NULL")
                raise UnknownRun(name, known=known[0])
            return str(row[0])
        if row := self._database.one("SELECT uuid FROM run WHERE uuid = ?", (name.lower(),)):
            return str(row[0])
        called = f"SELECT uuid FROM run WHERE name = ? ORDER BY {_NEWEST} LIMIT 1"
        if row := self._database.one(called, (packed_text(name),)):
            return str(row[0])
        if not re.fullmatch(r"[0-9a-f-]+", name.lower()):
            raise UnknownRun(name)
        begins = f"SELECT uuid FROM run WHERE uuid LIKE ? ORDER BY {_NEWEST} LIMIT 6"
        return self._found(name, self._database.all(begins, (name.lower() + "%",)))

    def graph(self, run_id: str) -> RunGraph:
        with self._database.snapshot():
            key = self._key(run_id)
            try:
                return read_graph(self._database, key)
            except (AssertionError, LookupError, ValueError, TypeError, zlib.error) as error:
                # No disk is perfect: one damaged run must not look like a fault of the whole.
                short = run_id[:8]
                advice = f"what it holds of run {short} is damaged; `probe forget {short}` removes that run"
                raise HistoryError(self.place, advice) from error

    def versions_at(self, path: bytes) -> list[Kept]:
        return self._kept(
            "path = (SELECT id FROM text WHERE body = ?) AND version.kind <> 'missing'", (path,)
        )

    def versions_with_digest(self, content: str) -> list[Kept]:
        return self._kept("digest = ?", (packed_digest(content),))

    def versions_made_with(self, contents: Iterable[str]) -> list[Kept]:
        statement = VERSIONS + " WHERE digest IN ({}) AND made_by IS NOT NULL"
        return self._newest_first(list(self._database.among(statement, map(packed_digest, set(contents)))))

    def versions_with_identity(self, version: FileVersion) -> list[Kept]:
        if version.inode is None or version.changed is None or not version.volume:
            return []
        return self._kept(
            "inode = ? AND changed = ? AND (made_by IS NOT NULL OR digest IS NULL) AND size = ? "
            "AND modified = ? AND volume = (SELECT id FROM text WHERE body = ?)",
            (
                signed(version.inode),
                version.changed,
                version.size,
                version.modified,
                packed_text(version.volume),
            ),
        )

    def run(self, run_id: str) -> Run:
        key = self._key(run_id)
        if key not in self._runs:
            self._runs[key] = read_run(self._database, key)
        return self._runs[key]

    def steps(self, run_id: str) -> list[Step]:
        return read_steps(self._database, self._key(run_id))

    def step(self, run_id: str, number: int) -> Step:
        row = self._database.one(STEPS + " AND number = ?", (self._key(run_id), number))
        return next(steps([row] if row else []))

    def channels(self, run_id: str) -> list[Channel]:
        return read_channels(self._database, self._key(run_id))

    def execs(self, run_id: str, numbers: Iterable[int]) -> dict[int, Exec]:
        statement, before = EXECS + " AND number IN ({})", (self._key(run_id),)
        return {one.number: one for one in execs(self._database.among(statement, numbers, before))}

    def execs_of_step(self, run_id: str, step: int | None) -> list[int]:
        which = "step IS NULL" if step is None else "step = ?"
        values = (self._key(run_id),) if step is None else (self._key(run_id), step)
        statement = f"SELECT number FROM exec WHERE run = ? AND {which} ORDER BY number"
        return [number for (number,) in self._database.all(statement, values)]

    def execs_forked_from(self, run_id: str, numbers: Iterable[int]) -> list[int]:
        statement = (
            "SELECT number FROM exec WHERE run = ? AND forked = 1 AND previous IN ({}) ORDER BY number"
        )
        return [number for (number,) in self._database.among(statement, numbers, (self._key(run_id),))]

    def versions(self, run_id: str, numbers: Iterable[int]) -> dict[int, FileVersion]:
        key, wanted = self._key(run_id), set(numbers)
        statement = VERSIONS + " WHERE run = ? AND number IN ({})"
        found = {one.number: one for one in map(version, self._database.among(statement, wanted, (key,)))}
        if absent := wanted - found.keys():
            some = missing(read_part(self._database, key, "missing"))
            found |= {one.number: one for one in some if one.number in absent}
        return found

    def versions_made_by(self, run_id: str, execs: Sequence[int]) -> list[FileVersion]:
        statement = VERSIONS + " WHERE run = ? AND made_by IN ({}) ORDER BY number"
        return [version(row) for row in self._database.among(statement, execs, (self._key(run_id),))]

    def accesses_by(self, run_id: str, execs: Iterable[int]) -> Rows:
        return self._rows(run_id, "exec", execs)

    def accesses_to(self, run_id: str, versions: Iterable[int]) -> Rows:
        return self._rows(run_id, "version", versions)

    def known_digests(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        wanted = set(identities)
        statement = (
            "SELECT volume.body, inode, size, modified, changed, digest FROM known "
            "JOIN text AS volume ON volume.id = volume "
            "WHERE inode IN ({})"
        )
        found = {}
        for volume, inode, *rest, content in self._database.among(
            statement, {signed(one[1]) for one in wanted}
        ):
            key: Identity = (text(volume), unsigned(inode) or 0, rest[0], rest[1], rest[2])
            if key in wanted:
                found[key] = digest(content) or ""
        return found

    def known(self, volume: str, inode: int, size: int, modified: int, changed: int) -> str | None:
        row = self._database.one(KNOWN, (signed(inode), changed, size, modified, packed_text(volume)))
        return None if row is None else digest(row[0])

    def learn_digests(self, digests: Mapping[Identity, str]) -> None:
        with self._database.transaction():
            volumes = {one[0]: packed_text(one[0]) or b"" for one in digests}
            ids = intern(self._database, volumes.values())
            rows = (
                (ids[volumes[volume]], signed(inode), *rest, packed_digest(content))
                for (volume, inode, *rest), content in digests.items()
            )
            self._database.many("known", rows, 6, ignore=True)

    def close(self) -> None:
        self._database.close()

    def _key(self, run_id: str) -> int:
        if run_id not in self._keys:
            row = self._database.one("SELECT id FROM run WHERE uuid = ?", (run_id,))
            if row is None:
                raise UnknownRun(run_id)
            self._keys[run_id] = row[0]
        return self._keys[run_id]

    def _let_go(self) -> None:
        """Forget what was looked up: a run may have been replaced."""
        for cache in (self._keys, self._columns, self._runs):
            cache.clear()

    def _found(self, name: str, rows: Sequence[tuple[str, ...]]) -> str:
        if len(rows) != 1:
            raise UnknownRun(name, tuple(row[0] for row in rows))
        return rows[0][0]

    def _kept(self, condition: str, values: tuple[object, ...]) -> list[Kept]:
        """Give versions by a condition, the newest first: by run, then by when they came to be there."""
        return self._newest_first(self._database.all(f"{VERSIONS} WHERE {condition}", values))

    def _newest_first(self, rows: list[Row]) -> list[Kept]:
        runs = {
            key: (started or 0, key, uuid)
            for key, uuid, started in self._database.among(
                "SELECT id, uuid, started FROM run WHERE id IN ({})", {row[-1] for row in rows}
            )
        }
        rows.sort(key=lambda row: (runs[row[-1]], row[2], row[0]), reverse=True)
        return [Kept(runs[row[-1]][2], version(row)) for row in rows]

    def _rows(self, run_id: str, by: str, keys: Iterable[int]) -> Rows:
        key = self._key(run_id)
        order, starts = self._column(key, f"{by}-rows"), self._column(key, f"{by}-starts")
        wanted = array("I", sorted(set(self._slices(order, starts, keys))))
        execs, versions, acts = (self._column(key, one) for one in ("exec", "version", "act"))
        return Rows(
            array("I", map(execs.__getitem__, wanted)),
            array("I", map(versions.__getitem__, wanted)),
            array("B", map(acts.__getitem__, wanted)),
        )

    @staticmethod
    def _slices(order: array[int], starts: array[int], keys: Iterable[int]) -> Iterator[int]:
        for one in keys:
            yield from order[starts[one] : starts[one + 1]]

    def _column(self, key: int, name: str) -> array[int]:
        if (key, name) not in self._columns:
            code = COLUMNS.get(name, "I")
            self._columns[key, name] = column(code, read_part(self._database, key, name))
        return self._columns[key, name]
