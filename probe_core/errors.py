"""The errors PROBE raises on purpose. They carry data; the text is made in ``__str__``.

The command line turns each into one sentence and an exit status, in one place:
``UsageError`` is 2, every other ``ProbeError`` is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class ProbeError(Exception):
    """Base of all; ``str()`` is one sentence: what is wrong, where, what to do."""

    exit_status = 1


class UsageError(ProbeError):
    """The request itself does not make sense."""

    exit_status = 2


@dataclass(eq=False)
class UnknownRun(UsageError):
    """No run, or more than one, goes by that name; ``known`` is how many runs there are, if that matters."""

    name: str
    candidates: tuple[str, ...] = ()
    known: int | None = None

    def __str__(self) -> str:
        if self.candidates:
            some = ", ".join(one[: max(8, len(self.name) + 3)] for one in self.candidates[:5])
            more = " …" if len(self.candidates) > 5 else ""
            return f"'{self.name}' names more than one run ({some}{more}); give more of its id"
        if self.known == 0:
            return "nothing is recorded yet; try: probe record -- COMMAND"
        if self.known is not None:
            return f"there is no run '{self.name}': {self.known} recorded, `probe runs` lists them"
        return f"no run is called '{self.name}'; `probe runs` lists them"


@dataclass(eq=False)
class UnknownFile(ProbeError):
    """No recorded run touched that file."""

    path: Path
    hint: str = "record the command that makes it with `probe record`"

    def __str__(self) -> str:
        return f"no recorded run touched {self.path}; {self.hint}"


@dataclass(eq=False)
class UnknownVersion(UsageError):
    """A file has no such recorded version."""

    path: Path
    version: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        some = ", ".join(self.known[:5])
        return f"no recorded version of {self.path} is '{self.version}'; its contents, newest first: {some}"


@dataclass(eq=False)
class SegmentError(ProbeError):
    """A segment cannot be read as one."""

    path: Path
    reason: str
    offset: int | None = None

    def __str__(self) -> str:
        where = f" at byte {self.offset}" if self.offset is not None else ""
        return f"{self.path} cannot be read{where}: {self.reason}"


@dataclass(eq=False)
class HistoryError(ProbeError):
    """The history cannot be opened, read or written."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"the history {self.place} cannot be used: {self.reason}"


@dataclass(eq=False)
class SpoolError(ProbeError):
    """The spool, or a run in it, cannot be used."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"the spool {self.path} cannot be used: {self.reason}"


@dataclass(eq=False)
class RecorderError(ProbeError):
    """Recording cannot start."""

    reason: str

    def __str__(self) -> str:
        return f"nothing can be recorded: {self.reason}"


@dataclass(eq=False)
class PluginError(ProbeError):
    """A plugin failed; which one is part of the message."""

    plugin: str
    reason: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' failed: {self.reason}"


@dataclass(eq=False)
class FormatError(ProbeError):
    """An export cannot be written, or an import read."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"
