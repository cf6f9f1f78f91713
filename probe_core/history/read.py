"""Making the model's objects out of rows: whole runs, and the few that a question needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from operator import attrgetter

from probe_core.history.connection import Connection, Row
from probe_core.history.interface import RunSummary
from probe_core.history.missing import missing
from probe_core.history.packing import (
    COLUMNS,
    column,
    declaration,
    digest,
    maybe_text,
    numbers,
    text,
    texts,
    unsigned,
    variables,
)
from probe_core.model import (
    Accesses,
    Channel,
    Exec,
    FileVersion,
    Gap,
    GapReason,
    Process,
    Proof,
    Run,
    RunGraph,
    RunState,
    Step,
    Variable,
)

RUN = (
    "SELECT uuid, name, engine, command, directory, host, account, boot, started, ended, status, state, "
    "outer_run, outer_step, facts FROM run WHERE id = ?"
)
SUMMARY = (
    "SELECT uuid, name, engine, command, directory, host, started, ended, status, state, outer_run, "
    "steps, processes, files, gaps FROM run ORDER BY coalesce(started, 0) DESC, id DESC"
)
STEPS = (
    "SELECT number, key, engine, rule, name, attempt, parent, started, ended, status, declaration "
    "FROM step WHERE run = ?"
)
EXECS = (
    "SELECT number, process, previous, forked, step, program.body, arguments.body, directory.body, "
    "started, ended, environment, libraries.body, uid FROM exec "
    "JOIN text AS program ON program.id = program JOIN text AS arguments ON arguments.id = arguments "
    "JOIN text AS directory ON directory.id = directory JOIN text AS libraries ON libraries.id = libraries "
    "WHERE run = ?"
)
VERSIONS = (
    "SELECT number, path.body, ordinal, kind, digest, size, modified, changed, device, inode, "
    "volume.body, volume_path.body, made_by, made_at, removed_by, removed_at, proof, run FROM version "
    "JOIN text AS path ON path.id = path JOIN text AS volume ON volume.id = volume "
    "JOIN text AS volume_path ON volume_path.id = volume_path"
)


def read_run(database: Connection, key: int) -> Run:
    """Read a run's own row."""
    row = database.one(RUN, (key,))
    assert row is not None
    uuid, name, engine, command, directory, host, user, boot, *times, state, outer, outer_step, facts = row
    return Run(
        *(uuid, maybe_text(name), maybe_text(engine), texts(command), directory, text(host), text(user)),
        *(text(boot), *times, RunState(state), outer, outer_step, json.loads(facts)),
    )


def read_summaries(database: Connection, limit: int | None) -> list[RunSummary]:
    """Read what a list of runs shows, the newest first."""
    end = "" if limit is None else f" LIMIT {int(limit)}"
    found = []
    for row in database.all(SUMMARY + end):
        uuid, name, engine, command, directory, host, started, ended, status, state, *rest = row
        values: Row = (
            *(uuid, maybe_text(name), maybe_text(engine), texts(command), directory, text(host)),
            *(started, ended, status, RunState(state), *rest),
        )
        found.append(RunSummary(*values))
    return found


def read_steps(database: Connection, key: int) -> list[Step]:
    """Read a run's steps."""
    return list(steps(database.all(STEPS + " ORDER BY number", (key,))))


def steps(rows: Iterable[Row]) -> Iterator[Step]:
    """Make steps of rows of STEPS."""
    for number, step_key, engine, rule, name, *rest, body in rows:
        head: Row = (number, step_key, maybe_text(engine), text(rule), text(name))
        values: Row = (*head, *rest, declaration(body))
        yield Step(*values)


def execs(rows: Iterable[Row]) -> Iterator[Exec]:
    """Make execs of rows of EXECS."""
    split: dict[bytes, tuple[bytes, ...]] = {}
    for (
        number,
        process,
        previous,
        forked,
        step,
        program,
        arguments,
        directory,
        *times,
        libraries,
        uid,
    ) in rows:
        if libraries not in split:  # a few lists stand for all execs
            split[libraries] = texts(libraries)
        values: Row = (
            *(number, process, previous, bool(forked), step, program, texts(arguments), directory, *times),
            *(split[libraries], uid),
        )
        yield Exec(*values)


def version(row: Row) -> FileVersion:
    """Make a file version of a row of VERSIONS."""
    number, path, ordinal, kind, content, size, modified, changed, device, inode, volume, *rest, proof, _ = (
        row
    )
    return FileVersion(
        *(number, path, ordinal, kind, digest(content), size, modified, changed),
        *(unsigned(device), unsigned(inode), text(volume), *rest, Proof(proof)),
    )


def _versions(database: Connection, key: int) -> list[FileVersion]:
    """Give all versions of a run: those with rows, and those that were only missing."""
    found = [version(row) for row in database.all(VERSIONS + " WHERE run = ? ORDER BY number", (key,))]
    absent = list(missing(read_part(database, key, "missing")))
    return sorted((*found, *absent), key=attrgetter("number")) if absent else found


def read_processes(database: Connection, key: int) -> list[Process]:
    """Read a run's processes."""
    statement = (
        "SELECT number, pid, parent, step, started, ended, status, user_time, system_time, peak_memory, "
        "host.body FROM process JOIN text AS host ON host.id = host WHERE run = ? ORDER BY number"
    )
    rows: list[Row] = [(*rest, text(host)) for *rest, host in database.all(statement, (key,))]
    return [Process(*row) for row in rows]


def read_channels(database: Connection, key: int) -> list[Channel]:
    """Read a run's channels."""
    statement = "SELECT number, kind, name, writers, readers FROM channel WHERE run = ? ORDER BY number"
    return [
        Channel(number, kind, text(name), numbers(writers), numbers(readers))
        for number, kind, name, writers, readers in database.all(statement, (key,))
    ]


def read_gaps(database: Connection, key: int) -> list[Gap]:
    """Read a run's gaps."""
    statement = "SELECT reason, about, exec, step, detail, remedy FROM gap WHERE run = ? ORDER BY number"
    rows: list[Row] = [
        (GapReason(reason), *rest, text(detail), text(remedy))
        for reason, *rest, detail, remedy in database.all(statement, (key,))
    ]
    return [Gap(*row) for row in rows]


def read_environments(database: Connection, key: int) -> list[tuple[Variable, ...]]:
    """Read a run's environments."""
    statement = (
        "SELECT body FROM environment JOIN text ON text.id = variables WHERE run = ? "
        "ORDER BY environment.number"
    )
    return [variables(body) for (body,) in database.all(statement, (key,))]


def read_part(database: Connection, key: int, name: str) -> bytes:
    """Read one packed part of a run's accesses."""
    row = database.one("SELECT body FROM access WHERE run = ? AND part = ?", (key, name))
    assert row is not None
    return bytes(row[0])


def read_graph(database: Connection, key: int) -> RunGraph:
    """Read all that is known of a run."""
    columns = {name: column(code, read_part(database, key, name)) for name, code in COLUMNS.items()}
    return RunGraph(
        run=read_run(database, key),
        steps=read_steps(database, key),
        processes=read_processes(database, key),
        execs=list(execs(database.all(EXECS + " ORDER BY number", (key,)))),
        versions=_versions(database, key),
        accesses=Accesses(**columns),
        channels=read_channels(database, key),
        gaps=read_gaps(database, key),
        environments=read_environments(database, key),
    )  # fmt: skip
