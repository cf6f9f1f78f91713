"""The shell texts that Snakemake announces in its log before it starts a job.

Snakemake fills a rule's text in for the log in any case; to have it done once more by ``job.shellcmd`` was
half of what declaring a job cost.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

MODULE = "snakemake.jobs"  # what logs there logs jobs


class Announced(logging.Filter):
    """Looks at the records of a logger, lets all pass, and keeps each job's text until it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[tuple[int, Any], str] = {}

    def listen(self) -> None:
        """Begin; where this Snakemake logs its jobs elsewhere nothing is heard."""
        logger = getattr(sys.modules.get(MODULE), "logger", None)
        if isinstance(logger, logging.Logger):
            for one in [one for one in logger.filters if isinstance(one, Announced)]:
                logger.removeFilter(one)  # of a workflow before this one in the same process
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the text that ``record`` announces; give True, so that it is logged."""
        text, rule = getattr(record, "shellcmd", None), getattr(record, "rule_name", None)
        if text and rule is not None:
            self._texts[record.jobid, rule] = text  # type: ignore[attr-defined]
        return True

    def text(self, job: Any) -> str | None:
        """Give what was announced for ``job`` since it was asked for last; None when nothing was."""
        return self._texts.pop((job.jobid, job.rule.name), None)
