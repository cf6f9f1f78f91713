"""Finding the target of a recipe line that probe-sh ran, in the Makefile's text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe_make.declarations import declared

TEXT = """
CC = gcc
FLAGS = -O2 $(MORE)
include more.mk
prog: a.o b.o
\t@$(CC) -o $@ $^
\tstrip $@
%.o: %.c
\t$(CC) $(FLAGS) -c $< -o $@
one.txt two.txt:
\tdate > $@
plain:
\techo a plain line
x y: ; echo either of two
first: ; mkdir -p sub
second: ; mkdir -p sub
"""


def named(place: Path, command: str, *words: str) -> tuple[str, str]:
    """The name and note that a command's step gets."""
    (place / "Makefile").write_text(TEXT)
    (place / "more.mk").write_text("more: ; $(TOOL) --out=$@\n")
    (place / "declarations").mkdir()
    said = {"key": "make-sh:1:2", "pid": 2, "make": 1, "started": 5, "directory": str(place)}
    said |= {"command": command, "arguments": "\n".join(["make", *words])}
    (place / "declarations/probe-sh").write_text(json.dumps(said) + "\n")
    found = declared(place)
    assert found is not None
    (step,) = found.declarations
    assert (step.inputs, step.outputs) == ((), ())
    return step.name, step.facts["note"]


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("gcc -o prog a.o b.o", "prog"),
        ("strip prog", "prog"),
        ("gcc -O2 -g -c sub/a.c -o sub/a.o", "sub/a.o"),
        ("date > two.txt", "two.txt"),
        ("echo a plain line", "plain"),
        ("some tool --out=more", "more"),
    ],
)
def test_a_line_that_fits_one_target_is_its(tmp_path: Path, command: str, target: str) -> None:
    name, note = named(tmp_path, command)
    assert name == target
    assert "found in the Makefile" in note


@pytest.mark.parametrize(
    ("command", "head"),
    [("mkdir -p sub", "mkdir"), ("echo either of two", "echo"), ("gcc -o other a.o", "gcc"), ("ls", "ls")],
)
def test_a_line_that_fits_several_or_none_is_called_by_its_program(
    tmp_path: Path, command: str, head: str
) -> None:
    name, note = named(tmp_path, command)
    assert name == head
    assert "not told" in note


def test_the_command_line_counts(tmp_path: Path) -> None:
    assert named(tmp_path, "clang -o prog a.o", "-j2", "CC=clang")[0] == "prog"


def test_another_makefile(tmp_path: Path) -> None:
    (tmp_path / "other.mk").write_text("thing: ; build the $@\n")
    assert named(tmp_path, "build the thing", "-rf", "other.mk")[0] == "thing"
