"""Synthetic runs for tests: say what happened, get the RunGraph.

    run = Building("first")
    step = run.step("clean", inputs=[b"/w/raw.csv"], outputs=[b"/w/clean.csv"])
    script = run.exec(b"/usr/bin/python3", step=step)
    run.read(script, b"/w/raw.csv", digest="a")
    run.write(script, b"/w/clean.csv", digest="b")
    graph = run.graph()

Digests may be short words: they are spelled out to "sha256:…". Times tick by one second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from probe_core.model import (
    Act,
    Channel,
    Declaration,
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

SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND


def spelled(digest: str | None) -> str | None:
    """Spell a short word out to a SHA-256 digest; whole digests and None stay."""
    if digest is None or ":" in digest:
        return digest
    return "sha256:" + hashlib.sha256(digest.encode()).hexdigest()


class Building:
    """One run under construction. Numbers given back are those of the model."""

    def __init__(
        self,
        name: str | None = "run",
        *,
        begin: int = BEGIN,
        directory: bytes = b"/w",
        engine: str | None = None,
        command: Iterable[bytes] = (b"make",),
        host: str = "box",
        outer_run: str | None = None,
        outer_step: bytes | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.now = begin
        identity = str(uuid5(NAMESPACE_URL, f"{name} {begin}"))
        run = Run(
            identity, name, engine, tuple(command), directory, host, "al", "boot", begin, None, 0,
            RunState.ENDED, outer_run, outer_step, facts or {},
        )  # fmt: skip
        self._graph = RunGraph(run)
        self._last: dict[bytes, int] = {}

    def tick(self) -> int:
        """Move the clock on by a second."""
        self.now += SECOND
        return self.now

    def step(
        self,
        rule: str,
        *,
        inputs: Iterable[bytes] = (),
        outputs: Iterable[bytes] = (),
        logs: Iterable[bytes] = (),
        order_only: Iterable[bytes] = (),
        parent: int | None = None,
        declared: bool = True,
        engine: str = "toy",
        name: str | None = None,
        attempt: int = 1,
        status: int | None = 0,
        facts: Mapping[str, Any] | None = None,
    ) -> int:
        """Begin a step; with ``declared=False`` processes carried a key that nobody declared."""
        number, key = len(self._graph.steps), f"{engine}:{len(self._graph.steps)}".encode()
        started = self.tick()
        declaration = Declaration(
            key, engine, rule, name or rule, attempt,
            tuple(inputs), tuple(outputs), tuple(order_only), tuple(logs), started,
            None, status, self._graph.run.directory,
            None if parent is None else self._graph.steps[parent].key, facts or {},
        )  # fmt: skip
        step = Step(
            number, key, engine, rule, name or rule, attempt, parent, started, None, status,
            declaration if declared else None,
        )  # fmt: skip
        self._graph.steps.append(step)
        return number

    def process(self, *, parent: int | None = None, step: int | None = None, status: int | None = 0) -> int:
        """Begin a process."""
        number = len(self._graph.processes)
        one = Process(number, 1000 + number, parent, step, self.tick(), None, status, 1500, 300, 4096, "box")
        self._graph.processes.append(one)
        return number

    def exec(
        self,
        program: bytes = b"/usr/bin/sh",
        *,
        step: int | None = None,
        process: int | None = None,
        parent: int | None = None,
        previous: int | None = None,
        forked: bool = False,
        arguments: Iterable[bytes] | None = None,
        environment: Iterable[Variable] | None = None,
    ) -> int:
        """Begin a program, in a new process unless one is given (``parent``: the new process's parent)."""
        if process is None:
            process = self.process(parent=parent, step=step)
        number = len(self._graph.execs)
        place = None
        if environment is not None:
            place = len(self._graph.environments)
            self._graph.environments.append(tuple(environment))
        words = (program.rpartition(b"/")[2],) if arguments is None else tuple(arguments)
        one = Exec(
            number, process, previous, forked, step, program, words, self._graph.run.directory, self.tick(),
            None, place, (), 1000,
        )  # fmt: skip
        self._graph.execs.append(one)
        return number

    def found(self, path: bytes, *, digest: str | None = None, kind: str = "file", **more: Any) -> int:
        """Give the newest version of ``path``; where there is none, the one that was there before."""
        if path not in self._last:
            self._version(path, digest, kind, None, None, more)
        return self._last[path]

    def read(
        self,
        by: int,
        path: bytes,
        *,
        digest: str | None = None,
        act: Act = Act.READ,
        kind: str = "file",
        count: int = 1,
        **more: Any,
    ) -> int:
        """Read (or list, look up, execute … by ``act``) the newest version of ``path``."""
        version = self.found(path, digest=digest, kind=kind, **more)
        self.access(by, version, act, count=count)
        return version

    def write(
        self,
        by: int,
        path: bytes,
        *,
        digest: str | None = None,
        act: Act = Act.WRITE,
        kind: str = "file",
        **more: Any,
    ) -> int:
        """Make a new version of ``path``."""
        version = self._version(path, digest, kind, by, self.now + SECOND, more)
        self.access(by, version, act)
        return version

    def remove(self, by: int, path: bytes) -> int:
        """Remove the newest version of ``path``."""
        version = self.found(path)
        self.access(by, version, Act.REMOVE)
        self._graph.versions[version] = replace(
            self._graph.versions[version], removed_by=by, removed_at=self.now, proof=Proof.GONE
        )
        return version

    def access(self, by: int, version: int, act: Act, *, count: int = 1, error: int = 0) -> None:
        """Add one row to the accesses."""
        table, when = self._graph.accesses, self.tick()
        table.exec.append(by)
        table.version.append(version)
        table.act.append(act)
        table.first.append(when)
        table.last.append(when)
        table.count.append(count)
        table.error.append(error)

    def pipe(
        self, writers: Iterable[int], readers: Iterable[int], name: str = "pipe:[1]", kind: str = "pipe"
    ) -> int:
        """Join execs by a channel."""
        number = len(self._graph.channels)
        self._graph.channels.append(Channel(number, kind, name, tuple(writers), tuple(readers)))
        return number

    def gap(
        self, reason: GapReason, about: bytes = b"", *, exec: int | None = None, step: int | None = None
    ) -> None:
        """Add a gap."""
        self._graph.gaps.append(
            Gap(reason, about, exec, step, f"{reason} was not seen", "do something about it")
        )

    def graph(self, **changes: Any) -> RunGraph:
        """Give the run, ended now; ``changes`` are fields of its Run."""
        end = self.tick()
        whole = self._graph
        whole.run = replace(whole.run, **({"ended": end} | changes))
        whole.steps[:] = [replace(one, ended=one.ended or end) for one in whole.steps]
        whole.processes[:] = [replace(one, ended=one.ended or end) for one in whole.processes]
        whole.execs[:] = [replace(one, ended=one.ended or end) for one in whole.execs]
        return whole

    def _version(
        self,
        path: bytes,
        digest: str | None,
        kind: str,
        by: int | None,
        at: int | None,
        more: Mapping[str, Any],
    ) -> int:
        number = len(self._graph.versions)
        before = self._last.get(path)
        ordinal = 0 if before is None and by is None else 1
        if before is not None:
            ordinal = self._graph.versions[before].ordinal + 1
        inode = 100 + sum(path)
        changed = at if at is not None else BEGIN - SECOND
        version = FileVersion(
            number, path, ordinal, kind, spelled(digest), 10, changed, changed, 8, inode, "uuid:disk", path,
            by, at, proof=Proof.PROVED,
        )  # fmt: skip
        self._graph.versions.append(replace(version, **more))
        self._last[path] = number
        return number
