"""What make's adapter gives to a recording, and how it reads what make and probe-sh wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from probe_core.hooks import Finding
from probe_core.model import Step
from probe_make import surroundings as around
from probe_make.declarations import declared
from probe_make.plugin import probe_engine


def head(**said: bytes) -> bytes:
    """What make writes once: of itself, and of its makefiles."""
    own = {"version": b"3", "pid": b"77", "level": b"0", "directory": b"/w", "restarts": b""}
    return _line(own | {"make": b"4.3", "files": b"Makefile"}, said)


def line(**said: bytes) -> bytes:
    """What make writes for a target."""
    own = {"version": b"3", "pid": b"77", "level": b"0", "directory": b"/w", "restarts": b""}
    target = dict.fromkeys(("target", "member", "inputs", "order", "stem", "first"), b"")
    return _line(own | target | {"target": b"out"}, said)


def _line(usual: dict[str, bytes], said: dict[str, bytes]) -> bytes:
    assert set(said) <= set(usual)
    return around.FIELD.join((usual | said).values()) + around.LINE


def left(run: Path, *lines: bytes, name: str = "77") -> Path:
    """A run's folder in which a make left some lines."""
    folder = run / "declarations" / "make"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(lines))
    return run


def test_nothing_left_is_no_declaration(tmp_path: Path) -> None:
    assert declared(tmp_path) is None


def test_paths_are_absolute_and_the_key_is_the_one_that_recipes_carry(tmp_path: Path) -> None:
    said = line(inputs=b"a ../b /c/d", order=b"folder", level=b"2", target=b"sub/out", stem=b"sub/o")
    found = declared(left(tmp_path, head(level=b"2"), said))
    assert found is not None
    (step,) = found.declarations
    assert step.key == b"make:77:2:/w:sub/out"
    assert step.inputs == (b"/w/a", b"/b", b"/c/d")
    assert step.order_only == (b"/w/folder",)
    assert step.outputs == (b"/w/sub/out",)
    assert step.directory == b"/w"
    assert step.facts["stem"] == "sub/o"
    assert found.facts["version"] == "4.3"
    assert found.facts["workflow_files"] == [{"path": "/w/Makefile", "digest": None}]


def test_double_colon_rules_are_steps_apart_or_one_step_with_both_inputs(tmp_path: Path) -> None:
    found = declared(left(tmp_path, line(inputs=b"a", first=b"a"), line(inputs=b"b", first=b"b")))
    assert found is not None
    assert {step.key: step.inputs for step in found.declarations} == {
        b"make:77:0:/w:out<a": (b"/w/a",),
        b"make:77:0:/w:out<b": (b"/w/b",),
    }
    found = declared(left(tmp_path, line(order=b"a"), line(order=b"b"), name="78"))
    assert found is not None
    assert found.declarations[-1].order_only == (b"/w/a", b"/w/b")


def test_names_with_blanks_are_put_together_again(tmp_path: Path) -> None:
    (tmp_path / "in put").touch()
    here = os.fsencode(tmp_path)
    lines = (
        line(directory=here, target=b"of make's own", inputs=b"in put plain"),
        line(directory=here, target=b"last", inputs=b"of make's own x in put"),
    )
    found = declared(left(tmp_path, *lines))
    assert found is not None
    assert found.declarations[0].inputs == (here + b"/in put", here + b"/plain")
    assert found.declarations[1].inputs == (here + b"/of make's own", here + b"/x", here + b"/in put")


def test_what_cannot_be_understood_is_a_gap_and_the_rest_is_kept(tmp_path: Path) -> None:
    found = declared(left(tmp_path, b"foreign" + around.LINE, line(), line(target=b"torn")[:-4]))
    assert found is not None
    assert [step.rule for step in found.declarations] == ["out"]
    assert len(found.gaps) == 2
    assert "ended while" in found.gaps[0]


def test_bytes_that_are_no_text_survive(tmp_path: Path) -> None:
    found = declared(left(tmp_path, line(target=b"na\xefve", inputs=b"\xff")))
    assert found is not None
    assert found.declarations[0].outputs == (b"/w/na\xefve",)
    assert found.declarations[0].inputs == (b"/w/\xff",)
    json.dumps(dict(found.declarations[0].facts))


