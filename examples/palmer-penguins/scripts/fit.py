"""Fit body mass to flipper length for one species."""

import csv
import json
import statistics
import sys
from pathlib import Path

source, species, target = sys.argv[1:]
# No rule declares this file: the figure depends on it all the same.
with (Path(__file__).resolve().parents[1] / "data/exclude.txt").open() as lines:
    excluded = {line.strip() for line in lines if not line.startswith("#")}
with Path(source).open(newline="") as rows:
    birds = [row for row in csv.DictReader(rows) if row["species"] == species and row["bird"] not in excluded]
flippers = [float(bird["flipper_mm"]) for bird in birds]
masses = [float(bird["mass_g"]) for bird in birds]
slope, intercept = statistics.linear_regression(flippers, masses)
with Path(target).open("w") as out:
    fit = {"species": species, "birds": len(birds), "slope": slope, "intercept": intercept}
    fit |= {"from": min(flippers), "to": max(flippers)}
    json.dump(fit, out, indent=2)
