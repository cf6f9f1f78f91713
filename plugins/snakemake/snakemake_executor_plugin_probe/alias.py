"""``--executor probe-NAME``: the executor NAME as it is, its jobs recorded on the node where they run.

Snakemake imports each plugin at every start, and refuses to start at all when one lacks its attributes: where
the executor NAME is missing, a stand-in takes its place, which says so when it is chosen.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from snakemake_executor_plugin_probe import Executor as LocalExecutor
from snakemake_executor_plugin_probe import activate
from snakemake_executor_plugin_probe import common_settings as local_settings


def alias(name: str, into: dict[str, Any]) -> None:
    """Give the module whose names are ``into`` what a plugin for the executor ``name`` needs."""
    try:
        delegate = importlib.import_module(f"snakemake_executor_plugin_{name}")
        found = _executor(delegate.Executor), delegate.common_settings, _settings(delegate)
    except Exception as error:  # missing, or itself broken: none of this workflow's business
        found = _absent(name, str(error)), local_settings, ExecutorSettingsBase
    into["Executor"], into["common_settings"], settings = found
    if settings is not ExecutorSettingsBase:
        into["ExecutorSettings"] = settings


def _settings(delegate: ModuleType) -> type[Any]:
    own = getattr(delegate, "ExecutorSettings", None)
    if own is None:
        return ExecutorSettingsBase  # type: ignore[no-any-return]
    return dataclass(type("ExecutorSettings", (own,), {"__doc__": own.__doc__}))


def _executor(delegate: type[Any]) -> type[Any]:
    class Executor(delegate):  # type: ignore[misc]
        def __init__(self, workflow: Any, logger: Any, *args: Any, **kwargs: Any) -> None:
            self._recording = _record(workflow, logger)
            super().__init__(workflow, logger, *args, **kwargs)

        def handle_job_success(self, job: Any) -> None:
            super().handle_job_success(job)
            if self._recording is not None:
                self._recording.settle(job)

    return Executor


def _record(workflow: Any, logger: Any) -> Any:
    """Put into this process's environment what its jobs need; where that fails they run unrecorded."""
    try:
        from probe_snakemake.recording import ACTIVE, begin

        recording = begin(workflow)
        os.environ.update(recording.run.variables)
        os.environ[ACTIVE] = "1"
        activate()  # for rules that run where Snakemake runs
        return recording
    except Exception as error:
        logger.warning(f"probe: this workflow is not recorded: {str(error) or type(error).__name__}")
        return None


def _absent(name: str, reason: str) -> type[Any]:
    class Executor(LocalExecutor):
        def __init__(self, *_args: Any, **_kwargs: Any) -> None:
            package = f"snakemake-executor-plugin-{name.replace('_', '-')}"
            raise WorkflowError(f"probe-{name.replace('_', '-')} needs {package} ({reason})")

    return Executor
