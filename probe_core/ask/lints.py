"""The core's own lints of `probe check`, given by the same hook as a plugin's.

Loaded whenever plugins are, also by `probe record`: what a lint needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from probe_core.hooks import Finding, hook

if TYPE_CHECKING:
    from probe_core.ask.question import Question


@hook
def probe_findings(question: Question) -> Iterator[Finding]:
    """Compare what each step declares with what its processes did."""
    from probe_core.ask.lints_parallel import parallel
    from probe_core.ask.lints_undeclared import undeclared
    from probe_core.ask.lints_unused import unused

    found = list(undeclared(question))
    yield from found
    yield from parallel(question, frozenset((one.step, one.path) for one in found))
    yield from unused(question)
