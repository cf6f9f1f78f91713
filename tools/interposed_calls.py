"""Print docs/reference/interposed-calls.md, made from the table libprobe/calls.h."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "libprobe" / "calls.h"
KINDS = {
    "READ": "read", "WRITE": "write", "LOOKUP": "look-up", "LIST": "listing", "REMOVE": "removal",
    "RENAME": "rename", "LINK": "link", "SYMLINK": "symbolic link", "MAKE": "made", "METADATA": "metadata",
}  # fmt: skip
BY_MODE = "read or write, by its mode"
DATABASE = "the file that libc reads by itself, once"
NOTES = {
    "note_open": BY_MODE,
    "note_stream": BY_MODE,
    "note_temporary": "write",
    "note_shared": BY_MODE,
    "note_shared_removed": "removal",
    "note_change": "changed without open",
    "note_metadata_of": "metadata, by descriptor",
    "note_place": "the current directory",
    "note_pipe": "both ends",
    "note_moved": "the descriptor, when it is 0 to 2",
    "note_fork": "the child",
    "note_database": DATABASE,
    "note_root_changed": "gap: root changed",
    "note_connection": "the other end",
    "note_acceptance": "the other end",
    "note_received": "descriptors that came along, as inherited ones",
    "note_received_many": "descriptors that came along, as inherited ones",
}
FILES = {
    "streams.c": "read, write or close, by its mode",
    "descriptors.c": "what changes a descriptor",
    "walks.c": "listings and look-ups on the way",
    "databases.c": DATABASE,
    "execs.c": "the program, before it begins; the environment repaired",
    "spawns.c": "the program, with its child",
    "ends.c": "the end of a process, its times and memory",
    "jumps.c": "before the call, which is then jumped to",
    "forks.c": "the child; of one that is jumped to the child itself tells, by its first note",
    "confined.c": "that the program confines itself",
}


@dataclass
class Section:
    """A heading of the table with its rows: name -> what is noted, and name -> why it is not taken."""

    title: str
    taken: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)


def _noted(macro: str, row: str) -> str:
    if macro == "OPEN":
        return NOTES["note_open"]
    if macro == "CLOSES":
        return "the end of writing"
    kind = re.search(r"PROBE_(?!NO_FOLLOW|IS_DIRECTORY|EXCLUSIVE)([A-Z_]+)", row)
    if kind and kind.group(1) in KINDS:
        return KINDS[kind.group(1)]
    note = re.search(r"\b(note_\w+)\(", row)
    return NOTES[note.group(1)] if note else "nothing"


def _title(comment: str) -> str:
    return re.split(r"[:.]", comment)[0].strip()


def sections() -> Iterator[Section]:
    """Read the table; an unknown row is an error, so that the page cannot fall behind it in silence."""
    body = TABLE.read_text().split("*/", 1)[1]
    section: Section | None = None
    for line in body.splitlines():
        if heading := re.fullmatch(r"/\* (.*) \*/", line):
            if section:
                yield section
            section = Section(_title(heading.group(1)))
            continue
        assert section is not None or not line.strip(), line
        if section is None or not line.strip():
            continue
        if by_hand := re.match(r'BY_HAND\((\w+), "(.+)"\)', line):
            section.taken[by_hand.group(1)] = FILES[by_hand.group(2)]
        elif skip := re.match(r'SKIP\((\w+), "(.+)"\)', line):
            section.skipped[skip.group(1)] = skip.group(2)
        elif old := re.match(r'OLD\((\w+), "(.+)", "(.+)"\)', line):
            section.former[f"{old.group(1)}@{old.group(2)}"] = old.group(3)
        elif row := re.match(r"(CALL|POINTER|CLOSES)\([^,]+, (\w+), |(OPEN)\((\w+), ", line):
            section.taken[row.group(2) or row.group(4)] = _noted(row.group(1) or row.group(3), line)
        else:
            raise ValueError(f"a row of {TABLE.name} that cannot be read: {line}")
    if section:
        yield section


def _grouped(rows: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give rows that note the same together, in the table's order."""
    groups: dict[str, list[str]] = {}
    for name, text in rows.items():
        groups.setdefault(text, []).append(f"`{name}`")
    for text, names in groups.items():
        yield " ".join(names), text


def page() -> str:
    """Give the page's text."""
    found = list(sections())
    taken, skipped = sum(len(one.taken) for one in found), sum(len(one.skipped) for one in found)
    lines = [
        "# Interposed calls", "",
        "Made from `libprobe/calls.h` by `tools/interposed_calls.py`; a test holds it current, and another",
        "holds the table against the C library that is installed. `…64`, `__…`, `…_2` and `…_chk` are the C",
        "library's own twins of a function: each is passed on to its own next definition.", "",
        f"{taken} functions are interposed, {skipped} are left alone for the reason given.",
    ]  # fmt: skip
    for one in found:
        lines += ["", f"## {one.title}", ""]
        if one.taken:
            lines += ["| functions | what is noted |", "|---|---|"]
            lines += [f"| {names} | {text} |" for names, text in _grouped(one.taken)]
        if one.skipped:
            lines += [""] * bool(one.taken) + ["| left alone | why |", "|---|---|"]
            lines += [f"| {names} | {text} |" for names, text in _grouped(one.skipped)]
        if one.former:
            lines += [
                "",
                "| former version | differs: programs linked against it get the present one |",
                "|---|---|",
            ]
            lines += [f"| {names} | {text} |" for names, text in _grouped(one.former)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
