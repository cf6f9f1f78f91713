"""`probe record`, as click explains it; its plain form never comes here (see main)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from probe_core.cli.recording import STATIC, Request, start
from probe_core.cli.session import Session

# The command's own options are its own: ours end at the first word that is none.
COMMAND_LINE: dict[str, Any] = {"ignore_unknown_options": False, "allow_interspersed_args": False}


def recording_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what every recording verb has: --name, -v, -q, --keep."""
    for option in (
        click.option("--keep", is_flag=True, help="Leave the raw recording in the spool too."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing."),
        click.option("-v", "--verbose", is_flag=True, help="Say what was recorded, terminal or not."),
        click.option(
            "--static",
            type=click.Choice(STATIC),
            help="Statically linked programs: note a gap, watch them (see the limits), or watch them only"
            " where that takes no rights away [default: $PROBE_STATIC, else gap].",
        ),
        click.option("--name", metavar="NAME", help="A name for the run, to ask for it by."),
    ):
        command = option(command)
    return command


@click.command(context_settings=COMMAND_LINE)
@recording_options
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGUMENT]..."
)
@click.pass_obj
def record(session: Session, /, command: Sequence[str], **options: Any) -> None:
    """Run a command and record it, with everything below it.

    Ends as the command ends: its exit status, or its signal; 127 when there is no such command, 126 when it
    cannot be executed. Nothing of PROBE's is on standard output. An engine in front (make, snakemake) is
    noticed: its steps are recorded too.
    """
    start(Request(command, spool=session.spool_place, history=session.history_place, **options))
