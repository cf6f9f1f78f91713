"""The tables, and how an older history becomes a newer one.

Integer keys throughout; what belongs to a run is keyed by (run, number), the number being the model's.
Texts (paths, arguments, environments, volumes) are kept once, in ``text``. Accesses are kept as
columns, as everywhere in PROBE: one compressed blob a column, with two more that give the rows of each
exec and of each version. (10^6 accesses as rows with the two indexes that lineage needs took 4.9 s and
56 MB; as columns 0.8 s and 15 MB, and a whole graph is read back twice as fast.)
"""

from __future__ import annotations

APPLICATION_ID = 0x50524F42  # "PROB": tells a history from any other SQLite file
PAGE_SIZE = 8192

TABLES = (
    """CREATE TABLE text (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE)""",
    """CREATE TABLE run (
        id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name BLOB, engine BLOB, command BLOB NOT NULL,
        directory BLOB NOT NULL, host BLOB NOT NULL, account BLOB NOT NULL, boot BLOB NOT NULL,
        started INTEGER, ended INTEGER, status INTEGER, state TEXT NOT NULL, outer_run TEXT, outer_step BLOB,
        facts TEXT NOT NULL, steps INTEGER NOT NULL, processes INTEGER NOT NULL, files INTEGER NOT NULL,
        gaps INTEGER NOT NULL)""",
    """CREATE TABLE step (
        run INTEGER NOT NULL, number INTEGER NOT NULL, key BLOB NOT NULL, engine BLOB, rule BLOB NOT NULL,
        name BLOB NOT NULL, attempt INTEGER NOT NULL, parent INTEGER, started INTEGER, ended INTEGER,
        status INTEGER, declaration TEXT,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE process (
        run INTEGER NOT NULL, number INTEGER NOT NULL, pid INTEGER NOT NULL, parent INTEGER, step INTEGER,
        started INTEGER, ended INTEGER, status INTEGER, user_time INTEGER, system_time INTEGER,
        peak_memory INTEGER, host INTEGER NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE exec (
        run INTEGER NOT NULL, number INTEGER NOT NULL, process INTEGER NOT NULL, previous INTEGER,
        forked INTEGER NOT NULL, step INTEGER, program INTEGER NOT NULL, arguments INTEGER NOT NULL,
        directory INTEGER NOT NULL, started INTEGER, ended INTEGER, environment INTEGER,
        libraries INTEGER NOT NULL, uid INTEGER,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE environment (
        run INTEGER NOT NULL, number INTEGER NOT NULL, variables INTEGER NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE version (
        run INTEGER NOT NULL, number INTEGER NOT NULL, path INTEGER NOT NULL, ordinal INTEGER NOT NULL,
        kind TEXT NOT NULL, digest BLOB, size INTEGER, modified INTEGER, changed INTEGER,
        device INTEGER, inode INTEGER, volume INTEGER NOT NULL, volume_path INTEGER NOT NULL, made_by INTEGER,
        made_at INTEGER, removed_by INTEGER, removed_at INTEGER, proof TEXT NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE channel (
        run INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, name BLOB NOT NULL,
        writers BLOB NOT NULL, readers BLOB NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE gap (
        run INTEGER NOT NULL, number INTEGER NOT NULL, reason TEXT NOT NULL, about BLOB NOT NULL,
        exec INTEGER, step INTEGER, detail BLOB NOT NULL, remedy BLOB NOT NULL,
        PRIMARY KEY (run, number)) WITHOUT ROWID""",
    """CREATE TABLE access (
        run INTEGER NOT NULL, part TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, part))""",
    """CREATE TABLE known (
        volume INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
        changed INTEGER NOT NULL, digest BLOB NOT NULL,
        PRIMARY KEY (inode, changed, size, modified, volume)) WITHOUT ROWID""",
    # Lineage: what was at a path, where else is this content, what did an exec make, who worked in a step.
    """CREATE INDEX version_path ON version (path) WHERE kind <> 'missing'""",
    """CREATE INDEX version_digest ON version (digest) WHERE digest IS NOT NULL""",
    """CREATE INDEX version_identity ON version (inode, changed)
        WHERE made_by IS NOT NULL OR digest IS NULL""",
    """CREATE INDEX version_maker ON version (run, made_by) WHERE made_by IS NOT NULL""",
    """CREATE INDEX exec_step ON exec (run, step)""",
    """CREATE INDEX run_started ON run (started)""",
)

# Parts of a run that go with it, in no particular order.
PARTS = ("step", "process", "exec", "environment", "version", "channel", "gap", "access")

# MIGRATIONS[n] makes a history of version n + 1 out of one of version n; TABLES is version 1.
MIGRATIONS: tuple[tuple[str, ...], ...] = (TABLES,)

# Every column that refers to text, for finding what nobody refers to any more.
REFERENCES = (
    *(("process", "host"), ("exec", "program"), ("exec", "arguments"), ("exec", "directory")),
    *(("exec", "libraries"), ("environment", "variables"), ("version", "path")),
    *(("version", "volume"), ("version", "volume_path"), ("known", "volume")),
)
