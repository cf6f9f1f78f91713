"""Measure commands in interleaved rounds, and compare each with the first by paired ratios.

A round runs every variant once, in an order that changes from round to round, so that a machine that grows
slower or faster touches all alike. The ratio is taken within a round; shown are its median and the
distribution-free 95 % interval of the median (binomial order statistics; below 6 rounds it is the range).
"""

from __future__ import annotations

import ctypes
import math
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """One way to run a workload."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One execution: seconds of wall clock and CPU, peak memory of one process in KiB.

    CPU is that of all descendants that were waited for, and of the processes that watched static programs.
    """

    wall: float
    cpu: float
    memory: int


@dataclass(frozen=True)
class Ratio:
    """Median of paired ratios (or differences), with its interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}–{self.high:.3f})"


WATCHERS = {"probe-watch", "probe-keeper"}
_PR_SET_CHILD_SUBREAPER = 36


def sample(variant: Variant, directory: Path) -> Sample:
    """Run ``variant`` once; CalledProcessError when it fails."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    environment = {**os.environ, **variant.environment}
    began = time.perf_counter()
    process = subprocess.Popen(
        variant.command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, variant.command, stderr=said)
    return Sample(wall, usage.ru_utime + usage.ru_stime + _watching(), usage.ru_maxrss)


def _watching() -> float:
    """Wait for what watched static programs, which nobody else waits for; give its CPU in seconds."""
    spent = 0.0
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if Path(f"/proc/{pid}/comm").read_text().strip() in WATCHERS:
            usage = os.wait4(int(pid), 0)[2]
            spent += usage.ru_utime + usage.ru_stime
    return spent


def rounds(
    variants: Sequence[Variant],
    directory: Path,
    count: int,
    before: Callable[[], None] | None = None,
    after: Callable[[Variant], None] | None = None,
    *,
    warm: bool = True,
) -> dict[str, list[Sample]]:
    """Run all variants ``count`` times, interleaved; if ``warm``, after one round that only warms up."""
    order = list(variants)
    found: dict[str, list[Sample]] = {variant.name: [] for variant in variants}
    shuffle = random.Random(0)
    for number in range(0 if warm else 1, count + 1):
        shuffle.shuffle(order)
        for variant in order:
            if before:
                before()
            taken = sample(variant, directory)
            if after:
                after(variant)
            if number:
                found[variant.name].append(taken)
    return found


def interval(count: int) -> tuple[int, int]:
    """Give the places (from 0, inclusive) in ``count`` sorted values that bound the median with 95 %."""
    if count < 6:
        return 0, count - 1
    covered, low = 0.0, 0
    for place in range(count // 2):
        covered += math.comb(count, place) / 2**count
        if covered > 0.025:
            break
        low = place + 1
    return max(low - 1, 0), count - 1 - max(low - 1, 0)


def ratio(of: Sequence[float], to: Sequence[float]) -> Ratio:
    """Compare paired samples."""
    return _median(a / b for a, b in zip(of, to, strict=True) if b)


def difference(of: Sequence[float], to: Sequence[float]) -> Ratio:
    """Tell by how much the one of each pair is more than the other."""
    return _median(a - b for a, b in zip(of, to, strict=True))


def _median(found: Iterable[float]) -> Ratio:
    values = sorted(found)
    if not values:
        return Ratio(math.nan, math.nan, math.nan)
    low, high = interval(len(values))
    return Ratio(statistics.median(values), values[low], values[high])
