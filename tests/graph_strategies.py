"""Hypothesis strategies for whole RunGraphs: everything the model allows, sensible or not."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from probe_core.model import (
    Accesses,
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

# What the system calls text: any bytes but NUL. What Python calls text: lone surrogates too.
names = st.binary(max_size=8).map(lambda body: body.replace(b"\0", b""))
words = st.text(st.characters(), max_size=6)
times = st.none() | st.integers(0, 2**62)
small = st.integers(0, 2**31 - 1)
large = st.integers(0, 2**64 - 1)
maybe = st.none() | small
lists = st.lists(names, max_size=3).map(tuple)
facts = st.dictionaries(
    words, words | small | st.booleans() | st.none() | st.lists(words, max_size=2), max_size=2
)
digests = st.none() | st.binary(min_size=32, max_size=32).map(lambda body: "sha256:" + body.hex()) | words


def numbered(model: Any, count: int, **fields: Any) -> st.SearchStrategy[list[Any]]:
    """Lists of ``count`` things, numbered from 0."""
    return st.tuples(*(st.builds(model, number=st.just(number), **fields) for number in range(count))).map(
        list
    )


declarations = st.builds(
    Declaration,
    key=names,
    engine=words,
    rule=words,
    name=words,
    attempt=small,
    inputs=lists,
    outputs=lists,
    order_only=lists,
    logs=lists,
    started=times,
    ended=times,
    status=maybe,
    directory=st.none() | names,
    outer=st.none() | names,
    facts=facts,
)
runs = st.builds(
    Run,
    id=st.uuids().map(str),
    name=st.none() | words,
    engine=st.none() | words,
    command=lists,
    directory=names,
    host=words,
    user=words,
    boot=words,
    started=times,
    ended=times,
    status=maybe,
    state=st.sampled_from(RunState),
    outer_run=st.none() | st.uuids().map(str),
    outer_step=st.none() | names,
    facts=facts,
)
variables = st.builds(Variable, name=names, digest=large, value=st.none() | names)


def file_versions(number: int) -> st.SearchStrategy[FileVersion]:
    """A version; often one that was only missing, as most are in life."""
    any_version = st.builds(
        FileVersion,
        number=st.just(number),
        path=names,
        ordinal=small,
        kind=st.sampled_from(["file", "directory", "symlink", "fifo", "socket", "device", "missing"]),
        digest=digests,
        size=maybe,
        modified=times,
        changed=times,
        device=st.none() | large,
        inode=st.none() | large,
        volume=words,
        volume_path=names,
        made_by=maybe,
        made_at=times,
        removed_by=maybe,
        removed_at=times,
        proof=st.sampled_from(Proof),
    )
    absent = ("digest", "size", "modified", "changed", "device", "inode", "made_by", "made_at")
    nothing = dict.fromkeys((*absent, "removed_by", "removed_at"))
    only_missing = any_version.map(lambda one: replace(one, kind="missing", **nothing))
    at_its_path = only_missing.map(lambda one: replace(one, volume_path=one.path))
    return any_version | only_missing | at_its_path


@st.composite
def accesses(draw: st.DrawFn, execs: int, versions: int) -> Accesses:
    """Accesses of existing execs to existing versions."""
    if not execs or not versions:
        return Accesses()
    row = st.tuples(
        st.integers(0, execs - 1),
        st.integers(0, versions - 1),
        st.sampled_from(Act).map(int),
        st.integers(0, 2**62),
        st.integers(0, 2**62),
        st.integers(0, 2**32 - 1),
        st.integers(0, 255),
    )
    columns = list(zip(*draw(st.lists(row, max_size=12)), strict=True)) or [()] * 7
    return Accesses(*(array(code, column) for code, column in zip("IIBqqIB", columns, strict=True)))


@st.composite
def run_graphs(draw: st.DrawFn, run: st.SearchStrategy[Run] = runs) -> RunGraph:
    """Whole graphs; numbers in them need not make sense, but each access has its exec and version."""
    execs, versions = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    counts = st.integers(0, 3)
    return RunGraph(
        run=draw(run),
        steps=draw(
            counts.flatmap(
                lambda count: numbered(
                    Step,
                    count,
                    key=names,
                    engine=st.none() | words,
                    rule=words,
                    name=words,
                    attempt=small,
                    parent=maybe,
                    started=times,
                    ended=times,
                    status=maybe,
                    declaration=st.none() | declarations,
                )
            )
        ),
        processes=draw(
            counts.flatmap(
                lambda count: numbered(
                    Process,
                    count,
                    pid=small,
                    parent=maybe,
                    step=maybe,
                    started=times,
                    ended=times,
                    status=maybe,
                    user_time=maybe,
                    system_time=maybe,
                    peak_memory=maybe,
                    host=words,
                )
            )
        ),
        execs=draw(
            numbered(
                Exec,
                execs,
                process=small,
                previous=maybe,
                forked=st.booleans(),
                step=maybe,
                program=names,
                arguments=lists,
                directory=names,
                started=times,
                ended=times,
                environment=maybe,
                libraries=lists,
                uid=maybe,
            )
        ),
        versions=[draw(file_versions(number)) for number in range(versions)],
        accesses=draw(accesses(execs, versions)),
        channels=draw(
            counts.flatmap(
                lambda count: numbered(
                    Channel,
                    count,
                    kind=st.sampled_from(["pipe", "socket", "remote"]),
                    name=words,
                    writers=st.lists(small, max_size=3).map(tuple),
                    readers=st.lists(small, max_size=3).map(tuple),
                )
            )
        ),
        gaps=draw(
            st.lists(
                st.builds(
                    Gap,
                    reason=st.sampled_from(GapReason),
                    about=names,
                    exec=maybe,
                    step=maybe,
                    detail=words,
                    remedy=words,
                ),
                max_size=2,
            )
        ),
        environments=draw(st.lists(st.lists(variables, max_size=3).map(tuple), max_size=2)),
    )
