"""`probe why` and `probe uses`: where a file came from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from probe_core.cli.session import Session, asking, print_json, told

if TYPE_CHECKING:
    from probe_core.ask.lineage import Lineage


def _lineage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--all", "show_all", is_flag=True, help="Show also what the system and environments ship."
        ),
        click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Go no further than N makers."),
        click.option(
            "--version",
            metavar="V",
            help="Which content: 1 the newest recorded, 2 the one before it, or the begin of its digest "
            "[default: the one on disk].",
        ),
        click.option("--run", metavar="RUN", help="The content that the file had at the end of this run."),
        click.argument("file", type=click.Path(), metavar="FILE"),
    ):
        command = option(command)
    return command


@click.command(short_help="Tell where a file came from.")
@_lineage_options
@asking
def why(session: Session, /, **words: Any) -> None:
    """Tell where a file came from: the steps and processes that led to its content, back to the first inputs.

    FILE as you would type it elsewhere: relative, absolute, through a symbolic link, gone or still there.
    """
    _answer(session, "why", **words)


@click.command(short_help="Tell what was made from a file.")
@_lineage_options
@asking
def uses(session: Session, /, **words: Any) -> None:
    """Tell what was made from a file: the steps and processes that took it in, on to the last results."""
    _answer(session, "uses", **words)


def _answer(
    session: Session,
    question: str,
    *,
    file: str,
    run: str | None,
    version: str | None,
    depth: int | None,
    show_all: bool,
    as_json: bool,
) -> None:
    if run is not None and version is not None:
        raise click.UsageError("--run and --version each choose a content; give one of them")
    from probe_core.ask import lineage

    history = session.history()
    if run is not None:
        version = history.find_run(run)
    ask: Callable[..., Lineage] = lineage.why if question == "why" else lineage.uses
    answer = ask(history, file, version=version, depth=depth)
    if as_json:
        print_json(answer.to_json())
        return
    from probe_core.cli.lineage_tree import lineage_lines

    for note in answer.target.notes:
        told(note)
    for line in lineage_lines(answer, history, show_all=show_all):
        click.echo(line, color=True)
