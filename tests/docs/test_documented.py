"""Every command and option is documented, and nothing is that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from probe_core.ask.remedies import SENTENCES
from probe_core.cli.main import VERBS
from probe_core.cli.verbs import probe

REFERENCE = Path(__file__).parents[2] / "docs/reference/command-line.md"


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


def sections() -> dict[str, str]:
    """Headings that name a command, with the text below each."""
    parts = re.split(r"^#+ +", REFERENCE.read_text(), flags=re.M)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


ALL = [pytest.param(path, command, id=" ".join(path) or "probe") for path, command in commands(probe)]


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_command_and_option_is_documented(path: tuple[str, ...], command: click.Command) -> None:
    name = " ".join(("probe", *path))
    whole = REFERENCE.read_text()
    texts = [text for heading, text in sections().items() if re.search(rf"`{re.escape(name)}\b", heading)]
    if not path:
        texts = [whole.partition("\n## ")[0]]
    assert texts, f"{name} has no heading in {REFERENCE.name}"
    text = texts[0]
    if path[:1] == ("export",):
        text += next(text for heading, text in sections().items() if "`probe export FORMAT" in heading)
    if "Options as `probe why`" in text:
        text += next(text for heading, text in sections().items() if "`probe why" in heading)
    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) else ():
            assert f"`{option}" in text or f", `{option}" in text, f"{name} {option}"


def test_nothing_is_documented_that_does_not_exist() -> None:
    known = {" ".join(("probe", *path)) for path, _ in commands(probe)}
    for heading in sections():
        for name in re.findall(r"`(probe [a-z-]+(?: (?:prov-json|dataflow-graph))?)", heading):
            assert name in known, heading


def test_every_option_has_a_sentence_of_help() -> None:
    for path, command in commands(probe):
        assert command.help or not path, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert (parameter.help or "").endswith((".", "]")), (path, parameter.name)


def test_verbs_are_in_the_order_of_the_reference() -> None:
    text = REFERENCE.read_text()
    assert all(f"### `probe {verb}" in text for verb in VERBS)


@pytest.mark.parametrize("lint", SENTENCES)
def test_every_lint_is_documented(lint: str) -> None:
    assert f"- `{lint}`: " in REFERENCE.read_text()
    assert f"| `{lint}` |" in (REFERENCE.parents[1] / "how-to/check.md").read_text()


def test_no_lint_is_without_a_sentence() -> None:
    given = {
        one or other
        for file in (Path(__file__).parents[2] / "probe_core/ask").glob("lints*.py")
        for one, other in re.findall(r'Finding\(\s*"([a-z-]+)"|version, "([a-z-]+)"\)', file.read_text())
    }
    assert given == set(SENTENCES)
