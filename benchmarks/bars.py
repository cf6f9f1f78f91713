"""Bars, and whether paired samples decide them.

A bar is text for people and for this module: ``≤ 1.05`` is a ratio of wall clock and of CPU, ``CPU ≤ 1.05``
of one of them, ``adds ≤ 0.5 s`` a difference of wall clock, ``adds ≤ 20 s CPU`` one of CPU. Several stand
side by side behind commas. One is decided when the whole 95 % interval of the median lies on one side of it,
which takes six rounds at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from measure import Ratio, Sample, difference, ratio

_BAR = re.compile(r"(?:(CPU|wall) )?(adds )?≤ ([\d.]+)( s)?( CPU)?")


def decided(bar: str, some: Sequence[Sample], native: Sequence[Sample]) -> str:
    """Tell of each of a bar's parts whether it holds, is missed, or is open; with the figures of ``adds``."""
    return ", ".join(_parts(bar, some, native)) or "–"


def _parts(bar: str, some: Sequence[Sample], native: Sequence[Sample]) -> Iterator[str]:
    for what, adds, most, _, of_cpu in _BAR.findall(bar):
        if adds:
            measure = "cpu" if of_cpu else "wall"
            found = difference(*values(measure, some, native))
            yield f"{verdict(found, float(most), len(some))} (adds {found} s{' CPU' if of_cpu else ''})"
        else:
            for measure in (what,) if what else ("wall", "CPU"):
                found = ratio(*values(measure.lower(), some, native))
                yield f"{'' if what else measure + ' '}{verdict(found, float(most), len(some))}"


def values(measure: str, some: Sequence[Sample], native: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Give one measure of both, for `ratio` or `difference`."""
    return [getattr(one, measure) for one in some], [getattr(one, measure) for one in native]


def verdict(found: Ratio, most: float, rounds: int) -> str:
    """Tell on which side of the bar the interval lies."""
    if rounds < 6:  # then it is the samples' range, and less than 95 %
        return "open"
    return "holds" if found.high <= most else "missed" if found.low > most else "open"
