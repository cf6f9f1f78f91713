"""`probe export make-deps`: what was seen to be read, included by the Makefile, makes it right."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from workflows import record, run, write

PROJECT = {
    "Makefile": """OBJ = main.o sub/part.o
prog: $(OBJ)
\t$(CC) -o $@ $^
%.o: %.c
\t$(CC) -c -o $@ $<
table.h: make-table
\tsh ./make-table > $@
main.o: | table.h
two\\ words: main.c
\tcat main.c 'in $$ put' > 'two words'
.PHONY: count
count: ; @wc -c main.c
-include deps.d
""",
    "main.c": '#include "table.h"\n#include "common.h"\nint part(void);\n'
    "int main(void) { return part() + TABLE; }\n",
    "sub/part.c": '#include "../common.h"\nint part(void) { return COMMON; }\n',
    "common.h": "#define COMMON 1\n",
    "in $ put": "in",
    "make-table": "cat table.txt\n",
    "table.txt": "#define TABLE 2\n",
}


def project(place: Path, *options: str) -> Path:
    """Build the project, and write what was seen."""
    write(place, PROJECT)
    _, done = record(["make", "prog", "two words", "count"], place)
    assert done.returncode == 0, done.stderr
    made = run(["probe", "export", "make-deps", "-o", "deps.d", *options], place)
    assert made.returncode == 0, made.stderr
    return place


def touched(place: Path, name: str) -> set[str]:
    """Change a file; what make then makes again."""
    assert run(["make", "-q", "prog", "two words"], place).returncode == 0
    later = time.time() + 5
    os.utime(place / name, (later, later))
    done = run(["make", "-n", "prog", "two words"], place)
    assert done.returncode == 0, done.stderr
    said = done.stdout.replace("\n", " ")
    found = {target for target in ("main.o", "sub/part.o", "prog", "table.h") if f"-o {target} " in said}
    found |= {"table.h"} if "> table.h" in said else set()
    os.utime(place / name, (1, 1))
    return found | ({"two words"} if "> 'two words'" in said else set())


@pytest.mark.parametrize("options", [(), ("--folder", "seen")])
def test_a_makefile_becomes_right(tmp_path: Path, options: tuple[str, ...]) -> None:
    place = project(tmp_path / "w", *options)
    assert touched(place, "common.h") == {"main.o", "sub/part.o", "prog"}
    assert touched(place, "in $ put") == {"two words"}
    assert touched(place, "table.txt") == {"table.h", "main.o", "prog"}
    text = (place / "deps.d").read_text()
    text += "".join(path.read_text() for path in place.glob("seen/*.d"))
    assert "sub/part.o:" in text
    assert "/usr/" not in text
    assert "count" not in text
    (place / "common.h").unlink()
    for name in ("main.c", "sub/part.c"):
        (place / name).write_text((place / name).read_text().replace("common.h", "new.h"))
    (place / "new.h").write_text("#define COMMON 3\n")
    assert run(["make", "prog"], place).returncode == 0


def test_everything_is_told_when_asked_for(tmp_path: Path) -> None:
    place = project(tmp_path / "w", "--all")
    assert "/usr/include/stdc-predef.h" in (place / "deps.d").read_text()


def test_a_directory_in_which_nothing_was_made(tmp_path: Path) -> None:
    place = project(tmp_path / "w")
    done = run(["probe", "export", "make-deps", "-o", "-", "--directory", "sub"], place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"probe: make-deps: no target of make was made in {place}/sub in this run\n"
