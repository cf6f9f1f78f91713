"""GNU make, as it is: with the adapter's surroundings, under `probe make`, and with SHELL=probe-sh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from probe_core.model import Declaration
from probe_make.plugin import probe_engine
from workflows import READS, WRITES, Workflow, contents, environment, example, newest, record, run, write

WRITTEN = {
    "Makefile": """all: out.txt with\\ blank sub
out.txt: in.txt | folder
\tcp $< $@
\t@echo two >> $@
folder: ; mkdir -p $@
with\\ blank: in\\ put in.txt
\tcat in\\ put in.txt > "$@"
sub: ; $(MAKE) -C below && $(MAKE) -C below other
many: $(foreach i,$(shell seq 4000),deps/a-name-that-is-rather-long-as-names-go-$(i).txt)
\techo $(words $^) > $@
flags: ; @echo $(MAKEFLAGS)
old: ; $(MAKE) $(MFLAGS) -C below
.PHONY: all sub flags old
""",
    "below/Makefile": "x: ../in.txt\n\tcat $< > $@\nother: x\n\tcp x other\n",
    "in.txt": "in\n",
    "in put": "put\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Makefile with what is hard to tell: blanks, order-only prerequisites, sub-makes."""
    return write(tmp_path / "project", WRITTEN)


def told(
    directory: Path, folder: Path, *words: str, **more: str
) -> tuple[dict[str, Declaration], subprocess.CompletedProcess[str]]:
    """Run make in the adapter's surroundings without a recorder: what it declared, by target."""
    folder.mkdir(exist_ok=True)
    before = environment(PROBE_RUN=str(folder), **more)
    known = {os.fsencode(a): os.fsencode(b) for a, b in before.items()}
    door = probe_engine().prepare([b"make"], folder, known)
    around = more | {os.fsdecode(a): os.fsdecode(b) for a, b in door.environment.items()}
    command = [*map(os.fsdecode, door.command), *words]
    done = run(command, directory, PROBE_RUN=str(folder), **around)
    found = probe_engine().declared(folder)
    assert found is None or not found.gaps
    return {step.rule: step for step in found.declarations} if found else {}, done


@pytest.mark.parametrize("place", ["run", "run with [odd], (names) & $igns"])
@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
def test_make_tells_every_recipe_it_runs(project: Path, tmp_path: Path, place: str, jobs: str) -> None:
    steps, done = told(project, tmp_path / place, jobs)
    assert done.returncode == 0, done.stderr
    here = os.fsencode(project)
    assert set(steps) == {"out.txt", "folder", "with blank", "sub", "x", "other"}
    assert steps["out.txt"].inputs == (here + b"/in.txt",)
    assert steps["out.txt"].order_only == (here + b"/folder",)
    assert steps["with blank"].inputs == (here + b"/in put", here + b"/in.txt")
    assert steps["x"].inputs == (here + b"/in.txt",)
    assert steps["x"].directory == here + b"/below"


def test_thousands_of_prerequisites_are_no_trouble(project: Path, tmp_path: Path) -> None:
    (project / "deps").mkdir()
    for i in range(1, 4001):
        (project / f"deps/a-name-that-is-rather-long-as-names-go-{i}.txt").touch()
    steps, done = told(project, tmp_path / "run", "many")
    assert (done.returncode, (project / "many").read_text()) == (0, "4000\n"), done.stderr
    assert len(steps["many"].inputs) == 4000


def test_output_and_status_are_those_of_plain_make(project: Path, tmp_path: Path) -> None:
    words = ("-k", "out.txt", "with blank", "nothing-makes-this")
    plain = run(["make", *words], project)
    made = contents(project)
    for name in ("out.txt", "with blank"):
        (project / name).unlink()
    (project / "folder").rmdir()
    _, done = told(project, tmp_path / "run", *words)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert contents(project) == made


def test_a_dry_run_tells_nothing(project: Path, tmp_path: Path) -> None:
    steps, done = told(project, tmp_path / "run", "-n", "out.txt")
    assert (done.returncode, steps) == (0, {})


def test_the_users_flags_count(project: Path, tmp_path: Path) -> None:
    steps, done = told(project, tmp_path / "run", "out.txt", GNUMAKEFLAGS="-n")
    assert (steps, (project / "out.txt").exists()) == ({}, False), done.stderr


