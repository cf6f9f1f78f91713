#!/usr/bin/env python3
"""`probe check` on Debian's source packages: faults that are put in, and faults that were there.

    tests/studies/make_packages.py [--table FILE] [--results DIR] [--rounds N] [PACKAGE]...

For each package: build it recorded as it is, show each finding to be a fault by building without a recorder
(proofs.py), then put faults in (seeds.py) and compare what is found with them. A package's result is kept
as JSON in --results; the table is made of all results there. The exit status is 0 when recall and precision
over all seeds are at least 0.95. With --table and no package only the table is made, of what is there.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import packages
import proofs
import seeds
from seeds_parallel import Raced

RESULTS = packages.TESTS.parent / ".cache" / "make-packages"
BAR = 0.95
KEPT = ("seeds", "missed", "wrong", "true", "raced")
TRIES = 3  # a seed may break the build; another one is taken then


def main() -> int:
    """Study the packages that are asked for, and write the table; give the exit status."""
    words = argparse.ArgumentParser(description="Measure `probe check` on Debian's source packages.")
    words.add_argument("--table", type=Path, help="write the result as a Markdown page")
    words.add_argument("--results", type=Path, default=RESULTS)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help="all when none and no table is asked for"
    )
    asked = words.parse_args()
    asked.results.mkdir(parents=True, exist_ok=True)
    for package in asked.packages or ([] if asked.table else packages.PACKAGES):
        with tempfile.TemporaryDirectory(prefix="make-packages-") as folder:
            os.environ["PROBE_SPOOL"] = f"{folder}/spool"
            os.environ["PROBE_HISTORY"] = f"{folder}/history.sqlite"
            result = studied(package, Path(folder), asked.rounds)
        (asked.results / f"{package}.json").write_text(json.dumps(result, indent=1))
        print(row(result), *(f"\n    {one}" for one in (*result["missed"], *result["wrong"])), flush=True)
    results = [json.loads(one.read_text()) for one in sorted(asked.results.glob("*.json"))]
    if asked.table:
        asked.table.write_text(page(results))
    if asked.packages:
        return 0
    sys.stdout.write(page(results))
    return 0 if min(scores(results)) >= BAR else 1


def studied(package: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Build, prove and seed one package."""
    headers = seeds.listed(packages.fresh(package, folder / "truth"))
    before = packages.recorded(packages.fresh(package, folder / "plain"))
    if before.status:
        raise SystemExit(f"{package} cannot be built: {before.said[-500:]}")
    seeded: list[dict[str, list[str]]] = []
    for number in range(rounds * TRIES):
        if len(seeded) < rounds and (one := _round(package, folder, before, headers, number)) is not None:
            seeded.append(one)
    shown = proofs.shown(package, before)
    assert before.workflow is not None
    together = {name: [one for part in seeded for one in part[name]] for name in KEPT}
    return {
        "package": package,
        "version": _version(packages.suite().source(package)),
        "steps": len(before.workflow.graph.steps),
        "rounds": len(seeded),
        "findings": {str(one): shown.get(one) for one in sorted(before.findings, key=str)},
        **together,
    }


def _round(
    package: str, folder: Path, before: packages.Built, headers: dict[str, set[str]], number: int
) -> dict[str, list[str]] | None:
    """Seed a copy and compare; None where the seeds break the build."""
    place = packages.fresh(package, folder / f"seeded-{number}")
    seeded = seeds.seed(before, headers, place, number)
    held = [_held(place, folder / f"held-{number}-{at}", seeded.races, one)
            for at, one in enumerate(seeded.races)]  # fmt: skip
    after = packages.recorded(place)
    if after.status:
        return None
    raced = {one.fault for one, aside in zip(seeded.races, held, strict=True)
             if proofs.raced(aside, one, proofs.state(place / one.fault.path))}  # fmt: skip
    wanted = seeds.expected(seeded, before, after, headers)
    wanted |= {one for one in raced if one.lint == "written-twice"}  # others are wanted as undeclared inputs
    found = set(after.findings) - (set(before.findings) - wanted)
    wanted -= proofs.harmless(place, wanted - raced, is_one_make=after.is_one_make)
    besides = found - wanted
    true = proofs.at_once(place, besides)
    kinds = {one.fault: _kind(one, raced) for one in seeded.races}
    named: dict[str, Iterable[str]] = {
        "seeds": map(str, wanted), "missed": map(str, wanted - found),
        "wrong": map(str, besides - true.keys()),
        "true": (f"{one} ({how})" for one, how in true.items()),
        "raced": (f"{kinds[one]}: {one}" for one in kinds if one in wanted),
    }  # fmt: skip
    return {name: sorted(some) for name, some in named.items()}


def _held(place: Path, aside: Path, races: Sequence[Raced], race: Raced) -> Path:
    """Copy what was seeded for the proof of one race: what is made late for another one is there already."""
    shutil.copytree(place, aside, symlinks=True)
    for one in races:
        if one is not race and one.source:
            shutil.copy(aside / one.source, aside / one.fault.path)
    return aside


def _kind(race: Raced, raced: set[packages.Fault]) -> str:
    return ("failing -j" if race.fault in raced else "no failing -j") + (
        ", written twice" if race.is_made_twice else ", made header"
    )


def _version(source: Path) -> str:
    head = (source / "debian/changelog").read_text(errors="replace").partition("\n")[0]
    return head.partition("(")[2].partition(")")[0]