def test_a_member_of_an_archive_is_part_of_the_name(tmp_path: Path) -> None:
    found = declared(left(tmp_path, line(target=b"lib.a", member=b"x.o")))
    assert found is not None
    assert found.declarations[0].name == "lib.a(x.o)"
    assert found.declarations[0].key.endswith(b":lib.a(x.o)")


@pytest.mark.parametrize(
    ("command", "head"),
    [
        ("gcc -c x.c", "gcc"),
        ("CC=1 X=2 /usr/bin/gcc x", "gcc"),
        ("(cd a; make)", "cd"),
        ("  ", "recipe"),
        ("A=1", "recipe"),
    ],
)
def test_probe_sh_lines_name_the_head_of_the_command(tmp_path: Path, command: str, head: str) -> None:
    place = tmp_path / "declarations"
    place.mkdir()
    said = {"key": "make-sh:1:2", "pid": 2, "make": 1, "started": 5, "directory": "/w", "command": command}
    (place / "probe-sh").write_text(json.dumps(said) + "\n{broken\n")
    found = declared(tmp_path)
    assert found is not None
    (step,) = found.declarations
    assert (step.key, step.name, step.started, step.outputs) == (b"make-sh:1:2", head, 5, ())
    assert "target not told" in step.facts["note"]
    assert command.strip() == "" or command not in str(step.facts)
    assert len(found.gaps) == 1


@pytest.mark.parametrize("own", [b"", b"k", b"-k --no-print-directory", b"-- X=1"])
def test_the_users_flags_are_kept_and_ours_added_once(tmp_path: Path, own: bytes) -> None:
    environment = {b"GNUMAKEFLAGS": own} if own else {}
    once = around.surroundings(tmp_path, environment)
    assert once[b"GNUMAKEFLAGS"].startswith(own)
    assert around.surroundings(tmp_path, once)[b"GNUMAKEFLAGS"] == once[b"GNUMAKEFLAGS"]
    assert once[b"GNUMAKEFLAGS"].count(b"PROBE_STEP") == 1


def test_flags_have_no_letters_that_makefiles_look_for(tmp_path: Path) -> None:
    flags = around.surroundings(tmp_path, {})[b"GNUMAKEFLAGS"].decode()
    assert not [letter for letter in flags if letter.islower()]


def test_a_nearly_full_spool_gets_no_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around, "ROOM", 1 << 62)
    text = around.surroundings(tmp_path, {})[b"PROBE_MAKE"]
    assert b"$(file" not in text
    assert b"$@" in text


def test_a_target_made_again_after_makefiles_were_read_anew_is_another_step(tmp_path: Path) -> None:
    again = (head(restarts=b"1", files=b"a b"), line(restarts=b"1"))
    found = declared(left(tmp_path, head(), line(), *again))
    assert found is not None
    assert [step.key for step in found.declarations] == [b"make:77:0:/w:out", b"make:77:0+1:/w:out"]
    assert found.declarations[1].facts["makefiles"] == ["/w/a", "/w/b"]


def finding(lint: str, path: bytes, step: int) -> Finding:
    return Finding(lint, step, path, "")


@pytest.mark.parametrize(
    ("lint", "path", "said"),
    [
        ("undeclared-input", b"/w/data/x y.txt", "add to Makefile: out: data/x\\ y.txt"),
        ("undeclared-input", b"/else/$where", "add to Makefile: out: /else/$$where"),
        ("undeclared-output", b"/w/extra", "make it a target too, in Makefile: out extra &: …"),
        ("unknown-lint", b"/w/extra", None),
    ],
)
def test_remedies_are_lines_of_a_makefile(tmp_path: Path, lint: str, path: bytes, said: str | None) -> None:
    found = declared(left(tmp_path, head(), line()))
    assert found is not None
    step = Step(0, b"key", "make", "out", "out", 1, None, None, None, None, found.declarations[0])
    assert probe_engine().remedy(finding(lint, path, 0), step) == said
    assert probe_engine().remedy(finding(lint, path, 0)) is None
