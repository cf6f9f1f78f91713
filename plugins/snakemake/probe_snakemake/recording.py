"""One Snakemake process's part in a run: which run, each job's step, and the lines that declare them."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probe_snakemake import FOLDER, describe, seam


def begin(workflow: Any) -> Recording:
    """Join the run in PROBE_RUN, or open one for this process; raises when neither can be done."""
    seam.install()
    folder = os.environ.get("PROBE_RUN", "")
    if Path(folder, "run.json").is_file() and folder.startswith("/"):
        return Recording(Path(folder), {}, workflow)
    variables = _opened()
    recording = Recording(Path(variables["PROBE_RUN"]), variables, workflow)
    atexit.register(recording.finish)
    return recording


def _opened() -> dict[str, str]:
    """Open a run whose root is this Snakemake, with what the engines below it need."""
    from probe_core.capture.launch import prepare
    from probe_core.plugins import engines

    variables = dict(prepare(sys.argv, engine="snakemake"))
    folder = Path(variables["PROBE_RUN"])
    environment = {**os.environb, **{os.fsencode(name): os.fsencode(v) for name, v in variables.items()}}
    for engine in engines().values():
        gained = engine.surroundings(folder, environment)
        environment |= gained
        variables |= {os.fsdecode(name): os.fsdecode(value) for name, value in gained.items()}
    return variables


class Recording:
    """The run's folder, and this process's file of declarations in it. Used by all pool threads."""

    def __init__(self, folder: Path, variables: Mapping[str, str], workflow: Any) -> None:
        """``variables`` is what jobs need beyond this process's own environment."""
        self.folder = folder
        self.cancelled = False
        self._variables = dict(variables)
        self._workflow = workflow
        self._directory = str(Path.cwd())
        self._outer = os.environ.get("PROBE_STEP")
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        place = folder / "declarations" / FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = (place / f"{os.getpid()}.jsonl").open("ab", buffering=0)
        self._write({"note": "run", "facts": describe.run_facts(workflow, self._directory)})

    @contextmanager
    def step(self, job: Any) -> Iterator[None]:
        """Make what this thread starts a step of ``job``, and declare it. Adds no failure of its own."""
        key = f"snakemake:{os.getpid()}:{next(self._numbers)}:{job.rule.name}:{job.attempt}"[:1000]
        self._write({"note": "start", "key": key, "outer": self._outer, **self._described(job)})
        status = 0
        try:
            with seam.step_here({**self._variables, "PROBE_STEP": key}):
                yield
        except BaseException as error:
            status = _status(error)
            raise
        finally:
            self._end(job, key, status)

    def variables_here(self) -> Mapping[str, str]:
        """Give what a process that this thread starts itself must have in its environment."""
        return seam.here()

    def finish(self) -> None:
        """Tell how the workflow ended and have the run taken in, by a process of its own."""
        from probe_core.capture.spool import RunFolder

        scheduler = getattr(self._workflow, "scheduler", None)
        failed = self.cancelled or bool(getattr(scheduler, "_errors", False))
        try:
            RunFolder(self.folder).finish(1 if failed else 0)
            subprocess.Popen(
                [sys.executable, "-m", "probe_core.history.finish", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except Exception:
            return  # the next `probe` command takes it in

    def _described(self, job: Any) -> dict[str, Any]:
        try:
            facts = describe.job_facts(job, self._directory)
        except Exception as error:  # a Snakemake that is not known: the step is there, with less to say
            facts = {
                "rule": str(job.rule),
                "name": str(job.rule),
                "fault": f"{type(error).__name__}: {error}",
            }
        return {"started": time.time_ns(), "directory": self._directory, **facts}

    def _end(self, job: Any, key: str, status: int) -> None:
        ended = time.time_ns()
        digests = (
            {} if status else describe.told(lambda: describe.temporary_digests(job, self._directory), {})
        )
        self._write({"note": "end", "key": key, "ended": ended, "status": status, "digests": digests})

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":"), default=str).encode() + b"\n"
        with self._lock:
            try:
                self._file.write(text)
            except OSError as error:
                self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say once that steps go undeclared, e.g. since the disk is full."""
        if not self.cancelled and not getattr(self, "_complained", False):
            self._complained = True
            print(f"probe: steps of this workflow are not declared: {error.strerror}", file=sys.stderr)


def _status(error: BaseException) -> int:
    """The exit status of the command that failed, from the chain of errors Snakemake made of it; else 1."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, subprocess.CalledProcessError):
            return 128 - seen.returncode if seen.returncode < 0 else int(seen.returncode)
        seen = seen.__cause__ or seen.__context__
    return 1
