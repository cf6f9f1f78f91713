"""Count, mean and spread of the body mass by species and sex."""

import csv
import statistics
import sys
from collections import defaultdict
from pathlib import Path

source, target = sys.argv[1:]
masses = defaultdict(list)
with Path(source).open(newline="") as rows:
    for row in csv.DictReader(rows):
        masses[row["species"], row["sex"]].append(float(row["mass_g"]))
with Path(target).open("w", newline="") as out:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("species", "sex", "birds", "mean_g", "deviation_g"))
    for (species, sex), values in sorted(masses.items()):
        deviation = statistics.stdev(values) if len(values) > 1 else 0
        table.writerow((species, sex, len(values), f"{statistics.mean(values):.1f}", f"{deviation:.1f}"))
