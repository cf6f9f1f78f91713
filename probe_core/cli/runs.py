"""`probe runs`: the runs in the history, and those still open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from probe_core.ask.wording import command_of, count_of, shown, span_of, time_of
from probe_core.cli.colour import is_coloured, styled
from probe_core.cli.session import Session, asking, print_json
from probe_core.errors import SpoolError
from probe_core.printable import printable

if TYPE_CHECKING:
    from probe_core.history import RunSummary
    from probe_core.model import Run

USUAL = 20


@click.command()
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=USUAL, show_default=True, help="How many to show."
)
@click.option("--all", "show_all", is_flag=True, help="Show every run.")
@asking
def runs(session: Session, limit: int, show_all: bool, as_json: bool) -> None:
    """List the runs, the newest first. A run inside another one stands indented."""
    with session.history() as history:
        found = history.runs(None if show_all else limit + 1)
    still_open = list(_open_runs(session, {one.id for one in found}))
    more = not show_all and len(found) > limit
    found = found if show_all else found[:limit]
    if as_json:
        print_json([_open_as_json(one) for one in still_open] + [as_json_object(one) for one in found])
        return
    if not found and not still_open:
        named = session.history_place or os.environ.get("PROBE_HISTORY")
        where = f" in {shown(named)}" if named else ""
        click.echo(f"Nothing is recorded{where} yet; try: probe record -- sh -c 'sort /etc/passwd > sorted'")
        return
    _print_table([*map(_open_row, still_open), *map(_row, found)])
    if more:
        click.echo(styled(f"older ones: probe runs --limit {limit * 5}, or --all", "dim"))


def _open_runs(session: Session, known: set[str]) -> Iterator[Run]:
    """Give the runs in the spool that go on, the newest first."""
    for folder in reversed(session.spool().runs()):
        if folder.id in known:
            continue
        try:
            if folder.is_open():
                yield folder.run()
        except SpoolError:
            continue  # taking in has said what is wrong with it


Row = tuple[str, str, str, str, str, str]


def _row(one: RunSummary) -> Row:
    span = None if one.started is None or one.ended is None else one.ended - one.started
    content = f"{count_of(one.steps, 'step')}, " if one.steps else ""
    content += f"{count_of(one.processes, 'process', 'processes')}, {count_of(one.files, 'file')}"
    content += f", {count_of(one.gaps, 'gap')}" if one.gaps else ""
    what = (f"{printable(one.name)}: " if one.name else "") + command_of(one.command, 60)
    return (
        ("  " if one.outer_run else "") + one.id[:8],
        time_of(one.started, date=True),
        span_of(span),
        "?" if one.status is None else str(one.status),
        content,
        what,
    )


def _open_row(run: Run) -> Row:
    what = (f"{printable(run.name)}: " if run.name else "") + command_of(run.command, 60)
    return (run.id[:8], time_of(run.started, date=True), "", "runs", f"probe show {run.id[:8]}", what)


HEADS: Row = ("RUN", "STARTED", "TOOK", "STATUS", "WHAT IS KNOWN", "COMMAND")
FINE = ("0", "runs")  # statuses that are no failure


def _print_table(rows: Sequence[Row]) -> None:
    if sys.stdout.isatty():
        _print_fitted(rows)
        return
    table = [HEADS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADS))]
    for place, row in enumerate(table):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[2] = row[2].rjust(widths[2])
        style = "red" if place and row[3] not in FINE else "plain" if place else "bold"
        click.echo(styled("  ".join(cells).rstrip(), style), color=True)


def _print_fitted(rows: Sequence[Row]) -> None:
    """Print the table as wide as the terminal is; what is too long is cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, head in enumerate(HEADS):
        last = place == len(HEADS) - 1
        table.add_column(head, no_wrap=True, overflow="ellipsis", justify="right" if place == 2 else "left",
                         min_width=20 if last else None, ratio=1 if last else None)  # fmt: skip
    for row in rows:
        table.add_row(*map(Text, row), style="" if row[3] in FINE else "red")
    Console(no_color=not is_coloured(), highlight=False).print(table)


def as_json_object(one: RunSummary) -> dict[str, Any]:
    """Give a run's summary for programs. Times in ns since 1970."""
    return {
        "id": one.id,
        "name": one.name,
        "engine": one.engine,
        "command": [os.fsdecode(word) for word in one.command],
        "directory": os.fsdecode(one.directory),
        "host": one.host,
        "started": one.started,
        "ended": one.ended,
        "status": one.status,
        "state": one.state.value,
        "outer_run": one.outer_run,
        "steps": one.steps,
        "processes": one.processes,
        "files": one.files,
        "gaps": one.gaps,
    }


def _open_as_json(run: Run) -> dict[str, Any]:
    from probe_core.cli.json_view import run_object

    counts = dict.fromkeys(("steps", "processes", "files", "gaps"))
    return run_object(run) | counts