def test_a_shell_can_read_the_flags_and_old_makefiles_pass_them_on(project: Path, tmp_path: Path) -> None:
    _, done = told(project, tmp_path / "run", "flags")
    assert (done.returncode, done.stderr) == (0, "")
    steps, done = told(project, tmp_path / "run", "-k", "old")
    assert done.returncode == 0, done.stderr
    assert steps["x"].facts["level"] == "1"


def test_a_makefiles_own_shell_and_posix_mode_are_left(tmp_path: Path) -> None:
    text = ".POSIX:\nSHELL := /bin/bash\nout:\n\t@[[ a == a ]] && echo $$0 > $@\n"
    steps, done = told(write(tmp_path / "w", {"Makefile": text}), tmp_path / "run", "-e")
    assert (done.returncode, (tmp_path / "w/out").read_text(), set(steps)) == (0, "/bin/bash\n", {"out"})


def test_make_goes_on_when_the_run_is_gone(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    text = probe_engine().prepare([b"make"], folder, dict(os.environb)).environment
    (folder / "declarations/make").rmdir()
    around = {os.fsdecode(a): os.fsdecode(b) for a, b in text.items()}
    done = run(["make", "out.txt"], project, PROBE_RUN=str(folder), **around)
    assert done.returncode == 0, done.stderr


PENGUINS = {
    "results/clean.csv": {"scripts/clean.py", "data/penguins-raw.csv"},
    "results/summary.csv": {"scripts/summarise.py", "results/clean.csv"},
    "results/fit-Adelie.json": {"scripts/fit.py", "results/clean.csv", "data/exclude.txt"},
    "results/figure.svg": {"scripts/plot.py", "results/clean.csv", "results/fit-Gentoo.json"},
}


def penguins(to: Path) -> Path:
    """The example with a small table of the same form."""
    head = "Individual ID,Species,Sex,Flipper Length (mm),Body Mass (g)"
    birds = [
        f"N{i}A{i},{species} Penguin,{('FEMALE', 'MALE')[i % 2]},{180 + 3 * i + j},{3500 + 90 * i - j}"
        for i in range(12)
        for j, species in enumerate(("Adelie", "Chinstrap", "Gentoo"))
    ]
    return write(example("palmer-penguins", to), {"data/penguins-raw.csv": "\n".join([head, *birds, ""])})


def test_probe_make_knows_each_step_and_changes_nothing(tmp_path: Path) -> None:
    plain, recorded = penguins(tmp_path / "plain"), penguins(tmp_path / "recorded")
    expected = run(["make", "-s", "-j2"], plain)
    workflow, done = record(["make", "-s", "-j2"], recorded)
    assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, expected.stderr)
    assert contents(plain) == contents(recorded)
    assert len(workflow.names) == 7
    for name, inputs in PENGUINS.items():
        step = workflow.step(name)
        assert step.declaration is not None
        assert inputs <= workflow.reads(name), name
        assert name in workflow.writes(name)
        assert (step.status, step.parent) == (0, None)
    assert not workflow.graph.gaps
    assert workflow.graph.run.facts["workflow_files"][0]["path"] == str(recorded / "Makefile")


def test_the_undeclared_input_is_found_with_the_line_that_mends_it(tmp_path: Path) -> None:
    directory = penguins(tmp_path / "w")
    record(["make", "-s", "-j2"], directory)
    done = run(["probe", "check"], directory)
    assert done.returncode in (0, 1)
    assert "data/exclude.txt" in done.stdout
    assert "add to Makefile: results/fit-Adelie.json: data/exclude.txt" in done.stdout
    assert "pyvenv.cfg" not in done.stdout


