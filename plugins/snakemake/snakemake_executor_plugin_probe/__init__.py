"""``snakemake --executor probe``: the local executor, with each job's step in its environment.

Snakemake imports every installed executor plugin at every start, used or not. So nothing of PROBE's is
imported before an executor of this kind is made, and nothing is changed but where `probe snakemake` asked for
it by PROBE_SNAKEMAKE: there whichever Snakemake runs jobs itself, here or on a cluster's node, records them.
Annotations are not postponed here: Snakemake reads the types of the settings from them.
"""

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snakemake.exceptions import SpawnedJobError, WorkflowError
from snakemake.executors import local
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

if TYPE_CHECKING:
    from probe_snakemake.recording import Recording

common_settings = local.common_settings


@dataclass
class ExecutorSettings(ExecutorSettingsBase):  # type: ignore[misc]
    """The executor's options; each is ``--probe-NAME`` on Snakemake's command line."""

    enforce: bool = field(
        default=False,
        metadata={
            "help": "Let a job fail that read or left a file which its rule does not declare",
            "env_var": False,
            "required": False,
        },
    )


class Executor(local.Executor):  # type: ignore[misc]
    """The local executor; what it adds is recorded, what it cannot add is said in one line."""

    _recording: "Recording | None" = None

    def __post_init__(self) -> None:
        """Make the local executor's pool, then join the run in PROBE_RUN or open one."""
        super().__post_init__()
        self.begin()

    def begin(self) -> None:
        """Join or open the run; where that fails the workflow runs unrecorded."""
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
        with self._recording.step(job) as key:
            super().cached_or_run(job, run_func, *args)
            if getattr(self.workflow.executor_settings, "enforce", False):
                self._enforce(key, job)

    def _enforce(self, key: str, job: Any) -> None:
        from probe_snakemake.enforce import faults

        assert self._recording is not None
        try:
            found = faults(self._recording.run.folder, key)
        except Exception as error:  # what cannot be judged is no job's fault
            self.logger.warning(f"probe: job {job.jobid} cannot be checked: {error}")
            return
        if found:
            fault = WorkflowError("\n".join(found))
            # Given at once, the rule would stand in the text too, with another line than the Snakefile's.
            fault.rule, fault.lineno, fault.snakefile = job.rule, job.rule.lineno, job.rule.snakefile
            raise fault

    def run_single_job(self, job: Any) -> Any:
        """Start a job as the local executor does; on a node a ``run:`` body too gets a process of its own.

        There Snakemake would run it in its own process, where nobody could tell its reads from Snakemake's.
        """
        if self._recording is not None and self.workflow.remote_exec and job.is_run:
            return self.pool.submit(self.cached_or_run, job, self.spawn_job, job)
        return super().run_single_job(job)

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

    def handle_job_success(self, job: Any) -> None:
        """Do as the local executor does, when Snakemake has looked at the job's outputs."""
        super().handle_job_success(job)
        if self._recording is not None:
            self._recording.settle(job)

    def cancel(self) -> None:
        """End as the local executor does, and remember that the workflow did not succeed."""
        if self._recording is not None:
            self._recording.run.cancelled = True
        super().cancel()


def activate() -> None:
    """Let the local executor of this process become ours when one is made for a workflow's own jobs."""
    plain = local.Executor.__post_init__
    if plain.__module__ == __name__:
        return

    def __post_init__(self: Any) -> None:  # noqa: N807 - it stands for the method
        plain(self)
        if (
            type(self) is local.Executor
            and not self.workflow.subprocess_exec
            and not _passes_on(self.workflow)
        ):
            self.__class__ = Executor
            self.begin()

    local.Executor.__post_init__ = __post_init__


def _passes_on(workflow: Any) -> bool:
    """Tell whether this is a Snakemake on a node that only starts the one which runs the job."""
    return bool(workflow.remote_exec and workflow.executor_plugin.common_settings.non_local_exec)


if os.environ.get("PROBE_SNAKEMAKE"):
    activate()
