"""What GNU make can do, natively and under `probe make`: same output, status and files; right steps."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from makes import VERSIONS, folder_of
from workflows import WRITES, Workflow, contents, environment, newest, record, run, write


@dataclass(frozen=True)
class Said:
    """What is known of a step: its declared inputs and order-only ones, and what it wrote and left."""

    inputs: Sequence[str] = ()
    first: Sequence[str] = ()
    writes: Sequence[str] = ()


@dataclass(frozen=True)
class Case:
    """A Makefile, make's words, and the steps by name; a name may have several."""

    makefile: str
    words: Sequence[str] = ()
    steps: Mapping[str, Said | Sequence[Said]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    sorted: bool = False  # the lines of the output come in any order


PARALLEL = "".join(f"t{i}: in\n\t@echo begin $@; sleep 0.01; cp in $@; echo end $@\n" for i in range(6))
SUB = "all: one two\none two:\n\t@$(MAKE) -s -C $@\n.PHONY: all one two\n"
LEAF = "x y: ../in\n\t@cp $< $@ && sleep 0.02\nall: x y\n.DEFAULT_GOAL := all\n"

CASES = {
    "one shell": Case(
        ".ONESHELL:\nSHELL = /bin/bash\nout: in\n\t@a=$$(cat $<)\n\t[[ $$a == in ]] && echo $$a $$0 > $@\n",
        steps={"out": Said(["in"], writes=["out"])},
    ),
    "a shell for one target": Case(
        "all: a b\na: SHELL := /bin/bash\na: in\n\t@[[ 1 == 1 ]] && echo $$BASH > $@\nb: ; @echo $$0 > $@\n",
        steps={"a": Said(["in"], writes=["a"]), "b": Said(writes=["b"])},
    ),
    "flags for the shell": Case(
        "SHELL = /bin/bash\n.SHELLFLAGS = -eu -o pipefail -c\nall: a b\na: ; @echo $$- > $@\n"
        "b: ; @false | cat; echo not reached\n",
        ["-k"],
        steps={"a": Said(writes=["a"]), "b": Said()},
        status=2,
    ),
    "makefiles that are remade": Case(
        "all: out\ninclude conf.mk\nconf.mk: conf.in\n\t@sed 's/x/$(or $(MAKE_RESTARTS),0)/' $< > $@\n"
        "out: in\n\t@echo $(VALUE) $(MAKE_RESTARTS) > $@\n",
        files={"conf.in": "VALUE = x\n"},
        steps={"conf.mk": Said(["conf.in"], writes=["conf.mk"]), "out": Said(["in"], writes=["out"])},
    ),
    "a target made before and after make reads its makefiles anew": Case(
        "all: again\ninclude conf.mk\nconf.mk: in | again ; @echo X=1 > $@\nagain: ; @echo + >> log\n",
        steps={"conf.mk": Said(["in"], ["again"], ["conf.mk"]), "again": [Said(writes=["log"])] * 2},
    ),
    "shell functions": Case(
        "A := $(shell cat in; echo a > parsed)\nB != cat in\nout: ; @echo $(A) $(B) $(shell cat in) > $@\n",
        steps={"out": Said(writes=["out"])},
    ),
    "shell functions of a make below": Case(
        "all: ; @$(MAKE) -s -C below\n",
        files={"below/Makefile": "A := $(shell cat ../in > parsed)\nout: ; @cp ../in out\n"},
        steps={"all": Said(writes=["below/parsed"]), "out": Said(writes=["below/out"])},
    ),
    "grouped targets": Case(
        "all: a b\na b &: in ; @cp in a; cp in b\n",
        steps={"a": Said(["in"], writes=["a", "b"])},
    ),
    "a pattern with two targets": Case(
        "all: x.h x.c\n%.c %.h: %.y ; @cp $< $*.c; cp $< $*.h\n",
        files={"x.y": "y"},
        steps={"x.h": Said(["x.y"], writes=["x.c", "x.h"])},
    ),
    "double colons": Case(
        "out:: in ; @cat $< > a\nout:: in2 ; @cat $< > b\n",
        files={"in2": "2"},
        steps={"out": [Said(["in"], writes=["a"]), Said(["in2"], writes=["b"])]},
    ),
    "order only": Case(
        "d/out: in | d in2 ; @cp $< $@\nd: ; @mkdir $@\n",
        files={"in2": "2"},
        steps={"d/out": Said(["in"], ["d", "in2"], ["d/out"]), "d": Said(writes=["d"])},
    ),
    "secondary expansion": Case(
        ".SECONDEXPANSION:\nDEP_out = in in2\nout: $$(DEP_$$@) ; @cat $^ > $@\n",
        files={"in2": "2"},
        steps={"out": Said(["in", "in2"], writes=["out"])},
    ),
    "implicit chains": Case(
        "out.c: out.b\n%.c: %.b ; cp $< $@\n%.b: %.a ; cp $< $@\n",
        files={"out.a": "a"},
        steps={"out.b": Said(["out.a"], writes=["out.b"]), "out.c": Said(["out.b"], writes=["out.c"])},
    ),
    "an intermediate file": Case(
        "%.c: %.b ; cp $< $@\n%.b: %.a ; cp $< $@\n",
        ["out.c"],
        files={"out.a": "a"},
        steps={"out.b": Said(["out.a"]), "out.c": Said(["out.b"], writes=["out.c"])},
    ),
    "a search path": Case(
        "VPATH = src\nout: in2 ; @cp $< $@\n",
        files={"src/in2": "2"},
        steps={"out": Said(["src/in2"], writes=["out"])},
    ),
    "members of an archive": Case(
        "lib.a(m.o): m.o ; @ar rcD $@ $<\nm.o: in ; @cp $< $@\n",
        ["lib.a(m.o)"],
        steps={"lib.a(m.o)": Said(["m.o"], writes=["lib.a"]), "m.o": Said(["in"], writes=["m.o"])},
    ),
    "hard names": Case(
        "all: s\\ p pa$$y ha\\#h per%cent\ns\\ p: in ; @cp in 's p'\npa$$y: in ; @cp in '$@'\n"
        "ha\\#h: in ; @cp in '$@'\nper%cent: pa$$y in ; @cp in '$@'\n",
        steps={
            "s p": Said(["in"], writes=["s p"]),
            "pa$y": Said(["in"], writes=["pa$y"]),
            "ha#h": Said(["in"], writes=["ha#h"]),
            "per%cent": Said(["in", "pa$y"], writes=["per%cent"]),  # a pattern, which fits itself
        },
    ),
    "going on after failures": Case(
        "all: a b\na: ; @echo half > $@; exit 3\nb: in ; @cp in b\n.DELETE_ON_ERROR:\n",
        ["-k"],
        steps={"a": Said(), "b": Said(["in"], writes=["b"])},
        status=2,
    ),
    "ignored errors": Case(
        "a: ; -@false\n\t@echo a > $@\n", steps={"a": Said(writes=["a"])}
    ),
    "only saying": Case(
        "all: sub\n\techo x > y\nsub: ; +@echo ran > z\n", ["-n"], steps={"sub": Said(writes=["z"])}
    ),
    "only saying, through makes": Case(
        SUB,
        ["-n"],
        files={"one/Makefile": LEAF, "two/Makefile": LEAF},
        steps={"one": Said(), "two": Said()},
    ),
    "only touching": Case("all: out\nout: in ; cp in out\n", ["-t"]),
    "only asking": Case("out: in ; cp in out\n", ["-q"], status=1),
    "always": Case(
        "out: in ; @cp in out\n", ["-B"], files={"out": "old"}, steps={"out": Said(["in"], writes=["out"])}
    ),
    "in parallel": Case(
        "all: t0 t1 t2 t3 t4 t5\n" + PARALLEL,
        ["-j4"],
        sorted=True,
        steps={f"t{i}": Said(["in"], writes=[f"t{i}"]) for i in range(6)},
    ),
    "with synchronised output": Case(
        "all: t0 t1 t2 t3 t4 t5\n" + PARALLEL,
        ["-j4", "-Otarget"],
        sorted=True,
        steps={f"t{i}": Said(["in"], writes=[f"t{i}"]) for i in range(6)},
    ),
    "makes below share the jobs": Case(
        SUB,
        ["-j3"],
        files={"one/Makefile": LEAF, "two/Makefile": LEAF},
        sorted=True,
        steps={
            "one": Said(),
            "two": Said(),
            "x": [Said(["in"], writes=["one/x"]), Said(["in"], writes=["two/x"])],
            "y": [Said(["in"], writes=["one/y"]), Said(["in"], writes=["two/y"])],
        },
    ),
    "makes below without the flags": Case(
        "MAKEOVERRIDES =\nall: ; @$(MAKE) -s -C one\n",
        files={"one/Makefile": LEAF},
    ),
    "variables handed down": Case(
        "all: ; @$(MAKE) -s -C one V=2\n",
        ["V=1 $$(x)", "W=a b"],
        files={"one/Makefile": "out: ; @echo '$(V)' '$(W)' '$(value MAKELEVEL)' > $@\n"},
        steps={"all": Said(), "out": Said(writes=["one/out"])},
    ),
    "warnings of undefined variables": Case(
        "out: in ; @cp $< $@ $(NOTHING)\n",
        ["--warn-undefined-variables"],
        steps={"out": Said(["in"], writes=["out"])},
    ),
    "a makefile elsewhere": Case(
        "", ["-C", "sub", "-f", "other.mk", "-I", "inc", "--no-print-directory", "--trace"],
        files={"sub/other.mk": "include piece\n", "sub/inc/piece": "out: ; cp ../in $@\n"},
        steps={"out": Said(writes=["sub/out"])},
    ),
    "everything exported": Case(
        ".EXPORT_ALL_VARIABLES:\nA = $(B)\nB = $@\nout: ; @echo $$A > $@\n",
        steps={"out": Said(writes=["out"])},
    ),
    "last resorts": Case(
        "all: what\n.DEFAULT: ; @echo no rule for $@ > made\n", steps={"what": Said(writes=["made"])}
    ),
    "canned recipes": Case(
        "define copy\n@cp in $@\n@echo $* >> $@\nendef\nall: a.x b.x\n%.x: in\n\t$(copy)\n",
        steps={"a.x": Said(["in"], writes=["a.x"]), "b.x": Said(["in"], writes=["b.x"])},
    ),
    "rules that make itself writes": Case(
        "define rule\n$(1): in\n\t@cp in $$@\nendef\nall: a b\n$(foreach n,a b,$(eval $(call rule,$(n))))\n",
        steps={"a": Said(["in"], writes=["a"]), "b": Said(["in"], writes=["b"])},
    ),
}  # fmt: skip


def made(case: Case, place: Path) -> Path:
    return write(place, {"Makefile": case.makefile, "in": "in\n"} | dict(case.files))


def output(
    done: subprocess.CompletedProcess[str], place: Path, case: Case
) -> tuple[int, list[str], list[str]]:
    texts = [text.replace(str(place), "HERE").splitlines() for text in (done.stdout, done.stderr)]
    out, errors = (sorted(text) if case.sorted else text for text in texts)
    return done.returncode, out, errors


def said(workflow: Workflow, name: str) -> list[Said]:
    """What is known of the steps of a name that ran something."""
    found = []
    for step in workflow.graph.steps:
        if step.name == name:
            assert step.declaration is not None, name
            lists = [
                sorted(map(workflow.relative, paths))
                for paths in (step.declaration.inputs, step.declaration.order_only)
            ]
            place = Path(os.fsdecode(workflow.graph.run.directory))
            left = [path for path in workflow.touched(step, WRITES) if (place / path).exists()]
            found.append(Said(lists[0], lists[1], sorted(left)))
    return sorted(found, key=repr)


LATER = {  # what GNU make 3.82 does not have
    "shell functions": "!=",
    "with synchronised output": "-O",
    "a makefile elsewhere": "--trace",
    "grouped targets": "&:",
}


@pytest.mark.parametrize("name", CASES)
def test_make_does_under_probe_what_it_does(name: str, tmp_path: Path) -> None:
    does_the_same(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("version", VERSIONS)
def test_other_makes_do_under_probe_what_they_do(
    version: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == "3.82" and name in LATER:
        pytest.skip(f"GNU make 3.82 has no {LATER[name]}")
    monkeypatch.setenv("PATH", f"{folder_of(version, tmp_path)}:{os.environ['PATH']}")
    does_the_same(name, tmp_path)


def does_the_same(name: str, tmp_path: Path) -> None:
    """Compare make with `probe make` on a case: output, status, files; and look at the steps."""
    case = CASES[name]
    plain, recorded = made(case, tmp_path / "plain"), made(case, tmp_path / "recorded")
    expected = output(run(["make", *case.words], plain), plain, case)
    workflow, done = record(["make", *case.words], recorded)
    assert output(done, recorded, case) == expected
    assert expected[0] == case.status
    assert contents(recorded) == contents(plain)
    for step, one in case.steps.items():
        listed = [one] if isinstance(one, Said) else one
        told = [Said(sorted(some.inputs), sorted(some.first), sorted(some.writes)) for some in listed]
        assert said(workflow, step) == sorted(told, key=repr), step
    if name != "makes below without the flags":
        assert set(workflow.names) == set(case.steps)


def interrupted(command: Sequence[str], place: Path) -> tuple[int, str, set[str]]:
    """Press Ctrl-C while the recipe sleeps: status, messages, files."""
    process = subprocess.Popen(
        command, cwd=place, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (place / "half").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    return process.returncode, said, set(contents(place))


def test_a_recipe_that_is_interrupted(tmp_path: Path) -> None:
    case = Case("all: half\nhalf: in\n\t@echo half > $@; exec sleep 30\n")
    ended = {}
    for name, command in (("plain", ["make"]), ("recorded", ["probe", "make"])):
        for again in range(30):  # whether make hears of the signal or of its recipe's end first is chance
            ended[name] = interrupted(command, made(case, tmp_path / f"{name}{again}"))
            if "Interrupt" in ended[name][1]:
                break
    assert ended["recorded"] == ended["plain"]
    assert "Interrupt" in ended["plain"][1]
    step = newest().step("half")
    assert step.status == 128 + signal.SIGINT
    assert newest().writes("half") == {"half"}


def test_a_makefile_from_standard_input(tmp_path: Path) -> None:
    place = write(tmp_path / "w", {"x.mk": "out: in\n\t@cp in out\n", "in": "in"})
    workflow, done = record(["record", "-q", "--", "sh", "-c", "make -f - < x.mk"], place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert said(workflow, "out") == [Said(["in"], [], ["out"])]


def test_make_tells_where_a_rule_stands_and_what_its_recipe_says(tmp_path: Path) -> None:
    place = write(tmp_path / "w", {"Makefile": "# a comment\nall: out\nout: in\n\t@cp $< $@\n", "in": "in"})
    workflow, _ = record(["make"], place)
    declaration = workflow.step("out").declaration
    assert declaration is not None
    facts = declaration.facts
    assert (facts["makefile"], facts["line"], facts["recipe"]) == (str(place / "Makefile"), 3, "@cp $< $@")


def test_concurrent_makes_tear_no_declaration(tmp_path: Path) -> None:
    long = [f"../in/{'x' * 80}-{number}" for number in range(150)]  # more than a page of them
    leaf = f"all: a b c d\na b c d: {' '.join(long)}\n\t@: $@\n.PHONY: all a b c d\n"
    names = [f"m{number}" for number in range(12)]
    top = f"all: {' '.join(names)}\n{' '.join(names)}: ; @$(MAKE) -s -C $@\n.PHONY: all {' '.join(names)}\n"
    place = write(
        tmp_path / "w", {"Makefile": top} | {f"{name}/Makefile": leaf for name in names}
        | {file.removeprefix("../"): "" for file in long},
    )  # fmt: skip
    workflow, done = record(["make", "-j8"], place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not workflow.graph.gaps
    told = [step.declaration for step in workflow.graph.steps if step.name in "abcd"]
    assert len(told) == 4 * len(names)
    wanted = tuple(os.fsencode(place / "in" / file.rpartition("/")[2]) for file in long)
    assert all(one is not None and one.inputs == wanted for one in told)


def test_a_make_deep_inside_a_script_declares_its_targets(tmp_path: Path) -> None:
    files = {
        "go.py": "import subprocess, sys\nsys.exit(subprocess.run(['sh', '-c', './a.sh']).returncode)\n",
        "a.sh": "#!/bin/sh\nenv -u NOTHING nice make -C w -j2 && echo done\n",
        "w/Makefile": "all: x y\nx y: in | d ; @cp in $@\nd: ; @mkdir d\n",
        "w/in": "in",
    }
    place = write(tmp_path / "p", files)
    (place / "a.sh").chmod(0o755)
    workflow, done = record(["record", "python3", "go.py"], place)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "done")
    assert workflow.names == ["d", "x", "y"]
    assert said(workflow, "x") == [Said(["w/in"], ["w/d"], ["w/x"])]
