"""Writes a picture in Graphviz' language, so that it can be drawn here and changed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from probe_core.formats.picture import Group, Line, Node, Picture, Shape

# Colours of Okabe and Ito, told apart by all eyes; what is wrong is dashed too.
WARNING, CALM, FAINT, FLOW = "#c44601", "#4a5560", "#9aa3ab", "#0072b2"
# Room beside the bold name: other viewers' bold letters are wider than those measured.
STEP = 'shape=box style="rounded,filled" margin="0.17,0.05"'
BOXES = {
    Shape.STEP: f'{STEP} fillcolor="#dbe9f6" color="#0072b2"',
    Shape.FAILED: f'{STEP} fillcolor="#fbe3d6" color="{WARNING}" penwidth=2',
    Shape.PROCESS: 'shape=box style=filled fillcolor="#eaf1f8" color="#0072b2"',
    Shape.INPUT: 'shape=note style=filled fillcolor="#e6f4ea" color="#3f7d58"',
    Shape.FILE: f'shape=note style=filled fillcolor="#fffdf5" color="{CALM}"',
    Shape.RESULT: 'shape=note style=filled fillcolor="#fff1c9" color="#8a6d00" penwidth=1.6',
    Shape.CODE: f'shape=component style=filled fillcolor="#f3f3f3" color="{FAINT}" fontsize=10',
    Shape.JOINT: 'shape=plain fontsize=10 fontcolor="#0072b2"',
}
LINES = {
    Line.PLAIN: f'color="{CALM}"',
    Line.DECLARED: f'color="{CALM}"',
    Line.UNDECLARED: f'color="{WARNING}" style=dashed penwidth=2',
    Line.UNSEEN: f'color="{FAINT}" style=dotted penwidth=1.4',
    Line.CODE: f'color="{FAINT}" arrowsize=0.6',
    Line.PIPE: f'color="{FLOW}" penwidth=2.4 arrowhead=vee',
}
BOX_LEGEND = {
    Shape.STEP: ("step", "#dbe9f6"),
    Shape.FAILED: ("failed", "#fbe3d6"),
    Shape.PROCESS: ("process", "#eaf1f8"),
    Shape.INPUT: ("input", "#e6f4ea"),
    Shape.FILE: ("intermediate file", "#fffdf5"),
    Shape.RESULT: ("result", "#fff1c9"),
    Shape.CODE: ("code", "#f3f3f3"),
}
SOLID = "&mdash;&mdash;"
LINE_LEGEND = {
    Line.DECLARED: ("read or written as declared", SOLID, CALM),
    Line.PLAIN: ("read or written", SOLID, CALM),
    Line.UNDECLARED: ("not declared", "&ndash;&nbsp;&ndash;", WARNING),
    Line.UNSEEN: ("declared, not touched", "......", FAINT),
    Line.PIPE: ("pipe", SOLID, FLOW),
}


def write_dot(picture: Picture) -> str:
    """Give the picture as a ``digraph``."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield "digraph probe {"
    yield '  graph [fontname="Arial" fontsize=11 labelloc=t labeljust=l nodesep=0.22 ranksep=0.4 pad=0.2]'
    yield '  node [fontname="Arial" fontsize=11 margin="0.11,0.05" height=0.3]'
    yield '  edge [fontname="Arial" fontsize=9 arrowsize=0.7]'
    yield f"  label=<{_heading(picture)}>"
    yield from _group(picture, None, "  ")
    for arrow in picture.arrows:
        tip = f" tooltip={_quoted(arrow.detail)}" if arrow.detail else ""
        yield f"  {arrow.source} -> {arrow.target} [{LINES[arrow.line]}{tip}]"
    yield "}"


def _group(picture: Picture, group: Group | None, indent: str) -> Iterator[str]:
    """Give the nodes in a frame, and the frames in it."""
    key = group.key if group else None
    for node in picture.nodes.values():
        if node.group == key:
            yield f"{indent}{node.key} [{BOXES[node.shape]} {_label(node)} tooltip={_quoted(node.detail)}]"
    for inner in picture.groups.values():
        if inner.parent == key:
            yield f"{indent}subgraph cluster_{inner.key} {{"
            yield f'{indent}  label={_quoted(inner.label)} fontsize=10 fontcolor="{CALM}" labelloc=b'
            yield f'{indent}  style="rounded,dashed" color="{FAINT}" tooltip={_quoted(inner.label)}'
            yield from _group(picture, inner, indent + "  ")
            yield f"{indent}}}"


def _label(node: Node) -> str:
    """Give a node's text; the name of a box is bold. Room is made for characters Graphviz cannot measure."""
    lines = node.label.split("\n")
    wide = max(sum(0.16 if ord(letter) > 0x2E80 else 0.085 for letter in line) for line in lines)
    room = f" width={wide + 0.25:.2f}" if not node.label.isascii() else ""
    if node.shape not in (Shape.STEP, Shape.FAILED):
        return f"label={_quoted(node.label)}{room}"
    notes = "".join(f'<br/><font point-size="9">{escape(line)}</font>' for line in lines[1:])
    return f"label=<<b>{escape(lines[0])}</b>{notes}>{room}"


def _quoted(text: str) -> str:
    """Give a text as a quoted string in which Graphviz finds nothing to replace."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def _heading(picture: Picture) -> str:
    """Give title and legend: only what the picture has is explained."""
    shapes = {node.shape for node in picture.nodes.values()}
    lines = {arrow.line for arrow in picture.arrows}
    cells = [
        f'<td bgcolor="{colour}" border="1" color="{FAINT}">&nbsp;{text}&nbsp;</td>'
        for shape, (text, colour) in BOX_LEGEND.items()
        if shape in shapes
    ]
    cells += [
        f'<td><font color="{colour}"><b>&nbsp;{sample}&nbsp;</b>{text}</font></td>'
        for line, (text, sample, colour) in LINE_LEGEND.items()
        if line in lines
    ]
    table = f'<table border="0" cellspacing="3"><tr>{"".join(cells)}</tr></table>'
    legend = f'<tr><td align="left">{table}</td></tr>'
    subtitle = '<br align="left"/>'.join(map(escape, picture.subtitle.split("\n")))
    return (
        '<table border="0" cellborder="0" cellspacing="1">'
        f'<tr><td align="left"><font point-size="15"><b>{escape(picture.title)}</b></font></td></tr>'
        f'<tr><td align="left"><font color="{CALM}">{subtitle}</font></td></tr>'
        f"{legend if cells else ''}</table>"
    )
