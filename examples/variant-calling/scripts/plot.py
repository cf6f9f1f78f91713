"""Draw the coverage along the phage, and a mark for every variant that was called."""

import sys
from pathlib import Path

coverage, calls, target = sys.argv[1:]
WIDTH, HEIGHT, MARGIN, BINS = 900, 300, 50, 400

with Path(coverage).open() as lines:
    depth = [int(line.split("\t")[2]) for line in lines]
with Path(calls).open() as lines:
    variants = [line.split("\t") for line in lines if not line.startswith("#")]
size = max(1, len(depth) // BINS)
means = [sum(depth[at : at + size]) / len(depth[at : at + size]) for at in range(0, len(depth), size)]
highest = max([*means, 1])


def across(position: float) -> float:
    return MARGIN + position / max(len(depth), 1) * (WIDTH - 2 * MARGIN)


def down(mean: float) -> float:
    return HEIGHT - MARGIN - mean / highest * (HEIGHT - 2 * MARGIN)


curve = " ".join(f"{across(i * size):.1f},{down(mean):.1f}" for i, mean in enumerate(means))
drawn = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="13"',
    '  font-family="sans-serif">',
    '<rect width="100%" height="100%" fill="white"/>',
    f'<text x="{MARGIN}" y="24" font-size="16">Lambda phage: coverage and {len(variants)} variants</text>',
    f'<polyline points="{curve}" fill="none" stroke="#1b6ca8"/>',
    f'<path d="M{MARGIN} {HEIGHT - MARGIN}H{WIDTH - MARGIN}" stroke="black"/>',
    f'<text x="{MARGIN - 6}" y="{MARGIN + 4}" text-anchor="end">{highest:.0f}×</text>',
    f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 18}" text-anchor="end">{len(depth)} bp</text>',
]
for variant in variants:
    x = across(float(variant[1]))
    shade = "#7a5195" if "INDEL" in variant[7] else "#d1603d"
    title = f"<title>{variant[1]}</title>"
    drawn.append(f'<path d="M{x:.1f} {HEIGHT - MARGIN}v12" stroke="{shade}">{title}</path>')
with Path(target).open("w") as out:
    out.write("\n".join([*drawn, "</svg>", ""]))
