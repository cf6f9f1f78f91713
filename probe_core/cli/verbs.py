"""The group of all verbs. A verb's module is imported when it is called, or when its help is shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from probe_core.cli.main import VERBS
from probe_core.cli.session import Session

if TYPE_CHECKING:
    from probe_core.hooks import Format


class Verbs(click.Group):
    """Verbs by name: the core's own, one for each engine, and those of formats that have one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs, recording first."""
        del ctx
        first, *rest = VERBS
        return [first, *_engines(), *rest, *_formats()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module."""
        del ctx
        if cmd_name in VERBS:
            module, _, name = VERBS[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        if cmd_name in _engines():
            from probe_core.cli.engine import engine_command

            return engine_command(cmd_name)
        if cmd_name in (known := _formats()):
            from probe_core.cli.export import format_command

            return format_command(known[cmd_name], cmd_name + known[cmd_name].endings[0])
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown verb that is a program's name gets a hint."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import shutil

            if args and not args[0].startswith("-") and shutil.which(args[0]):
                hint = f"there is no verb '{args[0]}'; to record the program: probe record {args[0]} …"
                raise click.UsageError(hint, ctx) from error
            raise


def _engines() -> list[str]:
    from probe_core.plugins import engines

    return [name for name, engine in engines().items() if engine.commands and name not in VERBS]


def _formats() -> dict[str, Format]:
    from probe_core.plugins import formats

    taken = {*VERBS, *_engines()}
    return {one.verb: one for one in formats().values() if one.verb and one.verb not in taken}


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"probe {version('probe-provenance')}")
        context.exit()


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A RUN is named by its id, a prefix that only one id has, its name, @ (the latest) or @-1.",
)
@click.option(
    "--history", metavar="PLACE", help="The history to ask [default: $PROBE_HISTORY, else the user's own]."
)
@click.option(
    "--spool", metavar="DIR", help="Where open runs lie [default: $PROBE_SPOOL, else the user's own]."
)
@click.option("--debug", is_flag=True, help="Show where an error came from.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
)
@click.pass_context
def probe(context: click.Context, history: str | None, spool: str | None, debug: bool) -> None:
    """Record what commands and workflows read, write and run; ask where files came from."""
    context.obj = Session(history, spool, debug=debug)
