"""Dated tables in docs/evidence/, written by the long proofs (``make prove``) and by nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROVE = bool(os.environ.get("PROBE_PROVE"))
FOLDER = Path(__file__).parents[1] / "docs" / "evidence"


def write_evidence(name: str, title: str, command: str, text: str) -> None:
    """Write ``docs/evidence/<name>.md``, telling the command that makes it; nothing unless proving."""
    if PROVE:
        head = f"# {title}\n\n{time.strftime('%Y-%m-%d')}; by `{command}`.\n\n"
        (FOLDER / f"{name}.md").write_text(head + text.strip() + "\n")
