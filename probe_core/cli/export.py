"""`probe export FORMAT`: write a run for other tools. One sub-command for each format installed."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click

from probe_core.ask.wording import shown
from probe_core.cli.session import Session, told
from probe_core.errors import UsageError
from probe_core.hooks import Format, Option
from probe_core.model import RunGraph
from probe_core.plugins import format_for, formats


class Formats(click.Group):
    """The formats by name; a file's name stands for the format of its ending."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the formats."""
        del ctx
        return list(formats())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Make the command of a format; UsageError with the list of formats when there is none."""
        del ctx
        form = format_for(cmd_name)
        return format_command(form, None if cmd_name == form.name else cmd_name)


@click.group(
    cls=Formats,
    short_help="Write a run for other tools.",
    subcommand_metavar="FORMAT|FILE [RUN] [-o FILE] [OPTION]...",
)
def export() -> None:
    """Write a run for other tools, as FORMAT, or to a FILE whose ending tells the format."""


def format_command(form: Format, file: str | None) -> click.Command:
    """Make the command that writes a run in a format, to ``file`` unless told otherwise."""
    name = file or f"NAME{form.endings[0]}, NAME being the run's"
    usual = f"Where to; - is standard output [default: {name}]."

    @click.argument("run", metavar="[RUN]", default="@")
    @click.option("-o", "--output", metavar="FILE", default=file, help=usual)
    @click.pass_obj
    def call(session: Session, /, run: str, output: str | None, **options: Any) -> None:
        graph = session.run(run)
        target = output or _default_name(graph, form, options)
        said = _with_ending(form, options, target)
        if target == "-":
            form.write(graph, sys.stdout.buffer, said)
            sys.stdout.buffer.flush()
            return
        write_aside(Path(target), lambda out: form.write(graph, out, said))
        told(f"wrote {shown(target)}")

    call.__doc__ = f"Write a run as {form.name}: {form.summary}."
    command = click.command(form.name, short_help=f"{form.summary[:1].upper()}{form.summary[1:]}.")(call)
    command.params += [_option(one) for one in form.options]
    return command


def _option(one: Option) -> click.Option:
    """Give a format's option as one of the command line; a default that is a bool makes a flag."""
    name, text = one.name.replace("_", "-"), one.help[:1].upper() + one.help[1:] + "."
    if isinstance(one.default, bool):
        return click.Option([f"--{name}/--no-{name}" if one.default else f"--{name}", one.name], is_flag=True,
                            default=one.default, help=text)  # fmt: skip
    kind = click.Choice(one.choices) if one.choices else None
    return click.Option(
        [f"--{name}", one.name],
        type=kind,
        default=one.default,
        show_default=one.default is not None,
        help=text,
    )


def _default_name(graph: RunGraph, form: Format, options: Mapping[str, Any]) -> str:
    ending = f".{options['ending']}" if options.get("ending") else form.endings[0]
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in graph.run.name or "")
    return (name.lstrip(".-") or f"run-{graph.run.id[:8]}") + ending


def _with_ending(form: Format, options: Mapping[str, Any], target: str) -> dict[str, Any]:
    """Let a format that has several endings know the one of the file; UsageError for a foreign one."""
    said = dict(options)
    if not any(one.name == "ending" for one in form.options) or said.get("ending") or target == "-":
        return said
    fitting = [ending for ending in form.endings if target.endswith(ending)]
    if not fitting:
        raise UsageError(f"{form.name} writes {', '.join(form.endings)}, and not {shown(Path(target).name)}")
    return said | {"ending": max(fitting, key=len).removeprefix(".")}


def write_aside(target: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file beside ``target`` and rename it: there is the old one or the whole new one.

    What is no regular file (a pipe, a device) is written as it stands. OSError where that fails.
    """
    typed, target = target, Path(os.path.realpath(target))
    try:
        is_regular = stat.S_ISREG(target.stat().st_mode)
    except FileNotFoundError:
        is_regular = True
    if target.is_dir():
        raise IsADirectoryError(21, os.strerror(21), str(typed))
    if not is_regular:
        with target.open("wb") as out:
            write(out)
        return
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with aside.open("xb") as out:
            write(out)
        aside.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError) and error.filename == str(aside):
            error.filename, error.filename2 = str(typed), None
        raise
