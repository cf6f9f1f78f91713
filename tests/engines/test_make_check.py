"""`probe check` on C projects: nothing in a correct Makefile, in another exactly what was broken."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from c_project import PROJECT
from conftest import absent
from workflows import record, run, write

CACHE = Path(__file__).parents[2] / ".cache"
Fault = tuple[str, str, str]  # lint, target, file


def faults(directory: Path, *words: str) -> set[Fault]:
    """Build, and give what `probe check` finds."""
    _, done = record(["make", *words], directory)
    assert done.returncode == 0, done.stderr
    told = json.loads(run(["probe", "check", "--json"], directory).stdout)
    return {(one["lint"], one["name"], os.path.relpath(one["path"], directory)) for one in told["findings"]}


def test_a_correct_makefile_has_no_findings(tmp_path: Path) -> None:
    assert faults(write(tmp_path / "w", PROJECT), "-j4", "all", "gen-a.c") == set()
    assert faults(tmp_path / "w", "-B", "all", "gen-b.c") == set()


INPUT, OUTPUT = "undeclared-input", "undeclared-output"
BROKEN: dict[str, tuple[str, str, set[Fault]]] = {
    "a missing header": ("one.c common.h one.h", "one.c common.h", {(INPUT, "one.o", "one.h")}),
    "a stale generated header": (
        "table.h: make-table.sh values.txt",
        "table.h: make-table.sh",
        {(INPUT, "table.h", "values.txt")},
    ),
    "a generated header that only stands first": (
        "two.o: two.c common.h table.h |",
        "two.o: two.c common.h |",
        {(INPUT, "two.o", "table.h")},
    ),
    "a script": ("table.h: make-table.sh v", "table.h: v", {(INPUT, "table.h", "make-table.sh")}),
    "a library": (
        "prog: $(OBJ) lib/lib.a\n\t$(CC) -o $@ $^",
        "prog: $(OBJ)\n\t$(CC) -o $@ $^ lib/lib.a",
        {(INPUT, "prog", "lib/lib.a")},
    ),
    "a makefile below": ("", "", {(INPUT, "x.o", "common.h"), (INPUT, "y.o", "common.h")}),
    "one too many": ("one.o: one.c", "one.o: values.txt one.c", {("unused-input", "one.o", "values.txt")}),
    "another output": ("cp $< gen-b.c", "cp $< gen-b.c; cp $< left", {(OUTPUT, "gen-a.c", "left")}),
    "two writers": (
        "cp $< gen-b.c",
        "cp $< gen-b.c; cp $< both\nall: k1\nk1: ; date > both; cp both $@",
        {(OUTPUT, "gen-a.c", "both"), (OUTPUT, "k1", "both"), ("written-twice", "gen-a.c", "both")},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_was_broken_is_named_and_nothing_else(name: str, tmp_path: Path) -> None:
    old, new, expected = BROKEN[name]
    files = dict(PROJECT)
    assert old in files["Makefile"]
    files["Makefile"] = files["Makefile"].replace(old, new) if old else files["Makefile"]
    if not old:
        files["lib/Makefile"] = files["lib/Makefile"].replace(" ../common.h", "")
    place = write(tmp_path / "w", files)
    assert faults(place, "-j1", "table.h", "lib/lib.a", "all", "gen-a.c") == expected


def test_a_race_behind_a_compilers_own_list(tmp_path: Path) -> None:
    files = dict(PROJECT)
    text = files["Makefile"].replace("%.o: %.c\n\t$(CC) -c", "%.o: %.c\n\t$(CC) -MMD -c")
    files["Makefile"] = text.replace("main.o: main.c common.h table.h", "main.o: main.c common.h")
    found = faults(write(tmp_path / "w", files), "-j1", "table.h", "all")
    assert found == {("race", "main.o", "table.h")}


AMALGAMATED = {
    "Makefile": """SRCS := $(wildcard part-*.c)
