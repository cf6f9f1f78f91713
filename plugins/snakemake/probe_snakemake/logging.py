"""What `--logger probe` writes: the states of the jobs as Snakemake's main process tells them.

Under any executor, also one whose jobs are not recorded: the steps are there with what they declare and how
they ended. Where the executor recorded a step itself, its own account counts (`declarations.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from probe_snakemake import describe
from probe_snakemake.recording import Lines, join


class States:
    """Follows the jobs of one Snakemake by its log records."""

    def __init__(self) -> None:
        self._lines = Lines(join().folder, shared=False, name="states-")
        self._directory = str(Path.cwd())
        self._jobs: dict[int, dict[str, Any]] = {}
        self._attempts: dict[int, int] = {}
        self._declared: dict[int, int] = {}

    def take(self, record: Any) -> None:
        """Look at one log record; those of other events are passed over."""
        match str(getattr(record, "event", "")):
            case "job_info":
                self._known(record)
            case "shellcmd" if (job := self._jobs.get(getattr(record, "jobid", -1))) is not None:
                job["shell"] = getattr(record, "shellcmd", None)
            case "job_started":
                for number in _numbers(record):
                    self._started(number)
            case "job_finished":
                self._ended(getattr(record, "job_id", None), 0)
            case "job_error":
                self._ended(getattr(record, "jobid", None), 1)
            case _:
                pass

    def _known(self, record: Any) -> None:
        told = describe.told
        rule = str(getattr(record, "rule_name", None) or getattr(record, "name", "job"))
        wildcards = told(lambda: dict(record.wildcards), {})
        values = ", ".join(f"{name}={value}" for name, value in wildcards.items())
        number = int(record.jobid)
        self._jobs[number] = {
            "rule": rule,
            "name": f"{rule} ({values})" if values else rule,
            "inputs": self._files(getattr(record, "input", None)),
            "outputs": self._files(getattr(record, "output", None)),
            "logs": self._files(getattr(record, "log", None)),
            "wildcards": describe.plain(wildcards),
            "threads": told(lambda: int(record.threads), None),
            "priority": told(lambda: describe.plain(record.priority), None),
            "resources": told(lambda: describe.plain(dict(record.resources.items())), None),
            "jobid": number,
            "directory": self._directory,
        }
        self._declare(number)

    def _started(self, number: int) -> None:
        self._attempts[number] = self._attempts.get(number, 0) + 1
        self._declare(number)

    def _declare(self, number: int) -> None:
        """Write the start of a job once both are known, what it is and that it starts; in any order."""
        job, attempt = self._jobs.get(number), self._attempts.get(number)
        if job is None or attempt is None or self._declared.get(number) == attempt:
            return
        self._declared[number] = attempt
        now = {"key": _key(number, attempt), "attempt": attempt, "started": time.time_ns()}
        self._lines.write({"note": "state", **now, **job})

    def _ended(self, number: int | None, status: int) -> None:
        if number is None or number not in self._attempts:
            return
        key = _key(number, self._attempts[number])
        self._lines.write({"note": "end", "key": key, "ended": time.time_ns(), "status": status})

    def _files(self, names: Iterable[Any] | None) -> list[str]:
        return describe.files(names or (), self._directory)


def _key(number: int, attempt: int) -> str:
    return f"snakemake:job:{number}:{attempt}"


def _numbers(record: Any) -> list[int]:
    jobs = getattr(record, "jobs", None) or ()
    return [int(one) for one in (jobs if not isinstance(jobs, Mapping) else jobs.values())]
