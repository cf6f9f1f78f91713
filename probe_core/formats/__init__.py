"""The core's own export formats. What each needs is imported when it is used, not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from probe_core.hooks import Format, Option, hook

if TYPE_CHECKING:
    from probe_core.model import RunGraph


def _prov_json(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    from probe_core.formats.prov_json import write

    write(graph, out, options)


def _dataflow_graph(graph: RunGraph, out: BinaryIO, options: Mapping[str, Any]) -> None:
    from probe_core.formats.dataflow_graph import write

    write(graph, out, options)


PROV_JSON = Format(
    name="prov-json",
    summary="W3C PROV-JSON: who made which file version from what, for other provenance tools",
    endings=(".json", ".prov.json"),
    write=_prov_json,
    options=(
        Option("level", "how finely to tell activities", "process", ("step", "process", "exec")),
        Option("derivations", "add wasDerivedFrom where one program read and wrote (a guess)", False),
        Option("all", "with look-ups and listings as well as what was read and written", False),
    ),
)

DATAFLOW_GRAPH = Format(
    name="dataflow-graph",
    summary="a picture of steps and the files between them",
    endings=(".svg", ".dot", ".png", ".html", ".mmd"),
    write=_dataflow_graph,
    options=(
        Option("level", "what the boxes are", "step", ("step", "process", "file")),
        Option("all", "with what operating system and environments ship", False),
        Option("ending", "the kind of picture, when no file name tells it", None,
               ("svg", "dot", "png", "html", "mmd")),
    ),
)  # fmt: skip


@hook
def probe_formats() -> Sequence[Format]:
    """Give the formats of the core."""
    return (PROV_JSON, DATAFLOW_GRAPH)