HDRS := $(sort $(wildcard *.h))
all: one.o user.o
one.o: one.c $(HDRS)
\t$(CC) -c -o $@ one.c
one.c: $(SRCS)
\tls $(SRCS) | sed 's/.*/#include "&"/' > $@
part-b.c: table.inc
user.o: user.c $(HDRS)
\t$(CC) -c -o $@ user.c
""",
    "part-a.c": '#include "a.h"\n#include "b.h"\nint a;\n',
    "part-b.c": '#include "c.h"\nint b =\n#include "table.inc"\n;\n',
    "table.inc": "0\n",
    **{f"{name}.h": "" if name == "z" else f"extern int {name};\n" for name in "abcz"},
    "user.c": '#include "a.h"\nint user;\n',
}


def test_a_rule_that_did_not_run_leads_on_to_what_it_names(tmp_path: Path) -> None:
    place = write(tmp_path / "w", AMALGAMATED)
    run(["make", "one.c"], place)
    found = faults(place)
    assert found == {("undeclared-input", "one.o", "table.inc")}, (
        "part-b.c has no recipe: nothing is made again"
    )
    (place / "part-a.c").touch()
    assert run(["make", "-q", "one.o"], place).returncode == 1, "and part-a.c is no fault"
    run(["make"], place)
    (place / "table.inc").touch()
    assert run(["make", "-q", "one.o"], place).returncode == 0


def test_a_target_of_another_name_is_named_once(tmp_path: Path) -> None:
    makefile = "all: prog other\nprog: in ; cp in prog-1\nother: in ; cp in $@\n"
    place = write(tmp_path / "w", {"Makefile": makefile, "in": "in"})
    assert faults(place) == {("unmade-output", "prog", "prog")}
    assert run(["make", "-q"], place).returncode == 1


@pytest.mark.parametrize(
    "writing", ["(echo one; sleep 1; echo two) > $@ &", "echo one > $@; (sleep 1; echo two >> $@) &"]
)
def test_a_read_before_the_writer_finished(writing: str, tmp_path: Path) -> None:
    makefile = f"user: slow ; @sleep 0.3; cat $< > $@\nslow: ; @{writing}\n"
    assert faults(write(tmp_path / "w", {"Makefile": makefile})) == {("early-read", "user", "slow")}


def test_a_path_that_stands_there_absolutely(tmp_path: Path) -> None:
    shared = write(tmp_path / "shared", {"terms.txt": "int\n"}) / "terms.txt"
    makefile = f"found.txt: two.c {shared} ; grep -f {shared} two.c > $@\n"
    place = write(tmp_path / "w", {"Makefile": makefile, "two.c": "int two;\n"})
    assert faults(place) == {("absolute-path", "found.txt", "../shared/terms.txt")}


def lua(to: Path) -> Path:
    """Lua's own source and makefile, from the `lupa` distribution; without what it needs of readline."""
    CACHE.mkdir(exist_ok=True)
    if not list(CACHE.glob("lupa-*.tar.gz")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "lupa", "lupa"]
        if subprocess.run(command, cwd=CACHE, capture_output=True, check=False).returncode:
            absent("Lua's source cannot be fetched: pip download lupa")
    with tarfile.open(next(CACHE.glob("lupa-*.tar.gz"))) as opened:
        opened.extractall(to.parent / "unpacked", filter="data")
    (source,) = to.parent.glob("unpacked/lupa-*/third-party/lua54")
    shutil.copytree(source, to)
    makefile = to / "makefile"
    text = makefile.read_text().replace("-DLUA_USE_READLINE", "").replace("-lreadline", "")
    makefile.write_text(re.sub(r"^TESTS=.*$", "", text, flags=re.M))
    return to


def broken(makefile: Path, seed: int, count: int) -> set[Fault]:
    """Take ``count`` headers out of the dependencies that stand there, and put two strange ones in."""
    text = makefile.read_text().replace("\\\n ", "\0 ")
    built = set(re.findall(r"\w+\.o", text.partition("all:")[0]))
    rules = {target: line for line, target in re.findall(r"^((\w+\.o): .*)$", text, re.M) if target in built}
    pairs = [(target, name) for target, line in rules.items() for name in re.findall(r"\w+\.h", line)]
    chosen = random.Random(seed)
    found: set[Fault] = set()
    for target, name in chosen.sample(pairs, count):
        text = re.sub(
            rf"^{target}: .*$", lambda one, name=name: re.sub(rf" {name}\b", "", one[0]), text, flags=re.M
        )
        found.add(("undeclared-input", target, name))
    for target in chosen.sample(sorted(set(rules) - {"lua.o"}), 2):
        text += f"\n{target}: lua.c\n"
        found.add(("unused-input", target, "lua.c"))
    makefile.write_text(text.replace("\0", "\\\n"))
    return found


def scored(found: Iterable[Fault], expected: Iterable[Fault]) -> tuple[set[Fault], set[Fault]]:
    """What was missed, and what was told wrongly."""
    return set(expected) - set(found), set(found) - set(expected)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="takes minutes: `make prove` runs it")
@pytest.mark.parametrize("seed", range(4))
def test_seeded_faults_in_luas_makefile_are_named_exactly(seed: int, tmp_path: Path) -> None:
    directory = lua(tmp_path / "lua")
    expected = broken(directory / "makefile", seed, 20)
    assert len(expected) == 22
    assert scored(faults(directory, "-j2", "CFLAGS=-std=c99 -DLUA_USE_LINUX"), expected) == (set(), set())
