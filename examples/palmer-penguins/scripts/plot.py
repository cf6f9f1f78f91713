"""Draw the birds and the fitted lines."""

import csv
import json
import sys
from pathlib import Path

source, *fits, target = sys.argv[1:]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 480, 70, 50, 40
COLOURS = ("#1b6ca8", "#d1603d", "#3a7d44", "#7a5195")
FLIPPER, MASS = (165, 235), (2500, 6500)


def across(flipper: float) -> float:
    return LEFT + (flipper - FLIPPER[0]) / (FLIPPER[1] - FLIPPER[0]) * (WIDTH - LEFT - 20)


def down(mass: float) -> float:
    return HEIGHT - BOTTOM - (mass - MASS[0]) / (MASS[1] - MASS[0]) * (HEIGHT - BOTTOM - TOP)


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'


with Path(source).open(newline="") as rows:
    birds = list(csv.DictReader(rows))
lines = []
for path in fits:
    with Path(path).open() as file:
        lines.append(json.load(file))
colour = {line["species"]: COLOURS[i % len(COLOURS)] for i, line in enumerate(lines)}
drawn = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="13"',
    '  font-family="sans-serif">',
    '<rect width="100%" height="100%" fill="white"/>',
    text(LEFT, 22, "Body mass and flipper length of Palmer penguins", 'font-size="16"'),
]
for flipper in range(FLIPPER[0] + 5, FLIPPER[1], 10):
    x = across(flipper)
    drawn.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
    drawn.append(text(x, HEIGHT - BOTTOM + 18, str(flipper), 'text-anchor="middle"'))
for mass in range(MASS[0] + 500, MASS[1], 1000):
    y = down(mass)
    drawn.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 20}" stroke="#e4e4e4"/>')
    drawn.append(text(LEFT - 8, y + 4, str(mass), 'text-anchor="end"'))
drawn.append(text((LEFT + WIDTH) / 2, HEIGHT - 10, "flipper length (mm)", 'text-anchor="middle"'))
turned = f'text-anchor="middle" transform="translate(18 {HEIGHT / 2}) rotate(-90)"'
drawn.append(text(0, 0, "body mass (g)", turned))
for bird in birds:
    x, y = across(float(bird["flipper_mm"])), down(float(bird["mass_g"]))
    shade = colour.get(bird["species"], "grey")
    drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{shade}" fill-opacity="0.45"/>')
for place, line in enumerate(lines):
    ends = [(across(x), down(line["intercept"] + line["slope"] * x)) for x in (line["from"], line["to"])]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ends)
    drawn.append(f'<path d="{path}" stroke="{colour[line["species"]]}" stroke-width="2.5"/>')
    words = f"{line['species']}: {line['slope']:.1f} g/mm, {line['birds']} birds"
    drawn.append(text(LEFT + 12, TOP + 20 + 18 * place, words, f'fill="{colour[line["species"]]}"'))
with Path(target).open("w") as out:
    out.write("\n".join([*drawn, "</svg>", ""]))
