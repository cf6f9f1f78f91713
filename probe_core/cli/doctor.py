"""`probe doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from probe_core.cli.colour import styled
from probe_core.cli.session import Session, asking, print_json
from probe_core.printable import printable

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
            click.echo(
                f"{styled(mark.ljust(4), style)}  {one.what.ljust(width)}  {printable(one.text)}", color=True
            )
            if one.remedy:
                click.echo(f"      {' ' * width}  {styled(printable(one.remedy), 'dim')}", color=True)
    if any(one.state == "bad" for one in findings):
        sys.exit(1)
