"""Writes a picture in Mermaid's language, which hosts of source code and notebooks draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from probe_core.formats.picture import Group, Line, Node, Picture, Shape

BRACKETS = {
    Shape.STEP: ("[", "]"),
    Shape.FAILED: ("[", "]"),
    Shape.PROCESS: ("[", "]"),
    Shape.CODE: ("[[", "]]"),
    Shape.JOINT: ("((", "))"),
}
ARROWS = {
    Line.PLAIN: "-->",
    Line.DECLARED: "-->",
    Line.UNDECLARED: "-. not declared .->",
    Line.UNSEEN: "-. not touched .->",
    Line.CODE: "-->",
    Line.PIPE: "==>",
}
STYLES = {
    Shape.STEP: "fill:#dbe9f6,stroke:#0072b2,color:#000",
    Shape.FAILED: "fill:#fbe3d6,stroke:#c44601,stroke-width:2px,color:#000",
    Shape.PROCESS: "fill:#eaf1f8,stroke:#0072b2,color:#000",
    Shape.INPUT: "fill:#e6f4ea,stroke:#3f7d58,color:#000",
    Shape.FILE: "fill:#fffdf5,stroke:#4a5560,color:#000",
    Shape.RESULT: "fill:#fff1c9,stroke:#8a6d00,stroke-width:2px,color:#000",
    Shape.CODE: "fill:#f3f3f3,stroke:#9aa3ab,color:#000",
    Shape.JOINT: "fill:#fff,stroke:#0072b2,color:#000",
}


def write_mermaid(picture: Picture) -> str:
    """Give the picture as a ``flowchart``."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield f"%% {picture.title}"
    yield "flowchart TD"
    yield from _group(picture, None, "  ")
    warned = []
    for place, arrow in enumerate(picture.arrows):
        yield f"  {arrow.source} {ARROWS[arrow.line]} {arrow.target}"
        if arrow.line == Line.UNDECLARED:
            warned.append(str(place))
    for shape in dict.fromkeys(node.shape for node in picture.nodes.values()):
        yield f"  classDef {shape}_ {STYLES[shape]}"
    if warned:
        yield f"  linkStyle {','.join(warned)} stroke:#c44601,stroke-width:2px"


def _group(picture: Picture, group: Group | None, indent: str) -> Iterator[str]:
    key = group.key if group else None
    for node in picture.nodes.values():
        if node.group == key:
            yield indent + _node(node)
    for inner in picture.groups.values():
        if inner.parent == key:
            yield f'{indent}subgraph {inner.key}["{_quoted(inner.label)}"]'
            yield from _group(picture, inner, indent + "  ")
            yield f"{indent}end"


def _node(node: Node) -> str:
    opening, closing = BRACKETS.get(node.shape, ("([", "])"))
    return f'{node.key}{opening}"{_quoted(node.label)}"{closing}:::{node.shape}_'


def _quoted(text: str) -> str:
    """Give a text as Mermaid takes it between quotes, with its codes for what would end or change it."""
    coded = "".join(f"#{ord(letter)};" if letter in '#"<>&`\\' else letter for letter in text)
    return coded.replace("\n", "<br/>")
