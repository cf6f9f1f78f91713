"""The picture of a run: .dot .svg .png .html .mmd, by the ending of the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from probe_core.errors import FormatError
from probe_core.formats.dataflow import Sketch
from probe_core.formats.dot import write_dot
from probe_core.formats.drawing import draw
from probe_core.formats.folding import fold_like_files, merge_arrows, only_files
from probe_core.formats.mermaid import write_mermaid
from probe_core.formats.picture import Picture
from probe_core.formats.vocabulary import readable
from probe_core.model import RunGraph

KINDS = ("svg", "dot", "png", "html", "mmd")


def write(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    """Write a picture of ``graph``. Options: ``level`` (step, process, file), ``all``, ``ending``.

    Without ``ending`` the file's name tells the kind; else it is svg. Raises FormatError: no such kind of
    picture, or it cannot be drawn.
    """
    kind = str(options.get("ending") or _ending(out)).lstrip(".")
    if kind not in KINDS:
        raise FormatError("dataflow-graph", f"cannot be written as .{kind}; there are .{' .'.join(KINDS)}")
    picture = draw_run(graph, str(options.get("level") or "step"), everything=bool(options.get("all")))
    if kind == "mmd":
        out.write(write_mermaid(picture).encode())
        return
    text = write_dot(picture)
    match kind:
        case "dot":
            out.write(text.encode())
        case "html":
            out.write(page(picture, draw(text, "svg").decode()).encode())
        case _:
            out.write(draw(text, kind))


def draw_run(graph: RunGraph, level: str = "step", *, everything: bool = False) -> Picture:
    """Make the picture of a run at ``level``: step, process or file."""
    by_file = level == "file"
    picture = Sketch(graph, processes=level == "process", everything=everything, code=by_file).draw()
    merge_arrows(picture)
    if by_file:
        only_files(picture)
    fold_like_files(picture)
    return picture


def page(picture: Picture, svg: str) -> str:
    """Give the drawing as a page of its own, to move and enlarge, that asks nothing of any server."""
    template = (files("probe_core.formats") / "page.html").read_text("utf-8")
    title = readable(picture.title).replace("&", "&amp;").replace("<", "&lt;")
    return template.replace("{{title}}", title).replace("{{svg}}", svg[svg.index("<svg") :])


def _ending(out: BinaryIO) -> str:
    """Give the ending of the name of the file that is written, if it has a known one."""
    name = getattr(out, "name", None)
    ending = Path(name).suffix.lstrip(".") if isinstance(name, str) else ""
    return ending if ending in KINDS else KINDS[0]
