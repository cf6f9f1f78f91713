"""`probe deps`: what was seen to be read, included by the Makefile, makes it right."""

from __future__ import annotations

import os
import shlex
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
    made = run(["probe", "deps", *options], place)
    assert (made.returncode, made.stderr) == (0, "probe: wrote deps.d\n")
    return place


def touched(place: Path, name: str) -> set[str]:
    """Change a file, make again; which targets were made."""
    targets = ["main.o", "sub/part.o", "prog", "table.h", "two words"]
    assert run(["make", "-q", "prog", "two words"], place).returncode == 0
    for target in targets:
        os.utime(place / target, (1000, 1000))
    for source in ("main.c", "sub/part.c", "common.h", "in $ put", "make-table", "table.txt"):
        os.utime(place / source, (900, 900))
    (place / name).touch()
    done = run(["make", "prog", "two words"], place)
    assert done.returncode == 0, done.stderr
    return {target for target in targets if (place / target).stat().st_mtime > 1000}


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
    done = run(["probe", "deps", "-o", "-", "--directory", "sub"], place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"probe: make-deps: no target of make was made in {place}/sub in this run\n"


HARD = ["a b", "a$b", "a#b", "a%b", "a:b", "a=b,c", "=", "a*b", "a?b", "a[1]b", "~a", "a\\b", "a\\ b",
        "a\\#b", "a(b", "a&b", "a'b", 'a"b', "-a", "a+=b", "define", "%", "\u00e4"]  # fmt: skip
UNNAMED = ["a;b", "a|b", "a\\", "a(b)", "a\nb"]


def test_hard_names_are_written_so_that_make_takes_them_and_others_are_told(tmp_path: Path) -> None:
    place = write(tmp_path / "w", dict.fromkeys((*HARD, *UNNAMED, "aXb", "a1b"), "x"))
    reads = [f"t{number}:\n\tcat {shell(name)} > $@\n" for number, name in enumerate((*HARD, *UNNAMED))]
    targets = [f"t{number}" for number in range(len(reads))]
    write(place, {"Makefile": "\n".join([f"all: {' '.join(targets)}", *reads, "-include deps.d", ""])})
    _, done = record(["make", "-s"], place)
    assert done.returncode == 0, done.stderr
    assert run(["probe", "deps"], place).returncode == 0
    text = (place / "deps.d").read_text()
    assert text.count("# not told, since make cannot name it: ") == len(UNNAMED)
    for number, name in enumerate(HARD):
        for path in place.iterdir():
            os.utime(path, (1000, 1000) if path.name in targets else (900, 900))
        (place / name).touch()
        made = run(["make"], place)
        assert made.stdout.splitlines() == [f"cat {shlex.quote('./' + name)} > t{number}"], (
            name,
            made.stderr,
        )


def shell(name: str) -> str:
    """Write a name for a shell in a recipe."""
    if "\n" in name:
        return "\"$$(printf './" + name.replace("\n", "\\n") + "')\""
    return shlex.quote("./" + name).replace("$", "$$")
