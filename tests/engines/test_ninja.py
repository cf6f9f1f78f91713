"""`probe ninja`: nothing changes for the build, its steps are found, and `probe check` judges them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Needs
from probe_ninja.build import remember, remembered
from workflows import contents, record, run, write

PROJECT = {
    "build.ninja": """builddir = out
rule cc
  command = $CC -MD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = $CC -o $out $in
rule make-table
  command = cp $in 'two words.h' && cp hidden.txt $out2
build two$ words.h table.h: make-table table.txt
  out2 = table.h
build out/main.o: cc main.c | table.h || headers
build headers: phony two$ words.h
rule count
  command = cat $in > $out && cat table.h >> $out
build out/count: count main.c || headers
build prog: link out/main.o
build all: phony prog out/count
default all
CC = cc
""".replace("CC = cc\n", "").replace("builddir", "CC = cc\nbuilddir", 1),
    "main.c": '#include "table.h"\n#include "common.h"\nint main(void) { return TABLE + COMMON; }\n',
    "common.h": "#define COMMON 0\n",
    "table.txt": "x",
    "hidden.txt": "#define TABLE 0\n",
}


@pytest.fixture
def ninja(needs: Needs) -> None:
    needs("ninja", package="ninja-build")
    needs("cc", package="gcc")


def left(place: Path) -> dict[str, bytes]:
    """What a build leaves, without ninja's own notes, which hold times."""
    return {name: text for name, text in contents(place).items() if "/.ninja_" not in name}


@pytest.mark.usefixtures("ninja")
@pytest.mark.parametrize("words", [["-j1"], ["-j4", "prog", "out/count"]])
def test_a_build_is_recorded_with_its_statements_as_steps(tmp_path: Path, words: list[str]) -> None:
    plain, recorded = write(tmp_path / "plain", PROJECT), write(tmp_path / "recorded", PROJECT)
    expected = run(["ninja", *words], plain)
    workflow, done = record(["ninja", *words], recorded)
    assert (done.returncode, done.stderr) == (expected.returncode, expected.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()[-1:]) == sorted(expected.stdout.splitlines()[-1:])
    assert left(recorded) == left(plain)
    assert workflow.names == ["out/count", "out/main.o", "prog", "two words.h"]
    assert workflow.graph.run.engine == "ninja"
    assert not workflow.graph.gaps
    step = workflow.step("out/main.o").declaration
    assert step is not None
    named = {workflow.relative(path) for path in step.inputs if not path.startswith(b"/usr")}
    assert named == {"main.c", "table.h", "common.h"}, "with what the compiler told ninja"
    assert [workflow.relative(path) for path in step.order_only] == ["headers"]
    both = workflow.step("two words.h").declaration
    assert both is not None
    assert {workflow.relative(path) for path in both.outputs} == {"two words.h", "table.h"}
    assert workflow.reads("out/main.o") >= {"main.c", "table.h", "common.h"}
    assert "prog" in workflow.writes("prog")
    assert workflow.reads("prog") >= {"out/main.o"}


@pytest.mark.usefixtures("ninja")
def test_check_names_exactly_what_the_build_file_lacks(tmp_path: Path) -> None:
    place = write(tmp_path / "w", PROJECT)
    record(["ninja"], place)
    done = run(["probe", "check"], place)
    assert done.returncode == 1
    found = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert sorted(found[:-1]) == [
        "undeclared-input: out/count reads table.h, which it does not declare",
        "undeclared-input: two words.h reads hidden.txt, which it does not declare",
    ]
    assert "in build.ninja: build out/count: … | table.h" in done.stdout
    mended = PROJECT["build.ninja"].replace("count main.c ", "count main.c | table.h ")
    mended = mended.replace("make-table table.txt", "make-table table.txt | hidden.txt")
    write(place, {"build.ninja": mended, "main.c": PROJECT["main.c"] + "\n"})
    run(["ninja", "-t", "clean"], place)
    record(["ninja"], place)
    assert run(["probe", "check"], place).returncode == 0


@pytest.mark.usefixtures("ninja")
def test_a_failing_command_and_a_directory_elsewhere(tmp_path: Path) -> None:
    text = "rule no\n  command = exit 3\nrule cp\n  command = cp $in $out\nbuild a: no\nbuild b: cp in\n"
    for name in ("plain", "recorded"):
        write(tmp_path / name, {"sub/other.ninja": text, "sub/in": "in"})
    words = ["-C", "sub", "-f", "other.ninja", "-k0"]
    expected = run(["ninja", *words], tmp_path / "plain")
    workflow, done = record(["ninja", *words], tmp_path / "recorded")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        expected.returncode,
        expected.stdout.splitlines()[0],
    )
    assert (workflow.step("a").status, workflow.step("b").status) == (3, 0)
    assert done.returncode != 0
    assert workflow.writes("b") == {"sub/b"}


@pytest.mark.usefixtures("ninja")
def test_a_build_file_that_is_gone_is_a_gap(tmp_path: Path) -> None:
    text = "rule rm\n  command = rm build.ninja; : > $out\nbuild a: rm\n"
    workflow, done = record(["ninja"], write(tmp_path / "w", {"build.ninja": text}))
    assert done.returncode == 0
    assert [gap.detail for gap in workflow.graph.gaps if "ninja cannot be asked" in gap.detail]


@pytest.mark.parametrize(
    ("words", "directory", "file"),
    [
        (["-v"], ".", "build.ninja"),
        (["-C", "a", "-fb.ninja", "x"], "a", "b.ninja"),
        (["-Ca", "-j", "3", "-f", "b"], "a", "b"),
        (["-t", "clean"], None, None),
    ],
)
@pytest.mark.usefixtures("ninja")
def test_how_ninja_was_called(
    tmp_path: Path, words: list[str], directory: str | None, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    remember([b"ninja", *map(os.fsencode, words)], tmp_path, dict(os.environb))
    asked = remembered(tmp_path)
    assert (None if asked is None else asked.build_file) == file
    if asked is not None and directory is not None:
        assert Path(asked.directory) == tmp_path / directory
