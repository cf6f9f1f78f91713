"""What a verb works with: the history, the spool, and the run that was asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probe_core.errors import ProbeError, UnknownRun
from probe_core.printable import printable

if TYPE_CHECKING:
    from probe_core.capture.spool import RunFolder, Spool
    from probe_core.history import History
    from probe_core.model import RunGraph


@dataclass(slots=True)
class Session:
    """The places of one invocation of `probe`; both are opened when they are asked for."""

    history_place: str | None = None
    spool_place: str | None = None
    debug: bool = False

    def spool(self) -> Spool:
        """Give the spool."""
        from probe_core.capture.spool import Spool

        return Spool(Path.cwd() / self.spool_place) if self.spool_place else Spool.default()

    def history(self) -> History:
        """Open the history, after everything that ended has been taken in.

        What cannot be taken in is told on standard error and stays where it is; the question is answered.
        """
        from probe_core.cli.waiting import Waiting
        from probe_core.history import open_history
        from probe_core.history.intake import take_in_all, wait_for_others

        spool, onlooker = self.spool(), Waiting()
        is_used = (spool.folder / "runs").is_dir()
        if is_used:
            wait_for_others(spool, onlooker)
        history = open_history(self.history_place)
        context = click.get_current_context(silent=True)
        if context is not None:
            context.call_on_close(history.close)
        for fault in take_in_all(spool, history, onlooker=onlooker) if is_used else ():
            told(str(fault))
        return history

    def run(self, name: str) -> RunGraph:
        """Give the run called ``name``: taken in, or as far as it has come when it is still open."""
        history = self.history()
        folder = self._open_run(name, history)
        if folder is not None:
            return stitched(folder)
        return history.graph(history.find_run(name))

    def _open_run(self, name: str, history: History) -> RunFolder | None:
        """Give the open run in the spool that ``name`` means; None: it means one in the history."""
        folders = [folder for folder in self.spool().runs() if folder.is_open()]
        if not folders:
            return None
        if name == "@":
            newest = next((one for one in history.runs() if one.outer_run is None), None)
            outermost = [folder for folder in folders if folder.run().outer_run is None]
            if outermost and (newest is None or (outermost[-1].run().started or 0) > (newest.started or 0)):
                return outermost[-1]
            return None
        try:
            known = history.find_run(name)
        except UnknownRun as unknown:
            if unknown.candidates:
                raise
        else:  # one that left a process behind is in the history and still open
            return next((folder for folder in folders if folder.id == known), None)
        fitting = [one for one in folders if one.id.startswith(name) or one.run().name == name]
        if len(fitting) > 1:
            raise UnknownRun(name, tuple(one.id for one in fitting))
        return fitting[0] if fitting else None


def stitched(folder: RunFolder) -> RunGraph:
    """Stitch a run that still goes on, and leave its folder as it is."""
    from probe_core.plugins import engines
    from probe_core.stitch import stitch

    return stitch(folder, list(engines().values()))


def told(sentence: str) -> None:
    """Say one sentence on standard error."""
    print(f"probe: {printable(sentence)}", file=sys.stderr)


def asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what every asking one has: --json, and the Session as its first argument."""
    with_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
    return with_json(click.pass_obj(command))


def print_json(answer: object) -> None:
    """Print an answer for programs; a byte that is not UTF-8 stands as a lone surrogate."""
    import json

    click.echo(json.dumps(answer, indent=2))


__all__ = ["ProbeError", "Session", "asking", "print_json", "stitched", "told"]
