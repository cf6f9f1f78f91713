"""Reading the text of Makefiles: what is told of a target, and what is left untold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probe_make.rules import Rules, without_steps

TEXT = r"""
OBJ = a.o b.o \
   c.o
B := build
.PHONY: all clean $(UNKNOWN)
all: $(B)/prog headers # comment
$(B)/prog: $(OBJ) | $(B)
	cc -o $@ \
		$^
	strip $@
%.o: %.c
	cc -c $<
%.tab.c %.tab.h: %.y
	bison $<
g1 g2 &: in
	gen
static.x: %.x: %.y z ; one line
linked: z $(OBJ:%.o=%.l) ; link them
first:: e
	from e
first:: f
	from f
headers: x.h | y.h
g1: CFLAGS += -g
define TEXT
not: rule
	nothing
endef
$(shell x): y
	not told
with\ blank: d\#1
	blank
.l.c:
	flex $<
ifeq ($(A),)
either: ; one
else
either: ; other
endif
"""


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    (tmp_path / "Makefile").write_text(TEXT)
    return Rules(os.fsencode(tmp_path), [b"Makefile", b"missing.d"])


@pytest.mark.parametrize(
    ("target", "stem", "inputs", "line", "recipe"),
    [
        (b"build/prog", b"", [b"a.o", b"b.o", b"c.o"], 7, "cc -o $@ \\\n\t\t$^\nstrip $@"),
        (b"a.o", b"a", [b"a.c"], 11, "cc -c $<"),
        (b"sub/a.o", b"sub/a", [b"sub/a.c"], 11, "cc -c $<"),
        (b"p.tab.h", b"p", [b"p.y"], 13, "bison $<"),
        (b"g2", b"", [b"in"], 15, "gen"),
        (b"static.x", b"static", [b"static.y", b"z"], 17, "one line"),
        (b"linked", b"", [b"z", b"a.l", b"b.l", b"c.l"], 18, "link them"),
        (b"first", b"", [b"e"], 19, "from e"),
        (b"first", b"", [b"f"], 21, "from f"),
        (b"with blank", b"", [b"d#1"], 31, "blank"),
        (b"s.c", b"s", [b"s.l"], 33, "flex $<"),
    ],
)
def test_a_rule_is_found_with_its_line_and_its_recipe_as_it_is_written(
    rules: Rules, target: bytes, stem: bytes, inputs: list[bytes], line: int, recipe: str
) -> None:
    found = rules.written(target, stem, [rules.directory + b"/" + one for one in inputs])
    assert found is not None
    assert (found.facts["line"], found.facts["recipe"]) == (line, recipe)


@pytest.mark.parametrize("target", [b"not", b"y", b"either", b"all", b"nowhere.q"])
def test_what_cannot_be_told_is_not_told(rules: Rules, target: bytes) -> None:
    assert rules.written(target, b"", []) is None


def test_one_recipe_makes_a_whole_group(rules: Rules) -> None:
    here = rules.directory + b"/"
    group = rules.written(b"g1", b"", [here + b"in"])
    assert group is not None
    assert group.outputs == (here + b"g1", here + b"g2")
    pattern = rules.written(b"sub/p.tab.c", b"sub/p", [here + b"sub/p.y"])
    assert pattern is not None
    assert pattern.outputs == (here + b"sub/p.tab.c", here + b"sub/p.tab.h")


def test_phony_names_and_names_without_recipes(rules: Rules) -> None:
    assert [rules.is_phony(name) for name in (b"all", b"./clean", b"a.o")] == [True, True, False]
    here = rules.directory + b"/"
    assert rules.behind(here + b"headers") == ((here + b"x.h",), (here + b"y.h",))
    assert rules.behind(here + b"x.h") is None


def test_names_are_followed_from_what_steps_declare(rules: Rules) -> None:
    from probe_core.model import Declaration

    here = os.fsdecode(rules.directory) + "/"
    step = Declaration(b"k", "make", "s", "s", inputs=(rules.directory + b"/all",))
    told = {one["output"]: one["inputs"] for one in without_steps([rules], [step])}
    assert told[here + "all"] == [here + "build/prog", here + "headers"]
    assert told[here + "headers"] == [here + "x.h"]


NAMES = r"""
SRC := $(wildcard src/*.c)
OUT = out
OBJ = $(patsubst src/%.c,$(OUT)/%.o,$(filter-out src/b.c,$(SRC)))
HEADERS = $(sort $(wildcard *.h) $(addsuffix .h,two one))
GENERATED := one.c
include config.mk
all: $(OBJ) $(GENERATED)
$(OBJ): $(HEADERS)
	compile
one.c: $(SRC)
	cat $(SRC) > $@
src/a.c: one.h
made.o: two.h
kept.h: two.h
config.mk config.h: src/a.c
	configure
told: $(shell ls) $(foreach one,$(SRC),$(one).x) $(if $(A),b)
"""


@pytest.fixture
def computed(tmp_path: Path) -> Rules:
    (tmp_path / "src").mkdir()
    for name in ("src/a.c", "src/b.c", "one.h", "two.h", "one.c", "made.c", "made.o", "kept.h"):
        (tmp_path / name).touch()
    (tmp_path / "Makefile").write_text(NAMES)
    return Rules(os.fsencode(tmp_path), [b"Makefile"])


def _behind(rules: Rules, name: str) -> tuple[list[str], list[str]] | None:
    found = rules.behind(rules.directory + b"/" + name.encode())
    base = os.fsdecode(rules.directory) + "/"
    return found and tuple([os.fsdecode(one).removeprefix(base) for one in some] for some in found)  # type: ignore[return-value]


def test_names_that_functions_and_the_disk_tell_are_told(computed: Rules) -> None:
    assert _behind(computed, "all") == (["out/a.o", "one.c"], [])
    assert _behind(computed, "out/a.o") == (["kept.h", "one.h", "two.h"], [])
    assert _behind(computed, "one.c") == (["src/a.c", "src/b.c"], [])
    assert _behind(computed, "told") is None


def test_what_is_newer_than_a_file_without_a_recipe_only_comes_first(computed: Rules) -> None:
    assert _behind(computed, "src/a.c") == ([], ["one.h"])
    assert _behind(computed, "kept.h") == ([], ["two.h"])
    assert _behind(computed, "made.o") == (["two.h"], []), "make's own rule makes it"


def test_a_makefile_is_remade_first_with_all_that_its_rule_names(computed: Rules) -> None:
    base = computed.directory
    told = computed.written(b"config.mk", b"", [base + b"/src/a.c"])
    assert told is not None
    assert told.outputs == (base + b"/config.mk", base + b"/config.h")
    told = computed.written(b"config.h", b"", [base + b"/src/a.c"])
    assert told is not None
    assert told.outputs == ()
