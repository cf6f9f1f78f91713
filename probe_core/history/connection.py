"""The only place that talks to a database driver: opening, checking, migrating, naming faults."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from probe_core.errors import HistoryError
from probe_core.history import schema
from probe_core.history.place import is_shared, make_file

Row = tuple[Any, ...]
BUSY = 60.0  # seconds to wait for another `probe` that writes; it may be niced, on a busy machine
CHUNK = 500  # values in one IN (…): below every database's limit


class Connection:
    """A history's database: statements with ``?`` marks, transactions, and HistoryError for what fails."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        make_file(path)
        self.writable = os.access(path, os.W_OK)
        with self._named_errors():
            self._driver = _connect(path, writable=self.writable)
        try:
            with self._named_errors():
                self._check(path)
        except BaseException:
            self._driver.close()
            raise

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Give all rows of a question."""
        with self._named_errors():
            return self._driver.execute(statement, values).fetchall()

    def one(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """Give the first row of a question, if any."""
        with self._named_errors():
            row: Row | None = self._driver.execute(statement, values).fetchone()
            return row

    def among(self, statement: str, wanted: Iterable[Any], before: Sequence[Any] = ()) -> Iterator[Row]:
        """Ask with ``wanted`` in place of ``{}`` (``… IN ({})``), in chunks; ``before``: earlier values."""
        values = list(wanted)
        for begin in range(0, len(values), CHUNK):
            chunk = values[begin : begin + CHUNK]
            yield from self.all(statement.format(",".join("?" * len(chunk))), (*before, *chunk))

    def do(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement; inside `transaction`."""
        with self._named_errors():
            self._driver.execute(statement, values)

    def many(self, table: str, rows: Iterable[Row], width: int, *, ignore: bool = False) -> None:
        """Insert rows of ``width`` values; ``ignore``: leave those that are there already."""
        end = " ON CONFLICT DO NOTHING" if ignore else ""
        with self._named_errors():
            self._driver.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * width)}){end}", rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all that is inside, or nothing of it."""
        with self._named_errors():
            self._driver.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._named_errors():
                self._driver.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back already
                self._driver.execute("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See one state of the database in all questions inside."""
        with self._named_errors():
            self._driver.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._driver.execute("COMMIT")

    def sweep(self) -> None:
        """Overwrite what is deleted in the next transaction, instead of only letting go of it."""
        self.do("PRAGMA secure_delete = ON")

    def close(self) -> None:
        """Let go of the database."""
        with suppress(sqlite3.Error):
            self._driver.close()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HistoryError(self.place, _sentence(error)) from error

    def _check(self, path: Path) -> None:
        """Refuse what is not a history or is too new; make or migrate what is older."""
        version = self._version()
        if version == len(schema.MIGRATIONS):
            return
        if version > len(schema.MIGRATIONS):
            raise HistoryError(
                self.place,
                f"it was written by a newer PROBE (its version is {version}, this one knows "
                f"{len(schema.MIGRATIONS)}); upgrade PROBE, or name another with --history",
            )
        if not self.writable:
            raise HistoryError(self.place, "it must be brought up to date first, and cannot be written")
        if version == 0:
            self._driver.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
        if version == 0 and not is_shared(path):
            self._write_ahead()
        with self.transaction():
            for statements in schema.MIGRATIONS[self._version() :]:  # another process may have been first
                for statement in statements:
                    self._driver.execute(statement)
            self._driver.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._driver.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")

    def _write_ahead(self) -> None:
        """Keep a write-ahead log. SQLite does not wait by itself while another process asks for the same."""
        until = time.monotonic() + BUSY
        while True:
            try:
                self._driver.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return

    def _version(self) -> int:
        """Give the schema's version, 0 for an empty file; raise for a database that is something else."""
        (version,) = self._driver.execute("PRAGMA user_version").fetchone()
        (application,) = self._driver.execute("PRAGMA application_id").fetchone()
        if application == schema.APPLICATION_ID:
            return int(version)
        if (
            self._driver.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)
            or version
            or application
        ):
            raise HistoryError(self.place, "it is a database of something else; name another with --history")
        return 0


def _connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open the file; one that may not be written is read as it stands."""
    target = f"file:{quote(os.fsencode(path))}"
    if not writable:
        still = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
        target += "?mode=ro" + ("&immutable=1" if still else "")
    driver = sqlite3.connect(target, uri=True, timeout=BUSY, isolation_level=None)
    driver.execute("PRAGMA synchronous = NORMAL")
    driver.execute("PRAGMA cache_size = -32768")  # KiB
    return driver


def _sentence(error: sqlite3.Error) -> str:
    """Say in our words what the database could not do."""
    text = str(error)
    for known, words in (
        ("file is not a database", "it is not a history, and was left as it is; name another with --history"),
        ("locked", "another program keeps it locked; try again"),
        ("malformed", "it is damaged; move it away, or restore a copy"),
        ("disk is full", "the disk is full; nothing of the run was lost from the spool"),
        ("readonly", "it cannot be written"),
        ("unable to open", "it cannot be opened"),
        ("disk I/O", "reading or writing it failed"),
    ):
        if known in text:
            return words
    return text