def scores(results: list[dict[str, Any]]) -> tuple[float, float]:
    """Give recall and precision over all seeds; what is found besides and shown counts for neither."""
    planted, missed, wrong = (sum(len(one[name]) for one in results) for name in ("seeds", "missed", "wrong"))
    named = planted - missed
    return named / max(planted, 1), named / max(named + wrong, 1)


def row(result: dict[str, Any]) -> str:
    """Give one line of the table."""
    lints = collections.Counter(one.partition(" ")[0] for one in result["findings"])
    shown = collections.Counter(
        how.partition(":")[0] for how in result["findings"].values() if how is not None
    )
    rest = len(result["findings"]) - shown.total()
    planted, missed, wrong = (len(result[name]) for name in ("seeds", "missed", "wrong"))
    cells = [
        f"{result['package']} {result['version']}", str(result["steps"]),
        f"{planted - missed} of {planted}", str(wrong), str(len(result["true"])),
        ", ".join(f"{number} {lint}" for lint, number in lints.items()) or "none",
        ", ".join(f"{number} {how}" for how, number in [*shown.items(), *([("not", rest)] if rest else [])]),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


HEAD = """# `probe check` on Debian's source packages

{date}, GNU make {make}; by `{command}`.

{packages} source packages with handwritten Makefiles, each built with `probe make`. Faults are put in
by lot, in {rounds} copies of a package at most: headers taken out of the rules (what needs them is told by
the compiler's own lists and by the Makefile), a header that is made, which two sources include and one
object declares (a race, and stale later), strange prerequisites, files that a recipe leaves, one file that
two recipes write, a recipe that gives its target another name. A header that is made again by a chain of
rules is not counted.

**{planted} seeded faults: recall {recall:.3f}, precision {precision:.3f}.** Found besides and not shown to be
a fault, which precision counts as false, is {wrong}; found besides and shown by building, which counts for
neither, {true}.

Named at once in the Makefiles as they are: {findings} findings, {shown} of them shown to be faults by
building without a recorder: a file touched and `make` says up to date (`touched`), a header changed and
what is left differs from a clean build (`changed`), an output removed and not brought back, or with other
content (`removed`), or, for prerequisites that nobody reads, a target made again with the same content.

| package | steps | seeds named | false | true besides | in the Makefile as it is | shown by building |
|---|---|---|---|---|---|---|
"""

RACES = """
Of {number} races among the seeds, a `make -j` without a recorder in which the recipe that makes the file is
held up failed, or ended otherwise, in {failing}
({kinds}).
For files that two recipes write only what was shown so is counted as a seed. Each header that is made was
also touched: the object stays as it is.

"""


def page(results: list[dict[str, Any]]) -> str:
    """Give all results as Markdown."""
    recall, precision = scores(results)
    kinds: collections.Counter[str] = collections.Counter()
    missed: collections.Counter[str] = collections.Counter()
    for one in results:
        kinds.update(name.partition(" ")[0] for name in one["seeds"])
        missed.update(name.partition(" ")[0] for name in one["missed"])
    found = [how for one in results for how in one["findings"].values()]
    version = subprocess.run(["make", "--version"], capture_output=True, text=True, check=True).stdout
    head = HEAD.format(
        date=datetime.date.today(), make=version.split()[2], packages=len(results), planted=kinds.total(),
        command="tests/studies/make_packages.py", recall=recall, precision=precision,
        findings=len(found), shown=sum(how is not None for how in found),
        rounds=max((one["rounds"] for one in results), default=0),
        true=sum(len(one["true"]) for one in results), wrong=sum(len(one["wrong"]) for one in results),
    )  # fmt: skip
    lines = [
        *map(row, results),
        "",
        "| kind of seed | planted | named |",
        "|---|---|---|",
        *(f"| {kind} | {number} | {number - missed[kind]} |" for kind, number in sorted(kinds.items())),
        "",
    ]
    raced = collections.Counter(name.partition(":")[0] for one in results for name in one["raced"])
    failing = sum(number for kind, number in raced.items() if kind.startswith("failing"))
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(raced.items()))
    bare = [one["package"] for one in results if not one["rounds"]]
    lines += [f"No copy with seeds could be built of: {', '.join(bare)}.", ""] if bare else []
    lines.append(RACES.format(number=raced.total(), failing=failing, kinds=kinds).strip("\n"))
    lines.append("")
    rest = [f"- {one['package']}: {kind}: {name}" for one in results
            for kind in ("missed", "wrong", "true") for name in one[kind]]  # fmt: skip
    not_shown = [
        f"- {one['package']}: {name}"
        for one in results
        for name, how in one["findings"].items()
        if how is None
    ]
    for title, some in (
        ("Missed, or found besides (wrong: not shown, true: shown):", rest),
        ("Found, and not shown:", not_shown),
    ):
        lines += [title if some else f"{title} none.", "", *([*some, ""] if some else [])]
    return head + "\n".join(lines).rstrip() + "\n" + LUA


LUA = """
Behind `probe deps` and `-include deps.d` bzip2 is made again when a header changes. Faults that another
test seeds into Lua 5.4's own makefile (`tests/engines/test_make_check.py`): four times 20 headers taken out
and 2 strange prerequisites put in: 88 of 88 named, nothing else.
"""


if __name__ == "__main__":
    sys.exit(main())
