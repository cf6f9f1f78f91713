#!/usr/bin/env python3
"""Debian's source packages, built with and without `probe make`: the same files, and the right steps.

    tests/studies/make_builds.py [--table FILE] [--results DIR] [PACKAGE]...

A package is built in one place four times: twice plainly (files that differ between these two say nothing),
once recorded, and once plainly with ``--trace``, by which make itself tells each target whose recipe it runs:
those must be the steps. A package's result is kept as JSON in --results; the table is made of all results
there. The exit status is 0 when every package is built alike and has exactly make's own targets.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import packages
from proofs import TRACED

from workflows import Workflow, contents, newest, run

RESULTS = packages.TESTS.parent / ".cache" / "make-builds"
TWENTY = (
    *("bzip2", "byacc", "catdoc", "clzip", "cpulimit", "ed", "fatsort", "figlet", "hdparm", "lunzip"),
    *("ncompress", "par", "pdlzip", "pmccabe", "schedtool", "sl", "tinyscheme", "tree", "unifdef", "zlib"),
)


def main() -> int:
    """Build the packages that are asked for, and write the table; give the exit status."""
    words = argparse.ArgumentParser(description="Build Debian's source packages with and without a recorder.")
    words.add_argument("--table", type=Path, help="write the result as a Markdown page")
    words.add_argument("--results", type=Path, default=RESULTS)
    words.add_argument("packages", nargs="*", metavar="PACKAGE", help="twenty when none is named")
    asked = words.parse_args()
    asked.results.mkdir(parents=True, exist_ok=True)
    for package in asked.packages or TWENTY:
        with tempfile.TemporaryDirectory(prefix="make-builds-") as folder:
            os.environ["PROBE_SPOOL"] = f"{folder}/spool"
            os.environ["PROBE_HISTORY"] = f"{folder}/history.sqlite"
            result = compared(package, Path(folder))
        (asked.results / f"{package}.json").write_text(json.dumps(result, indent=1))
        print(row(result), flush=True)
    results = [json.loads(one.read_text()) for one in sorted(asked.results.glob("*.json"))]
    page = table(results)
    sys.stdout.write(page)
    if asked.table:
        asked.table.write_text(page)
    return 0 if all(is_right(one) for one in results) else 1


def compared(package: str, folder: Path) -> dict[str, Any]:
    """Build a package four times, always in one place: compilers write it into what they make."""
    place = folder / "build"
    plain = [_built(package, place, "-j2") for _ in range(2)]
    traced = collections.Counter(TRACED.findall(_made(package, place, "--trace").stdout))
    said, files, workflow = _recorded(package, place)
    unstable = {name for name in plain[0][1] if plain[0][1][name] != plain[1][1].get(name)}
    told = steps(workflow)
    return {
        "package": package,
        "version": _version(place),
        "files": len(files) - len(unstable & files.keys()),
        "unstable": sorted(unstable),
        "different": sorted(
            name
            for name in files.keys() | plain[1][1].keys()
            if name not in unstable and files.get(name) != plain[1][1].get(name)
        ),
        "output": said == plain[1][0],
        "targets": traced.total(),
        "missing": sorted((traced - told).elements()),
        "extra": sorted((told - traced).elements()),
        "gaps": len(workflow.graph.gaps),
    }


def steps(workflow: Workflow) -> collections.Counter[str]:
    """Count the targets that have steps of make's."""
    return collections.Counter(
        str(step.declaration.facts["target"]) + _member(step.declaration.facts)
        for step in workflow.graph.steps
        if step.declaration is not None and step.declaration.engine == "make"
    )


def _member(facts: Any) -> str:
    return f"({facts['member']})" if "member" in facts else ""


def _made(package: str, place: Path, word: str) -> subprocess.CompletedProcess[str]:
    packages.fresh(package, place)
    done = packages.make(place, word)
    if done.returncode:
        raise SystemExit(f"{package} cannot be built: {done.stderr[-500:]}")
    return done


def _built(package: str, place: Path, word: str) -> tuple[list[str], dict[str, bytes]]:
    done = _made(package, place, word)
    return sorted(done.stdout.splitlines()), contents(place)


def _recorded(package: str, place: Path) -> tuple[list[str], dict[str, bytes], Workflow]:
    packages.fresh(package, place)
    done = run(["timeout", str(packages.PATIENCE), "probe", "make", "-j2"], place)
    if done.returncode:
        raise SystemExit(f"{package} cannot be built recorded: {done.stderr[-500:]}")
    return sorted(done.stdout.splitlines()), contents(place), newest("make")


def _version(place: Path) -> str:
    head = (place / "debian/changelog").read_text(errors="replace").partition("\n")[0]
    return head.partition("(")[2].partition(")")[0]


def is_right(result: dict[str, Any]) -> bool:
    """Tell whether nothing differs."""
    return bool(result["output"] and not (result["different"] or result["missing"] or result["extra"]))


def row(result: dict[str, Any]) -> str:
    """Give one line of the table."""
    wrong = [
        f"{name}: {', '.join(result[name][:5])}" for name in ("different", "missing", "extra") if result[name]
    ]
    wrong += [] if result["output"] else ["what make printed"]
    cells = [f"{result['package']} {result['version']}", str(result["files"])]
    cells += [", ".join(result["unstable"]) or "–", str(result["targets"]), "; ".join(wrong) or "nothing"]
    return "| " + " | ".join(cells) + " |"


def table(results: list[dict[str, Any]]) -> str:
    """Give all results as Markdown."""
    said = subprocess.run(["make", "--version"], check=True, capture_output=True, text=True).stdout
    right = sum(map(is_right, results))
    lines = [
        "# Source packages built with and without `probe make`",
        "",
        f"{datetime.date.today():%Y-%m-%d}, {said.splitlines()[0]}, `make -j2`; by "
        f"`tests/studies/make_builds.py`: {right} of {len(results)} packages are built alike, and their "
        "steps are the targets of `make --trace`.",
        "",
        "| package | files compared | differ between plain builds | targets made | different when recorded |",
        "|---|---|---|---|---|",
        *map(row, results),
    ]
    lines += [
        "",
        "Each package is built in one place: twice plainly (what differs between these says nothing),",
        "recorded, and with `--trace`. Compared are what make prints, every file, and the targets.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
