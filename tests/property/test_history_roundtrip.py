"""Whatever is stored comes back as it was, also when it replaces an earlier state of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_strategies import run_graphs
from probe_core.errors import UnknownRun
from probe_core.history import History, open_history
from probe_core.history.identifier import version_identifier


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with open_history(tmp_path_factory.mktemp("history") / "h.sqlite") as opened:
        yield opened


@given(first=run_graphs(), second=run_graphs())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_is_stored_comes_back(history: History, first, second) -> None:
    second.run = replace(second.run, id=first.run.id)
    history.store(first)
    assert history.graph(first.run.id) == first
    history.store(second)
    assert history.graph(first.run.id) == second
    history.store(second)
    assert history.graph(first.run.id) == second
    history.forget(first.run.id)
    with pytest.raises(UnknownRun):
        history.graph(first.run.id)


@given(graph=run_graphs(), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_small_answers_agree_with_the_whole(history: History, graph, data) -> None:
    history.store(graph)
    key, table = graph.run.id, graph.accesses
    execs = data.draw(st.sets(st.sampled_from(range(len(graph.execs))) if graph.execs else st.nothing()))
    rows = history.accesses_by(key, execs)
    assert list(zip(rows.exec, rows.version, rows.act, strict=True)) == [
        row for row in zip(table.exec, table.version, table.act, strict=True) if row[0] in execs
    ]
    for number, version in enumerate(graph.versions):
        rows = history.accesses_to(key, [number])
        assert list(rows.exec) == [
            exec for exec, other in zip(table.exec, table.version, strict=True) if other == number
        ]
        found = {(kept.run, kept.version.number) for kept in history.versions_at(version.path)}
        assert ((key, number) in found) == (version.kind != "missing")
        if version.digest is not None:
            same = history.versions_with_digest(version.digest)
            assert (key, number) in {(kept.run, kept.version.number) for kept in same}
    assert history.run(key) == graph.run
    assert history.steps(key) == graph.steps
    assert history.execs(key, execs) == {number: graph.execs[number] for number in execs}
    for step in {None, *(one.step for one in graph.execs)}:
        assert history.execs_of_step(key, step) == [one.number for one in graph.execs if one.step == step]
    history.forget(key)


@given(graph=run_graphs(), other=st.uuids().map(str))
def test_an_identifier_is_a_digest_or_names_one_state(graph, other: str) -> None:
    for version in graph.versions:
        found = version_identifier(version, graph.run.id)
        if version.digest:
            assert found == version.digest
            continue
        assert found.startswith("identity:")
        assert len(found) == len("identity:") + 32
        elsewhere = version_identifier(version, other)
        assert (elsewhere == found) == (version.made_by is None or other == graph.run.id)
        assert version_identifier(replace(version, number=9, made_at=1), graph.run.id) == found
