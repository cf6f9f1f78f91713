"""Every term that PROV-JSON uses stands in its reference."""

from __future__ import annotations

import re
from pathlib import Path

from prov_documents import GRAPHS, export

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "prov-json.md"


def test_every_term_is_in_the_reference() -> None:
    used = {
        term
        for graph in GRAPHS.values()
        for level in ("step", "process", "exec")
        for term in re.findall(
            r'"(probe:[A-Za-z]+)"', export(graph(), level=level, all=True, derivations=True).decode()
        )
    }
    documented = set(re.findall("probe:[A-Za-z]+", REFERENCE.read_text("utf-8")))
    assert len(used) > 40
    assert used - documented == set()
