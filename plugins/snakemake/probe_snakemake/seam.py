"""The seam: what snakemake.shell starts for a job gets the job's step by its environment.

``snakemake.shell`` starts every job's command by ``sp.Popen``, ``sp`` being the module subprocess. In its
place stands a stand-in that adds variables for the thread it is called in, and nothing else.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

MODULE = "snakemake.shell"  # the package's attribute of that name is a class: go by sys.modules

_here = threading.local()


class SeamError(Exception):
    """This Snakemake does not start its jobs in a way that is known."""

    def __str__(self) -> str:
        return f"this Snakemake starts its jobs in an unknown way ({self.args[0]})"


class StandIn:
    """The module subprocess, as snakemake.shell sees it."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def Popen(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - subprocess calls it so
        """Start a process, with the step of this thread in its environment."""
        if variables := here():
            given = kwargs.get("env")
            kwargs["env"] = {**given, **variables} if given is not None else _with(variables)
        return self._module.Popen(*args, **kwargs)


def _with(variables: Mapping[str, str]) -> dict[bytes, bytes]:
    """Give this process's environment and ``variables``, without decoding it first: this is for every job."""
    encoded = {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
    return {**os.environb, **encoded}


def install() -> None:
    """Put the stand-in where snakemake.shell finds it; once. SeamError when there is no such place."""
    module = sys.modules.get(MODULE)
    found = getattr(module, "sp", None)
    if isinstance(found, StandIn):
        return
    if not isinstance(found, ModuleType) or not callable(getattr(found, "Popen", None)):
        raise SeamError(f"{MODULE} has no subprocess")
    module.sp = StandIn(found)  # type: ignore[union-attr]


def here() -> Mapping[str, str]:
    """Give the variables of this thread's step; none outside a step."""
    return getattr(_here, "variables", None) or {}


@contextmanager
def step_here(variables: Mapping[str, str]) -> Iterator[None]:
    """Let what this thread starts have ``variables``."""
    before = here()
    _here.variables = variables
    try:
        yield
    finally:
        _here.variables = before
