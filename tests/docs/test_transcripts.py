"""The transcripts of README and tutorial are real: each `console` block is run, in order, and compared.

Ids, times, sizes of runs, process numbers and counts differ from machine to machine: they are compared
by their shape only.
"""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from recording import environment

ROOT = Path(__file__).parents[2]
SHAPES = [
    (r"\b[0-9a-f]{8}\b", "ID"),
    (r"sha256:[0-9a-f]{12}", "DIGEST"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\d\d:\d\d:\d\d\.\d{3}", "TIME"),
    (r"\b[\d.]+ (ms|s|B|KiB|MiB)(?![\w])", "AMOUNT"),
    (r"\bprocess \d+", "process N"),
    (r"(species=|fit-|csv )(Adelie|Chinstrap|Gentoo)", r"\1X"),  # which comes first is Snakemake's to choose
    (r"\b\d+ (files?|uses|processes)\b", "N"),
    (r" +", " "),
]


@dataclass(frozen=True)
class Call:
    """A command line of a transcript, and what it prints."""

    line: str
    output: list[str]


def calls(text: str) -> list[Call]:
    found: list[Call] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, flags=re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Call(line[2:], []))
            else:
                found[-1].output.append(line)
    return found


def shape(line: str) -> str:
    for pattern, name in SHAPES:
        line = re.sub(pattern, name, line)
    return line.strip()


def compared(lines: list[str]) -> list[str]:
    """Give what of an output is the same on every machine."""
    return [shape(line) for line in lines if line.strip() and not line.startswith("left out: ")]


def penguins(place: Path) -> None:
    """Lay out the example with measurements of made-up birds."""
    shutil.copytree(ROOT / "examples/palmer-penguins", place)
    chance = random.Random(1)
    head = "studyName,Sample Number,Species,Region,Island,Stage,Individual ID,Clutch Completion,Date Egg,"
    head += "Culmen Length (mm),Culmen Depth (mm),Flipper Length (mm),Body Mass (g),Sex,"
    head += "Delta 15 N (o/oo),Delta 13 C (o/oo),Comments"
    with (place / "data/penguins-raw.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(head.split(","))
        for number in range(90):
            kind = (
                "Adelie Penguin (Pygoscelis adeliae)",
                "Chinstrap penguin (Pygoscelis antarctica)",
                "Gentoo penguin (Pygoscelis papua)",
            )[number % 3]
            length, mass = 180 + chance.randrange(50), 3000 + chance.randrange(3000)
            out.writerow(
                [
                    "PAL0708",
                    number,
                    kind,
                    "Anvers",
                    "Torgersen",
                    "Adult, 1 Egg Stage",
                    f"N{number}A1",
                    "Yes",
                    "2007-11-11",
                    40 + chance.random(),
                    18 + chance.random(),
                    length,
                    mass,
                    "MALE",
                    8,
                    -24,
                    "",
                ]
            )


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_transcripts_are_real(page: str, tmp_path: Path, needs: object) -> None:
    assert callable(needs)
    bin_folder = Path(sys.executable).parent
    needs("make")
    if not (bin_folder / "snakemake").exists():
        needs("snakemake")
    place = tmp_path / "penguins"
    penguins(place)
    env = environment({"PATH": f"{bin_folder}:{os.environ['PATH']}", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"})
    for call in calls((ROOT / page).read_text()):
        done = subprocess.run(
            ["bash", "-c", call.line],
            cwd=place,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (call.line, done.stdout)
        assert compared(done.stdout.splitlines()) == compared(call.output), call.line
