"""Runs put into a history, and the makers that an answer of why or uses names."""

from __future__ import annotations

from graphs import Building
from probe_core.ask.lineage import Lineage, Maker
from probe_core.history import History


def keep(history: History, *runs: Building) -> None:
    for run in runs:
        history.store(run.graph())


def names(answer: Lineage) -> list[str]:
    return [named(one) for one in answer.makers]


def named(maker: Maker) -> str:
    return maker.step.name if maker.step else maker.exec.program.decode() if maker.exec else ""
