"""The core's own lints of `probe check`, given by the same hook as a plugin's.

Loaded whenever plugins are, also by `probe record`: what a lint needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from probe_core.hooks import Finding, hook

if TYPE_CHECKING:
    from probe_core.ask.question import Question


@hook
def probe_findings(question: Question) -> Iterator[Finding]:
    """Compare what each step declares with what its processes did."""
    from probe_core.ask.lints_absolute import absolute
    from probe_core.ask.lints_environment import outside
    from probe_core.ask.lints_network import network
    from probe_core.ask.lints_parallel import parallel
    from probe_core.ask.lints_patterns import caught
    from probe_core.ask.lints_undeclared import undeclared
    from probe_core.ask.lints_unused import unused

    unborne = list(unused(question))
    absent = {one.step: one.path for one in unborne if one.lint == "unmade-output" and one.path is not None}
    found = [one for one in undeclared(question) if not _goes_with(question, one, absent.get(one.step))]
    told = frozenset((one.step, one.path) for one in found)
    named = {(one.step, one.path): one for one in absolute(question)}
    for one in found:
        also = named.get((one.step, one.path)) if one.lint == "undeclared-input" else None
        yield one if also is None else replace(one, evidence=(*one.evidence, also.message))
    yield from parallel(question, told)
    yield from unborne
    for lint in (network(question), named.values(), outside(question), caught(question)):
        yield from (one for one in lint if one.path is None or (one.step, one.path) not in told)


def _goes_with(question: Question, finding: Finding, absent: bytes | None) -> bool:
    """Tell whether a finding of a step goes with an output of it that is not made (``absent``).

    So does what is made in its place; and with nothing there the step runs each time, whatever it reads.
    """
    from probe_core.ask.judgement import remains
    from probe_core.ask.lints_unused import is_misnamed

    if absent is None or finding.path is None:
        return False
    if finding.lint == "undeclared-output":
        return is_misnamed(absent, finding.path)
    return not (absent in question.versions_by_path and remains(question, absent))
