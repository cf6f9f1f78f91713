"""`probe ENGINE …`: an engine's command line, recorded with its steps. One verb for each engine installed."""

from __future__ import annotations

from collections.abc import Sequence

import click

from probe_core.cli.recording import Request, start
from probe_core.cli.session import Session
from probe_core.plugins import engines


def engine_command(name: str) -> click.Command:
    """Make the verb of the engine called ``name``. All words behind it are the engine's own, --help too."""
    program = engines()[name].commands[0]

    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")
    @click.pass_obj
    def call(session: Session, arguments: Sequence[str]) -> None:
        command = (program, *arguments)
        start(Request(command, engine=name, spool=session.spool_place, history=session.history_place))

    call.__doc__ = (
        f"Run {program} and record it with its steps. All words behind are {program}'s own; for PROBE's own "
        f"options: probe record [OPTION]... {program} …"
    )
    settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    return click.command(
        name,
        context_settings=settings,
        add_help_option=False,
        short_help=f"Run {program} and record its steps.",
    )(call)
