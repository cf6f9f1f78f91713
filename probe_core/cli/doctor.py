"""`probe doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import asdict

import click

from probe_core.cli.colour import styled
from probe_core.cli.session import Session, asking, print_json
from probe_core.printable import printable

NARROWEST = 30  # columns of text below which lines are left to the terminal
MARKS = {"good": ("ok", "good"), "warning": ("note", "warn"), "bad": ("BAD", "bad")}


@click.command(short_help="Tell what works on this machine.")
@asking
def doctor(session: Session, as_json: bool) -> None:
    """Tell what works on this machine, with a recording as a test, and what to do about what does not.

    Exit status 1 when something that recording or asking needs is missing.
    """
    from probe_core.cli.doctor_checks import examine

    findings = list(examine(session))
    if as_json:
        print_json([asdict(one) for one in findings])
    else:
        width = max(len(one.what) for one in findings)
        for one in findings:
            mark, style = MARKS[one.state]
            first, *more = _fitted(one.text, width + 8)
            click.echo(f"{styled(mark.ljust(4), style)}  {one.what.ljust(width)}  {first}", color=True)
            for line in more:
                click.echo(f"{' ' * (width + 8)}{line}", color=True)
            for line in _fitted(one.remedy, width + 8) if one.remedy else ():
                click.echo(f"{' ' * (width + 8)}{styled(line, 'dim')}", color=True)
    if any(one.state == "bad" for one in findings):
        sys.exit(1)


def _fitted(text: str, indent: int) -> list[str]:
    """Break a text into lines that fit the terminal behind ``indent``; in a pipe it is one line."""
    text = printable(text)
    room = shutil.get_terminal_size().columns - indent if sys.stdout.isatty() else 0
    if room < NARROWEST:
        return [text]
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
