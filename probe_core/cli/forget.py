"""`probe forget`: remove a run from the history."""

from __future__ import annotations

import click

from probe_core.cli.session import Session


@click.command(short_help="Remove a run from the history.")
@click.argument("run", metavar="RUN")
@click.pass_obj
def forget(session: Session, run: str) -> None:
    """Remove a run from the history, with all that only it tells. The files themselves are left alone."""
    with session.history() as history:
        run_id = history.find_run(run)
        history.forget(run_id)
    click.echo(f"forgotten: {run_id}")
