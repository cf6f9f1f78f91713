"""`probe ninja`: nothing changes for the build, its steps are found, and `probe check` judges them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conftest import Needs
from probe_ninja.build import remember, remembered
from workflows import Workflow, contents, record, run, write

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


CMAKE = {
    "CMakeLists.txt": """cmake_minimum_required(VERSION 3.13)
project(counted C)
add_custom_command(OUTPUT made.h COMMAND sh ${CMAKE_SOURCE_DIR}/make.sh > made.h DEPENDS make.sh)
add_library(part part.c)
add_executable(main main.c ${CMAKE_BINARY_DIR}/made.h)
target_include_directories(main PRIVATE ${CMAKE_BINARY_DIR})
target_link_libraries(main part)
""",
    "make.sh": "echo '#define MADE 0'; cat ${0%/*}/hidden.txt\n",
    "hidden.txt": "",
    "part.h": "int part(void);\n",
    "part.c": '#include "part.h"\nint part(void) { return 0; }\n',
    "main.c": '#include "made.h"\n#include "part.h"\nint main(void) { return MADE + part(); }\n',
}
MESON = {
    "meson.build": """project('counted', 'c')
made = custom_target(output: 'made.h', command: ['sh', files('make.sh')], capture: true)
part = static_library('part', 'part.c')
executable('main', 'main.c', made, link_with: part)
""",
    **{name: text for name, text in CMAKE.items() if name != "CMakeLists.txt"},
}


def _named(workflow: Workflow) -> set[str]:
    """The steps of ninja's, without the folders that differ between versions of the generators."""
    return {step.name.rpartition("/")[2] for step in workflow.graph.steps}


@pytest.mark.usefixtures("ninja")
def test_a_ninja_that_cmake_starts_has_its_steps(tmp_path: Path, needs: Needs) -> None:
    needs("cmake", package="cmake")
    place = write(tmp_path / "w", CMAKE)
    assert run(["cmake", "-G", "Ninja", "-B", "build"], place).returncode == 0
    workflow, done = record(["record", "cmake", "--build", "build"], place)
    assert done.returncode == 0, done.stderr
    assert _named(workflow) == {"made.h", "part.c.o", "libpart.a", "main.c.o", "main"}
    step = workflow.step("CMakeFiles/main.dir/main.c.o")
    assert step.declaration is not None
    assert {workflow.relative(one) for one in step.declaration.inputs if b"/usr/" not in one} >= {
        "main.c",
        "part.h",
        "build/made.h",
    }
    assert workflow.reads(step.name) >= {"main.c", "part.h", "build/made.h"}
    assert not workflow.graph.gaps
    assert _findings(place) == [
        f"undeclared-input: made.h reads {place}/hidden.txt, which it does not declare"
    ]


@pytest.mark.usefixtures("ninja")
@pytest.mark.parametrize(
    "command",
    [["meson", "compile", "-C", "build"], ["sh", "-c", "meson setup again && ninja -C again"]],
    ids=["compile", "setup"],
)
def test_a_ninja_that_meson_or_a_shell_starts_has_its_steps(
    tmp_path: Path, needs: Needs, command: list[str]
) -> None:
    needs("meson", package="meson")
    place = write(tmp_path / "w", MESON)
    assert run(["meson", "setup", "build"], place).returncode == 0
    workflow, done = record(["record", *command], place)
    assert done.returncode == 0, done.stderr
    assert _named(workflow) == {"made.h", "part.c.o", "libpart.a", "main.c.o", "main"}
    assert "part.h" in workflow.reads("main.p/main.c.o")
    assert not [gap.detail for gap in workflow.graph.gaps if "ninja" in gap.detail]
    assert _findings(place) == [
        f"undeclared-input: made.h reads {place}/hidden.txt, which it does not declare"
    ]


@pytest.mark.usefixtures("ninja")
def test_two_ninjas_of_a_script_are_told_apart(tmp_path: Path) -> None:
    text = "rule cp\n  command = cp $in $out\nbuild a: cp in\nbuild b: cp a\n"
    place = write(tmp_path, {f"{name}/{file}": text if file != "in" else name
                             for name in ("one", "two") for file in ("build.ninja", "in")})  # fmt: skip
    workflow, done = record(["record", "sh", "-c", "(cd one && ninja b) && ninja -C two a"], place)
    assert done.returncode == 0
    made = {workflow.relative(path) for step in workflow.graph.steps if step.declaration
            for path in step.declaration.outputs}  # fmt: skip
    assert made == {"one/a", "one/b", "two/a"}
    assert (
        len({step.declaration.facts["scheduler"] for step in workflow.graph.steps if step.declaration}) == 2
    )


@pytest.mark.usefixtures("ninja")
def test_a_ninja_below_a_make_has_its_steps_inside_the_targets(tmp_path: Path) -> None:
    files = {
        "Makefile": "all: before\n\tninja -C sub\nbefore:\n\ttouch before\n",
        "sub/build.ninja": "rule cp\n  command = cat $in more > $out\nbuild a: cp in\nbuild b: cp a\n",
        "sub/in": "",
        "sub/more": "",
    }
    workflow, done = record(["make"], write(tmp_path, files))
    assert done.returncode == 0
    assert workflow.names == ["a", "all", "b", "before"]
    assert workflow.around(workflow.step("b")) == ["all"]
    assert workflow.writes("a") == {"sub/a"}
    assert not workflow.graph.gaps
    assert _findings(tmp_path) == ["undeclared-input: a reads more, which it does not declare"]


def _findings(place: Path) -> list[str]:
    done = run(["probe", "check"], place)
    return [line for line in done.stdout.splitlines() if not line.startswith(" ")][:-1]
