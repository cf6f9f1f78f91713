"""`make SHELL=probe-sh`: the recipes of one make meet in one run, and make behaves as ever."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from recording import LAUNCHER, environment

SHELL = LAUNCHER.parent / "probe-sh"
NAMED_SH = LAUNCHER.parent.parent / "share" / "probe" / "sh"
MAKEFILE = """
all: a b c d e f g h
a b c d e f g h:
\t@echo $$PROBE_STEP > $@; test -n "$$LD_PRELOAD"
\t@echo second >> $@
sub: ; @$(MAKE) -s all
fail: ; @exit 3
"""


def make(directory: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run make with probe-sh as its shell."""
    (directory / "Makefile").write_text(MAKEFILE)
    env = {**environment(variables), "PROBE_SPOOL": os.environ["PROBE_SPOOL"]}
    return subprocess.run(
        ["make", f"SHELL={SHELL}", *arguments],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def runs() -> list[dict]:
    folders = (Path(os.environ["PROBE_SPOOL"]) / "runs").iterdir()
    return [json.loads((folder / "run.json").read_bytes()) for folder in folders]


def lines() -> list[dict]:
    (folder,) = (Path(os.environ["PROBE_SPOOL"]) / "runs").iterdir()
    return [json.loads(line) for line in (folder / "declarations" / "probe-sh").read_bytes().splitlines()]


@pytest.mark.parametrize("jobs", ["-j1", "-j8"])
def test_one_make_is_one_run(jobs: str, tmp_path: Path, needs) -> None:
    needs("make")
    result = make(tmp_path, jobs)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    (told,) = runs()
    assert told["engine"] == "make"
    assert told["command"][0] == "make"
    assert told["directory"] == str(tmp_path)
    declared = lines()
    assert len(declared) == 16, "every line of a recipe is a step of its own"
    assert len({line["key"] for line in declared}) == 16
    assert {line["make"] for line in declared} == {told["pid"]}
    written = {(tmp_path / name).read_text().splitlines()[0] for name in "abcdefgh"}
    assert written <= {line["key"] for line in declared}


def test_later_recipes_ask_no_more_than_where_the_library_is(tmp_path: Path, needs) -> None:
    needs("make")
    assert make(tmp_path, "-j1", "a", "b").stderr == ""
    first, *later = lines()
    assert first["arguments"].startswith("make\n")
    assert [set(first) - set(line) for line in later] == [{"arguments"}] * 3
    (folder,) = (Path(os.environ["PROBE_SPOOL"]) / "runs").iterdir()
    assert (folder / "library").readlink().is_file()


def test_a_library_that_was_removed_meanwhile_is_unpacked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs
) -> None:
    needs("make")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # else it would be unpacked below /tmp, where all have it
        monkeypatch.setenv("PROBE_SPOOL", f"{place}/spool")
        result = make(tmp_path, "--eval=removing: ; @rm -r $$PROBE_SPOOL/lib", "-j1", "a", "removing", "b")
        assert (result.returncode, result.stderr) == (0, "")
        assert list(Path(place, "spool/lib").iterdir())
        assert len(runs()) == 1
    assert (tmp_path / "b").read_text().startswith("make-sh:")


def test_a_make_below_joins_the_run(tmp_path: Path, needs) -> None:
    needs("make")
    assert make(tmp_path, "sub").returncode == 0
    assert len(runs()) == 1
    assert len({line["make"] for line in lines()}) == 2


def test_two_makes_are_two_runs(tmp_path: Path, needs) -> None:
    needs("make")
    make(tmp_path, "a")
    make(tmp_path, "b")
    assert len({told["id"] for told in runs()}) == 2


def test_a_failing_recipe_fails(tmp_path: Path, needs) -> None:
    needs("make")
    result = make(tmp_path, "fail")
    assert result.returncode == 2
    assert "Error 3" in result.stderr


def test_the_shell_can_be_chosen(tmp_path: Path) -> None:
    env = {**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"], "PROBE_SHELL": "/bin/bash"}
    result = subprocess.run([SHELL, "-c", "echo $BASH"], env=env, capture_output=True, text=True, check=True)
    assert result.stdout == "/bin/bash\n"


def test_the_text_of_a_line_may_be_anything(tmp_path: Path) -> None:
    env = {**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"]}
    text = b"printf '%s' 'a\nb\" \xff'"
    result = subprocess.run([os.fsencode(SHELL), b"-ec", text], env=env, capture_output=True, check=True)
    assert result.stdout == b'a\nb" \xff'
    (line,) = lines()
    assert os.fsencode(line["command"]) == text


def test_without_a_spool_make_goes_on(tmp_path: Path, needs, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("make")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROBE_SPOOL", str(tmp_path / "file"))
    result = make(tmp_path, "fail")
    assert "probe: not recorded: cannot write" in result.stderr
    assert "Error 3" in result.stderr, "the recipe itself was run"


def test_a_whole_recipe_runs_as_make_runs_it(tmp_path: Path, needs) -> None:
    needs("make")
    text = '.ONESHELL:\nout:\n\t@a=1\n\t  -@b="x\\\n\t-y"; echo $$a $$b > $@\n\t+@test -f $@\n'
    results = []
    for words in ([], [f"SHELL={SHELL}"], [f"SHELL={NAMED_SH}"]):
        (tmp_path / "Makefile").write_text(text)
        env = {**environment(), "PROBE_SPOOL": os.environ["PROBE_SPOOL"]}
        done = subprocess.run(
            ["make", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        results.append((done.returncode, done.stdout, done.stderr, (tmp_path / "out").read_text()))
        (tmp_path / "out").unlink()
    assert results[0] == results[1] == results[2]
    assert results[0][0] == 0
    assert len(runs()) == 2, "one for each recorded make"


def test_help_tells_the_limits() -> None:
    done = subprocess.run([SHELL, "--help"], capture_output=True, text=True, check=True)
    assert "PROBE_SHELL" in done.stdout
    assert "replaces the Makefile's own SHELL" in done.stdout