C_PROJECT = {
    "Makefile": """PARTS = a b c d e f
prog: main.o lib/libparts.a
\t$(CC) -o $@ main.o lib/libparts.a
main.o: main.c lib/parts.h
\t$(CC) -O1 -c -o $@ $<
lib/libparts.a: FORCE
\t$(MAKE) -C lib PARTS="$(PARTS)"
FORCE:
""",
    "lib/Makefile": """libparts.a: $(PARTS:%=%.o)
\t$(AR) rcsD $@ $^
%.o: %.c parts.h
\t$(CC) -O1 -c -o $@ $<
""",
    "lib/parts.h": "".join(f"int {name}(int);\n" for name in "abcdef"),
    "main.c": '#include "lib/parts.h"\nint main(void) { return a(b(c(d(e(f(0)))))) - 6; }\n',
} | {f"lib/{name}.c": f'#include "parts.h"\nint {name}(int x) {{ return x + 1; }}\n' for name in "abcdef"}


def test_a_recursive_parallel_build_of_c(tmp_path: Path) -> None:
    plain, recorded = write(tmp_path / "plain", C_PROJECT), write(tmp_path / "recorded", C_PROJECT)
    assert run(["make", "-j4"], plain).returncode == 0
    workflow, done = record(["make", "-j4"], recorded)
    assert done.returncode == 0, done.stderr
    assert run(["./prog"], recorded).returncode == 0
    assert contents(plain) == contents(recorded)
    for name in "abcdef":
        assert {f"lib/{name}.c", "lib/parts.h"} <= workflow.reads(f"{name}.o")
        assert f"lib/{name}.o" in workflow.writes(f"{name}.o")
        assert {"cc1", "as"} <= {one.rpartition("-")[2] for one in workflow.programs(f"{name}.o")}
        assert workflow.around(workflow.step(f"{name}.o")) == ["lib/libparts.a"]
    assert workflow.around(workflow.step("libparts.a")) == ["lib/libparts.a"]
    assert {f"lib/{name}.o" for name in "abcdef"} <= workflow.reads("libparts.a")
    assert "lib/libparts.a" in workflow.reads("prog")


def test_a_failing_recipe_fails_as_in_make(tmp_path: Path) -> None:
    files = {"Makefile": "all: good bad\ngood: ; @touch $@\nbad: ; @touch half; exit 3\n.PHONY: all\n"}
    plain = run(["make", "-k"], write(tmp_path / "plain", files))
    workflow, done = record(["make", "-k"], write(tmp_path / "recorded", files))
    assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
    assert workflow.graph.run.status == plain.returncode == 2
    assert (workflow.step("good").status, workflow.step("bad").status) == (0, 3)


def test_a_make_that_a_script_starts_declares_its_steps(tmp_path: Path) -> None:
    files = {"go.sh": "make -C w\n", "w/Makefile": "out: in\n\tcp in out\n", "w/in": "x"}
    workflow, done = record(["record", "--", "sh", "go.sh"], write(tmp_path / "w", files))
    assert done.returncode == 0
    assert workflow.reads("out") >= {"w/in"}
    assert workflow.graph.run.engine == "script"


def shell_steps(workflow: Workflow) -> dict[str, set[str]]:
    """By their output the inputs of steps that probe-sh declared."""
    found: dict[str, set[str]] = {}
    for step in workflow.graph.steps:
        for path in workflow.touched(step, WRITES):
            found.setdefault(path, set()).update(workflow.touched(step, READS))
    return found


def test_shell_probe_sh_opens_one_run_for_a_make(tmp_path: Path) -> None:
    plain, directory = penguins(tmp_path / "plain"), penguins(tmp_path / "recorded")
    run(["make", "-s"], plain)
    done = run(["make", "SHELL=probe-sh", "-s", "-j2"], directory)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(plain) == contents(directory)
    workflow = newest()
    made = shell_steps(workflow)
    for output, inputs in PENGUINS.items():
        assert inputs <= made[output]
    assert set(PENGUINS) <= set(workflow.names), "found in the Makefile by the text of the recipes"
    assert all(
        step.declaration and "`probe make` tells" in step.declaration.facts["note"]
        for step in workflow.graph.steps
    )


def test_shell_probe_sh_below_probe_make_keeps_the_targets(tmp_path: Path) -> None:
    workflow, done = record(["make", "SHELL=probe-sh", "-s", "-j2"], penguins(tmp_path / "w"))
    assert done.returncode == 0
    assert set(PENGUINS) <= set(workflow.names)
    assert "data/exclude.txt" in workflow.reads("results/fit-Gentoo.json")
