"""`probe show`: a run as a tree of steps, processes and files."""

from __future__ import annotations

import click

from probe_core.ask.question import Question
from probe_core.cli.session import Session, asking, print_json


@click.command(short_help="Show a run as a tree: steps, processes, files.")
@click.argument("run", metavar="[RUN]", default="@")
@click.option(
    "--level",
    type=click.Choice(["step", "process", "file"]),
    help="How deep the tree goes [default: to the files, where that is not too long].",
)
@click.option(
    "--all", "show_all", is_flag=True, help="Show every process and file, also those of the system."
)
@asking
def show(session: Session, run: str, level: str | None, show_all: bool, as_json: bool) -> None:
    """Show what a run did: its steps, their processes, and the files these read and made.

    What is boring is folded: programs, libraries and files of the system, look-ups, processes that touched
    nothing else. A run that still goes on is shown as far as it has come.
    """
    graph = session.run(run)
    from probe_core.plugins import engines

    question = Question(graph, engines())
    if as_json:
        from probe_core.cli.json_view import graph_object

        print_json(graph_object(question))
        return
    from probe_core.cli.show_tree import run_lines

    for line in run_lines(question, level=level, show_all=show_all):
        click.echo(line, color=True)
