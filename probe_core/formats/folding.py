"""Makes a picture smaller without making it say less: like files share a node, and steps may be left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from probe_core.formats.picture import Arrow, Node, Picture, Shape
from probe_core.formats.wording import counted

LIKE = 4  # so many files with the same arrows share a node,
LIKE_IN_MANY = 2  # or so many in a picture that has more than
MANY = 45  # so many files
FILES = frozenset({Shape.INPUT, Shape.FILE, Shape.RESULT, Shape.CODE})


def merge_arrows(picture: Picture) -> None:
    """Let each arrow stand once."""
    picture.arrows = list(dict.fromkeys(picture.arrows))


def fold_like_files(picture: Picture) -> None:
    """Draw files as one that come from the same boxes and go to the same boxes, when there are several."""
    arrows = defaultdict[str, list[tuple[str, str, str]]](list)
    for arrow in picture.arrows:
        arrows[arrow.source].append(("to", arrow.target, arrow.line))
        arrows[arrow.target].append(("from", arrow.source, arrow.line))
    alike = defaultdict[tuple[object, ...], list[Node]](list)
    for node in picture.nodes.values():
        if node.shape in FILES:
            alike[node.shape, frozenset(arrows[node.key])].append(node)
    enough = LIKE if sum(map(len, alike.values())) <= MANY else LIKE_IN_MANY
    for nodes in alike.values():
        if len(nodes) >= enough:
            _fold(picture, nodes)
    merge_arrows(picture)


def _fold(picture: Picture, nodes: Sequence[Node]) -> None:
    """Put the first of ``nodes`` in the place of all."""
    first, gone = nodes[0], {node.key for node in nodes[1:]}
    names = [node.label.replace("\n", "") for node in nodes]
    first.label = f"{_pattern(names)}\n{counted(len(nodes), 'file')}"
    lines = [node.detail.partition("\n")[0] for node in nodes]
    first.detail = "\n".join(lines[:40] + ([f"and {len(lines) - 40} more"] if len(lines) > 40 else []))
    for key in gone:
        del picture.nodes[key]
    picture.arrows = [one for one in picture.arrows if one.source not in gone and one.target not in gone]


def _pattern(names: Sequence[str]) -> str:
    """Give what the names have in common: a beginning, a star, an end."""
    start = _common(names)
    end = _common([name[len(start) :][::-1] for name in names])[::-1]
    return f"{start}*{end}" if start or end else f"{names[0]} ..."


def _common(names: Sequence[str]) -> str:
    """Give the letters that all names begin with."""
    first, last = min(names), max(names)
    differ = (place for place, letter in enumerate(first) if last[place : place + 1] != letter)
    return first[: next(differ, len(first))]


def only_files(picture: Picture) -> None:
    """Take the boxes out: arrows run from file to file, and name the box that lay between in their detail.

    Where many files meet, a joint with the box's name stays. Nothing may run from box to box.
    """
    into, out = defaultdict[str, list[Arrow]](list), defaultdict[str, list[Arrow]](list)
    for arrow in picture.arrows:
        into[arrow.target].append(arrow)
        out[arrow.source].append(arrow)
    boxes = [node for node in picture.nodes.values() if node.shape not in FILES]
    kept: list[Arrow] = []
    for box in boxes:
        ends = len(into[box.key]), len(out[box.key])
        if ends[0] * ends[1] > 6 or (any(ends) and not all(ends)):
            box.shape, box.group = Shape.JOINT, None
            kept += into[box.key] + out[box.key]
        else:
            kept += _joined(into[box.key], out[box.key], box)
            del picture.nodes[box.key]
    picture.arrows, picture.groups = kept, {}
    merge_arrows(picture)


def _joined(into: Iterable[Arrow], out: Sequence[Arrow], box: Node) -> list[Arrow]:
    """Give the arrows that run through a box; what is wrong with one half is wrong with the whole."""
    return [
        Arrow(first.source, second.target, max(first.line, second.line, key=_weight), box.label)
        for first in into
        for second in out
    ]


def _weight(line: str) -> int:
    return ("code", "plain", "declared", "pipe", "unseen", "undeclared").index(line)
