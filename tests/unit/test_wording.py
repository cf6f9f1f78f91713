"""Text for people: nothing in a file's name can break a line or move the cursor."""

from __future__ import annotations

import subprocess

import pytest

from probe_core.ask.wording import command_of, count_of, name_of, shown, size_of, span_of
from probe_core.printable import printable


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain-1.2_x.csv", "plain-1.2_x.csv"),
        ("Übung/é.txt".encode(), "Übung/é.txt"),
        (b"a b", "'a b'"),
        (b"it's", "'it'\\''s'"),
        (b"$HOME", "'$HOME'"),
        (b"two\nlines", "$'two\\nlines'"),
        (b"red\x1b[31m", "$'red\\e[31m'"),
        (b"\xff'\\", "$'\\xff\\'\\\\'"),
        ("right\u202eleft".encode(), "$'right\\u202eleft'"),
        (b"", "''"),
    ],
)
def test_names(name: bytes, text: str) -> None:
    assert shown(name) == text


@pytest.mark.parametrize(
    "name", [b"a b", b"it's", b"two\nlines", b"red\x1b[31m", b"\xff'\\", b"\x01\x7f", b"a\\b\nc"]
)
def test_a_shown_name_can_be_pasted(name: bytes) -> None:
    done = subprocess.run(["bash", "-c", f"printf %s {shown(name)}"], capture_output=True, check=True)
    assert done.stdout == name


def test_names_are_relative_inside_the_directory_only() -> None:
    assert name_of(b"/w/a/b", b"/w") == "a/b"
    assert name_of(b"/work/a", b"/w") == "/work/a"
    assert name_of(b"/w", b"/w") == "/w"
    assert name_of(b"/w/a", b"/") == "/w/a"


def test_amounts() -> None:
    assert [size_of(size) for size in (None, 0, 1023, 1536, 1024**3)] == [
        "size not known",
        "0 B",
        "1023 B",
        "1.5 KiB",
        "1.0 GiB",
    ]
    assert [
        span_of(time) for time in (None, 5_000_000, 2_340_000_000, 61_000_000_000, 7_260_000_000_000)
    ] == ["?", "5 ms", "2.3 s", "1 min 01 s", "2 h 01 min"]
    assert (count_of(1, "process", "processes"), count_of(2000, "file")) == ("1 process", "2,000 files")


def test_sentences_and_commands_stay_on_one_line() -> None:
    assert printable("a\nb it's") == "a\\nb it's"
    assert command_of([b"sh", b"-c", b"a\nb"]) == "sh -c $'a\\nb'"
    assert len(command_of([b"x" * 500])) == 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"plain", "plain"),
        (b"a\nb", "a\\nb"),
        (b"\xff", "\\xff"),
        ("é\u3000x".encode(), "é\u3000x"),
        (b"\x1b[0m", "\\e[0m"),
        ("a\u202eb", "a\\u202eb"),
        ("back\\slash it's", "back\\slash it's"),
    ],
)
def test_text_that_a_terminal_can_be_given(text: str | bytes, expected: str) -> None:
    assert printable(text) == expected
