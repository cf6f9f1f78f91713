"""``snakemake --executor probe``: the local executor, with each job's step in its environment.

Snakemake imports every installed executor plugin at every start, used or not. So nothing is patched and
nothing of PROBE's is imported before an executor of this kind is made.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from snakemake.exceptions import SpawnedJobError
from snakemake.executors import local

if TYPE_CHECKING:
    from probe_snakemake.recording import Recording

common_settings = local.common_settings


class Executor(local.Executor):  # type: ignore[misc]
    """The local executor; what it adds is recorded, what it cannot add is said in one line."""

    _recording: Recording | None = None

    def __post_init__(self) -> None:
        """Make the local executor's pool, then join the run in PROBE_RUN or open one."""
        super().__post_init__()
        try:
            from probe_snakemake.recording import begin

            self._recording = begin(self.workflow)
        except Exception as error:  # whatever it is, the user's workflow runs
            reason = str(error) or type(error).__name__
            self.logger.warning(f"probe: this workflow is not recorded: {reason}")

    def cached_or_run(self, job: Any, run_func: Any, *args: Any) -> None:
        """Run a job in its pool thread, as a step."""
        if self._recording is None:
            super().cached_or_run(job, run_func, *args)
            return
        with self._recording.step(job):
            super().cached_or_run(job, run_func, *args)

    def spawn_job(self, job: Any) -> None:
        """Run a job in a Snakemake of its own; the step goes there by the environment."""
        variables = self._recording.variables_here() if self._recording else {}
        if not variables:
            super().spawn_job(job)
            return
        try:
            subprocess.check_call(self.format_job_exec(job), shell=True, env={**os.environ, **variables})
        except subprocess.CalledProcessError:
            raise SpawnedJobError from None

    def cancel(self) -> None:
        """End as the local executor does, and remember that the workflow did not succeed."""
        if self._recording is not None:
            self._recording.cancelled = True
        super().cancel()
