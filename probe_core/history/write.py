"""Putting a run into the database, and taking it out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe_core.history import schema
from probe_core.history.connection import Connection, Row
from probe_core.history.missing import is_plain, packed_missing, told
from probe_core.history.packing import (
    access_parts,
    packed_declaration,
    packed_digest,
    packed_facts,
    packed_numbers,
    packed_text,
    packed_texts,
    packed_variables,
    signed,
)
from probe_core.model import Act, RunGraph

CONTENT = frozenset({Act.READ, Act.WRITE, Act.INHERITED_READ, Act.INHERITED_WRITE, Act.EXECUTE, Act.LOAD})


def write_run(database: Connection, graph: RunGraph) -> None:
    """Put a run in, in place of one with the same id; inside a transaction."""
    before = database.one("SELECT id FROM run WHERE uuid = ?", (graph.run.id,))
    if before is None:
        (key,) = database.one("SELECT coalesce(max(id), 0) + 1 FROM run") or (1,)
    else:
        (key,) = before
        remove_parts(database, key)
        database.do("DELETE FROM run WHERE id = ?", (key,))
    database.many("run", [_run_row(key, graph)], 20)
    ids = intern(database, _texts(graph))
    for table, width, rows in (
        ("step", 12, _step_rows(key, graph)),
        ("process", 12, _process_rows(key, graph, ids)),
        ("exec", 14, _exec_rows(key, graph, ids)),
        ("environment", 3, _environment_rows(key, graph, ids)),
        ("version", 18, _version_rows(key, graph, ids)),
        ("channel", 6, _channel_rows(key, graph)),
        ("gap", 8, _gap_rows(key, graph)),
        ("access", 3, _access_rows(key, graph)),
    ):
        database.many(table, rows, width)


def remove_parts(database: Connection, key: int) -> None:
    """Delete all that belongs to a run but its own row; inside a transaction."""
    for table in schema.PARTS:
        database.do(f"DELETE FROM {table} WHERE run = ?", (key,))


def remove_unused_texts(database: Connection) -> None:
    """Delete the texts that nothing refers to any more; inside a transaction. Reads the whole history."""
    used = " UNION ".join(f"SELECT {column} FROM {table}" for table, column in schema.REFERENCES)
    database.do(f"DELETE FROM text WHERE id NOT IN (SELECT * FROM ({used}) AS used WHERE 1 = 1)")


def intern(database: Connection, bodies: Iterable[bytes]) -> dict[bytes, int]:
    """Give the ids of texts, adding those that are new; inside a transaction."""
    wanted = sorted(set(bodies))
    found = database.among("SELECT body, id FROM text WHERE body IN ({})", wanted)
    ids = {bytes(body): key for body, key in found}
    (last,) = database.one("SELECT coalesce(max(id), 0) FROM text") or (0,)
    new = {body: key for key, body in enumerate((one for one in wanted if one not in ids), last + 1)}
    database.many("text (body, id)", new.items(), 2)
    return ids | new


def _texts(graph: RunGraph) -> Iterator[bytes]:
    yield from (packed_text(one) or b"" for one in {process.host for process in graph.processes})
    for one in graph.execs:
        yield one.program
        yield one.directory
        yield packed_texts(one.arguments)
        yield packed_texts(one.libraries)
    yield from map(packed_variables, graph.environments)
    for version in told(graph.versions):
        if is_plain(version):
            continue
        yield version.path
        yield version.volume_path
    yield from (packed_text(one) or b"" for one in {version.volume for version in told(graph.versions)})


def _run_row(key: int, graph: RunGraph) -> Row:
    run = graph.run
    return (
        *(key, run.id, packed_text(run.name), packed_text(run.engine), packed_texts(run.command)),
        *(run.directory, packed_text(run.host), packed_text(run.user), packed_text(run.boot)),
        *(run.started, run.ended, run.status, run.state.value, run.outer_run, run.outer_step),
        *(
            packed_facts(run.facts),
            len(graph.steps),
            len(graph.processes),
            files_touched(graph),
            len(graph.gaps),
        ),
    )


def files_touched(graph: RunGraph) -> int:
    """Count the paths whose content was read or written."""
    touched = {
        version
        for version, act in zip(graph.accesses.version, graph.accesses.act, strict=True)
        if act in CONTENT
    }
    versions = graph.versions
    return len({versions[one].path for one in touched if versions[one].kind not in ("directory", "missing")})


def _step_rows(key: int, graph: RunGraph) -> Iterator[Row]:
    for one in graph.steps:
        yield (
            *(key, one.number, one.key, packed_text(one.engine), packed_text(one.rule)),
            *(packed_text(one.name), one.attempt, one.parent, one.started, one.ended, one.status),
            packed_declaration(one.declaration),
        )


def _process_rows(key: int, graph: RunGraph, ids: dict[bytes, int]) -> Iterator[Row]:
    for one in graph.processes:
        yield (
            *(key, one.number, one.pid, one.parent, one.step, one.started, one.ended, one.status),
            *(one.user_time, one.system_time, one.peak_memory, ids[packed_text(one.host) or b""]),
        )


def _exec_rows(key: int, graph: RunGraph, ids: dict[bytes, int]) -> Iterator[Row]:
    for one in graph.execs:
        yield (
            *(key, one.number, one.process, one.previous, int(one.forked), one.step, ids[one.program]),
            *(ids[packed_texts(one.arguments)], ids[one.directory], one.started, one.ended),
            *(one.environment, ids[packed_texts(one.libraries)], one.uid),
        )


def _environment_rows(key: int, graph: RunGraph, ids: dict[bytes, int]) -> Iterator[Row]:
    for number, variables in enumerate(graph.environments):
        yield key, number, ids[packed_variables(variables)]


def _version_rows(key: int, graph: RunGraph, ids: dict[bytes, int]) -> Iterator[Row]:
    volumes = {one: ids[packed_text(one) or b""] for one in {one.volume for one in told(graph.versions)}}
    for one in told(graph.versions):
        if is_plain(one):
            continue
        yield (
            *(key, one.number, ids[one.path], one.ordinal, one.kind),
            packed_digest(one.digest),
            *(one.size, one.modified, one.changed, signed(one.device), signed(one.inode)),
            *(volumes[one.volume], ids[one.volume_path], one.made_by, one.made_at),
            *(one.removed_by, one.removed_at, one.proof.value),
        )


def _channel_rows(key: int, graph: RunGraph) -> Iterator[Row]:
    for one in graph.channels:
        writers, readers = packed_numbers(one.writers), packed_numbers(one.readers)
        yield key, one.number, one.kind, packed_text(one.name), writers, readers


def _gap_rows(key: int, graph: RunGraph) -> Iterator[Row]:
    for number, one in enumerate(graph.gaps):
        detail, remedy = packed_text(one.detail), packed_text(one.remedy)
        yield key, number, one.reason.value, one.about, one.exec, one.step, detail, remedy


def _access_rows(key: int, graph: RunGraph) -> Iterator[Row]:
    for name, body in access_parts(graph.accesses, len(graph.execs), len(graph.versions)):
        yield key, name, body
    yield key, "missing", packed_missing(graph.versions)
