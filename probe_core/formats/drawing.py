"""Draws Graphviz' language as SVG or PNG, with graphviz-pure (a dependency) or else with an installed dot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from probe_core.errors import FormatError

PATIENCE = 60  # seconds
LARGEST = 20_000  # arrows: far above what anybody can look at, below what fills the memory
RESOLUTION = 144  # dots per inch
# The layout measures Arial. Where a viewer has none it takes a wider face (DejaVu Sans by 13 %), so an SVG's
# letters are made smaller by that, and its boxes stay.
_LETTERS = 0.88
_FACES = b"Arial,Liberation Sans,Arimo,Helvetica,sans-serif"


def draw(text: str, kind: str) -> bytes:
    """Draw ``text`` as ``kind`` (svg or png). Raises FormatError: no program to draw with, or too large."""
    arrows = text.count(" -> ")
    if arrows > LARGEST:
        raise FormatError("dataflow-graph", f"the picture has {arrows} arrows, too many to draw; {_REMEDY}")
    command = [_program(), f"-T{kind}", "-Kdot", *([f"-Gdpi={RESOLUTION}"] if kind == "png" else [])]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"the picture ({arrows} arrows) could not be drawn in {PATIENCE} s; {_REMEDY}"
        raise FormatError("dataflow-graph", reason) from None
    except OSError as error:
        raise FormatError("dataflow-graph", f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode or not done.stdout:
        words = done.stderr.decode(errors="replace").strip().splitlines() or [f"status {done.returncode}"]
        raise FormatError("dataflow-graph", f"{command[0]} failed: {words[-1]}")
    return _for_any_viewer(done.stdout) if kind == "svg" else done.stdout


def _for_any_viewer(svg: bytes) -> bytes:
    svg = re.sub(rb'font-family="[^"]*"', b'font-family="' + _FACES + b'"', svg)
    return re.sub(
        rb'font-size="([0-9.]+)"', lambda found: b'font-size="%.2f"' % (float(found[1]) * _LETTERS), svg
    )


_REMEDY = "take another --level, or write a .dot file and draw it with `sfdp`"


def _program() -> str:
    """Find graphviz-pure beside this Python (also where that is not on PATH), else what is called dot."""
    beside = [str(Path(sys.prefix) / "bin"), str(Path(sys.executable).parent)]
    search = os.pathsep.join([*beside, os.environ.get("PATH", os.defpath)])
    for name in ("graphviz-pure", "dot"):
        if found := shutil.which(name, path=search):
            return found
    raise FormatError(
        "dataflow-graph",
        "there is no program to draw with; `pip install graphviz-pure`, or write a .dot or .mmd file",
    )
