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

from probe_snakemake import FOLDER, describe, node, seam
from probe_snakemake.announced import Announced

_unfinished: list[Run] = []  # at most one: the run that this process has opened
_opening = threading.Lock()
OWN_READS = (
    "what Snakemake's own process read beside workflow files, configuration and scripts (sample tables, "
    "what input functions open) was not recorded"
)
_as_json = json.JSONEncoder(separators=(",", ":"), default=str).encode
ACTIVE = "PROBE_SNAKEMAKE"  # set by `probe snakemake`: whatever executes jobs below it records them


class Run:
    """The run of this process: where it lies, and what jobs need in their environment to be part of it."""

    def __init__(self, folder: Path, variables: Mapping[str, str], *, opened: bool) -> None:
        self.folder = folder
        self.variables = dict(variables)
        self.opened = opened
        self.workflow: Any = None
        self.cancelled = False

    def finish(self) -> None:
        """Tell how the workflow ended and have the run taken in, by a process of its own."""
        from probe_core.capture.spool import RunFolder
        from probe_core.history import behind

        for name, value in self.variables.items():  # a cluster's executor put them there
            if os.environ.get(name) == value:
                del os.environ[name]
        scheduler = getattr(self.workflow, "scheduler", None)
        failed = self.cancelled or bool(getattr(scheduler, "_errors", False))
        try:
            RunFolder(self.folder).finish(1 if failed else 0)
            if node.leave(self.folder):
                return
            behind.start(RunFolder(self.folder))
        except Exception:
            return  # the next `probe` command takes it in


def begin(workflow: Any) -> Recording:
    """Join the run in PROBE_RUN, or open one for this process; raises when neither can be done."""
    seam.install()
    if _unfinished and _unfinished[0].workflow not in (None, workflow):
        _finish_unfinished()  # a process may run one workflow after another, by Snakemake's API
    run = join()
    run.workflow = workflow
    return Recording(run, workflow)


def join() -> Run:
    """Give the run of this process: that in PROBE_RUN, else the one it has opened or opens now."""
    folder = os.environ.get("PROBE_RUN", "")
    if folder.startswith("/") and Path(folder, "run.json").is_file():
        return Run(Path(folder), {}, opened=False)
    with _opening:  # the logger's thread may ask as well
        if not _unfinished:
            variables = _opened()
            _unfinished.append(Run(Path(variables["PROBE_RUN"]), variables, opened=True))
        return _unfinished[0]


def _opened() -> dict[str, str]:
    """Open a run whose root is this Snakemake, with what the engines below it need."""
    from probe_core.capture.launch import prepare
    from probe_core.plugins import surroundings

    node.drop_dead_preloads()
    variables = dict(prepare(sys.argv, engine="snakemake", spool=node.spool()))
    folder = Path(variables["PROBE_RUN"])
    node.announce(folder)
    environment = {**os.environb, **{os.fsencode(name): os.fsencode(v) for name, v in variables.items()}}
    gained = surroundings(folder, environment)
    return variables | {os.fsdecode(name): os.fsdecode(value) for name, value in gained.items()}


@atexit.register
def _finish_unfinished() -> None:
    while _unfinished:
        _unfinished.pop().finish()


class Lines:
    """This process's file of declarations in a run's folder. Used by all pool threads.

    Jobs that a cluster runs share one file a host: thousands of small files burden a shared folder.
    """

    def __init__(self, folder: Path, *, shared: bool, name: str = "") -> None:
        place = folder / "declarations" / FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        host = os.uname().nodename
        own = host if shared else f"{host}-{os.getpid()}"
        self._file = (place / f"{name}{own}.jsonl").open("ab", buffering=0)
        self._lock = threading.Lock()
        self._complained = False

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line, by one call: several processes of a host may do so."""
        text = _as_json(line).encode() + b"\n"
        with self._lock:
            try:
                self._file.write(text)
            except OSError as error:
                if not self._complained:
                    self._complained = True  # once, e.g. when the disk is full
                    reason = error.strerror
                    print(f"probe: steps of this workflow are not declared: {reason}", file=sys.stderr)


class Recording:
    """What a Snakemake process records of its jobs. Used by all pool threads."""

    def __init__(self, run: Run, workflow: Any) -> None:
        self.run = run
        self._directory = str(Path.cwd())
        self._outer = os.environ.get("PROBE_STEP")
        self._numbers = itertools.count(1)
        self._announced = Announced()
        self._announced.listen()
        self._process = f"{os.uname().nodename}:{os.getpid()}:{time.time_ns() >> 20:x}"
        remote = bool(describe.told(lambda: workflow.remote_exec, False))
        self._lines = Lines(run.folder, shared=remote and not run.opened)
        self._cluster = describe.cluster_facts(os.environ) if remote else {}
        if not remote or run.opened:  # else the Snakemake that submitted the job has told it
            self._lines.write({"note": "run", "facts": describe.run_facts(workflow, self._directory)})
        self._unseen = run.opened and not remote
        if self._unseen:
            self._missed(OWN_READS)
        if not remote:
            atexit.register(node.collect, run.folder.parent.parent, self._missed)

    def _missed(self, what: str) -> None:
        """Tell what was not recorded, or is not here: a gap."""
        self._lines.write({"note": "unseen", "what": what})

    @contextmanager
    def step(self, job: Any) -> Iterator[str]:
        """Make what this thread starts a step of ``job``, declare it and give its key. Adds no failure."""
        key = f"snakemake:{self._process}:{next(self._numbers)}:{job.rule.name}:{job.attempt}"[:1000]
        self._lines.write({"note": "start", "key": key, "outer": self._outer, **self._described(job)})
        status = 0
        try:
            with seam.step_here({**self.run.variables, "PROBE_STEP": key}):
                yield key
        except BaseException as error:
            status = _status(error)
            raise
        finally:
            self._end(job, key, status)

    def settle(self, job: Any) -> None:
        """Tell that Snakemake has done with a job: it gives the outputs the present time, unseen by us."""
        if self._unseen:
            jobs = getattr(job, "jobs", (job,))  # of a group
            made = [file for one in jobs for file in describe.files(one.output, self._directory)]
            self._lines.write({"note": "settled", "outputs": made, "at": time.time_ns()})

    def variables_here(self) -> Mapping[str, str]:
        """Give what a process that this thread starts itself must have in its environment."""
        return seam.here()

    def _described(self, job: Any) -> dict[str, Any]:
        try:
            text = describe.told(lambda: self._announced.text(job), None)
            facts = describe.job_facts(job, self._directory, text)
        except Exception as error:  # a Snakemake that is not known: the step is there, with less to say
            facts = {
                "rule": str(job.rule),
                "name": str(job.rule),
                "fault": f"{type(error).__name__}: {error}",
            }
        return {"started": time.time_ns(), "directory": self._directory, **facts, **self._cluster}

    def _end(self, job: Any, key: str, status: int) -> None:
        ended = time.time_ns()
        digests = (
            {} if status else describe.told(lambda: describe.temporary_digests(job, self._directory), {})
        )
        self._lines.write({"note": "end", "key": key, "ended": ended, "status": status, "digests": digests})


def _status(error: BaseException) -> int:
    """The exit status of the command that failed, from the chain of errors Snakemake made of it; else 1."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, subprocess.CalledProcessError):
            return 128 - seen.returncode if seen.returncode < 0 else int(seen.returncode)
        seen = seen.__cause__ or seen.__context__
    return 1
