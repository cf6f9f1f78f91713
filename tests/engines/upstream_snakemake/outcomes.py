"""A pytest plugin: append each test's outcome to the file that SUITE_OUTCOMES names, as it becomes known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Keep what the set-up, the test and the tear-down told, and write one line when all are over."""
    item.config.reports = []
    result = yield
    reports = item.config.reports
    failed = any(one.failed for one in reports)
    skipped = any(one.skipped for one in reports)
    line = {
        "test": item.nodeid.rpartition("/")[2],
        "outcome": "failed" if failed else "skipped" if skipped else "passed",
        "seconds": round(sum(one.duration for one in reports), 2),
        "said": next((str(one.longrepr)[-2000:] for one in reports if one.failed), ""),
    }
    with Path(os.environ["SUITE_OUTCOMES"]).open("a") as file:
        file.write(json.dumps(line) + "\n")
    return result


def pytest_runtest_logreport(report):
    """Keep one report of the test that runs."""
    _config.reports.append(report)


def pytest_configure(config):
    """Remember the configuration, which reports do not name."""
    global _config
    _config = config
