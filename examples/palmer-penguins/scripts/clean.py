"""Keep the birds whose flippers and mass were measured; short names, one species word."""

import csv
import sys
from pathlib import Path

source, target = sys.argv[1:]
with Path(source).open(newline="") as rows, Path(target).open("w", newline="") as out:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("bird", "species", "sex", "flipper_mm", "mass_g"))
    for row in csv.DictReader(rows):
        flipper, mass = row["Flipper Length (mm)"], row["Body Mass (g)"]
        if "NA" not in (flipper, mass):
            species = row["Species"].split()[0]
            table.writerow((row["Individual ID"], species, row["Sex"].lower(), flipper, mass))
