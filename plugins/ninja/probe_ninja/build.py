"""What ninja tells of its build after the fact: ``-t`` tools, run with ``-n`` so that they write nothing,
and the log of the commands that it finished.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from probe_ninja.names import LEFT

PATIENCE = 60  # seconds for one tool
MOST_ARGUMENTS = 64 << 10  # bytes of names in one command line
MOST_SINGLE = 200  # statements without inputs that are asked for, a process each
PHONY = "phony"
_NO_BUILD = ("--version", "-h", "--help", "-n")
_VALUED = ("-C", "-f", "-j", "-k", "-l", "-d", "-w", "-t")


@dataclass(frozen=True)
class Asked:
    """How ninja was called: the program, its directory and its build file."""

    program: str
    directory: str
    build_file: str

    def tool(self, *words: str) -> str:
        """Give what ``ninja -t`` says; OSError or SubprocessError where it does not."""
        command = [self.program, "-n", "-C", self.directory, "-f", self.build_file, "-t", *words]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=PATIENCE,
            text=True, errors="surrogateescape",
        )  # fmt: skip
        return "\n".join(line for line in done.stdout.split("\n") if not line.startswith("ninja: Entering"))

    def version(self) -> str:
        """Give ninja's version; OSError or SubprocessError where it does not tell."""
        command = [self.program, "--version"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


@dataclass(slots=True)
class Edge:
    """A build statement. Names as ninja has them, from its directory on."""

    outputs: list[str]
    command: str
    rule: str = ""
    inputs: list[str] = field(default_factory=list)
    order_only: list[str] = field(default_factory=list)


def remember(command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]) -> None:
    """Write down how ninja is called; nothing where only help or a tool is asked for."""
    program = shutil.which(os.fsdecode(command[0]), path=os.fsdecode(environment.get(b"PATH", b"")) or None)
    asked = None if program is None else called(program, command, Path.cwd())
    if asked is None:
        return
    left = run_folder / LEFT
    left.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    left.write_text(json.dumps(asdict(asked)))


def called(program: str, command: Sequence[bytes], directory: Path) -> Asked | None:
    """Give what a command line asks of ninja, started in ``directory``; None where that is no build."""
    words = [os.fsdecode(word) for word in command]
    build_file, tool = "build.ninja", False
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            break
        name, value = word[:2], word[2:]
        if name in _VALUED and not word.startswith("--"):
            value = value or next(rest, "")
            directory = directory / value if name == "-C" else directory
            build_file = value if name == "-f" else build_file
            tool = tool or name == "-t"
        tool = tool or word in _NO_BUILD
    return None if tool else Asked(os.path.abspath(program), str(directory), build_file)  # noqa: PTH100


def remembered(run_folder: Path) -> Asked | None:
    """Give how ninja was called; None where it was not."""
    try:
        return Asked(**json.loads((run_folder / LEFT).read_text()))
    except FileNotFoundError:
        return None


def edges(asked: Asked) -> list[Edge]:
    """Give all build statements, with those of the rule ``phony``. Raises as `Asked.tool` does."""
    rules = dict(_rules(asked.tool("targets", "all")))
    commands = {one["output"]: one["command"] for one in json.loads(asked.tool("compdb"))}
    found: dict[str, Edge] = {}
    for names in _logged(asked):  # one command's outputs, finished in one moment
        first = next((name for name in names if name in commands), None)
        if first is not None:
            found[first] = Edge([first, *(name for name in names if name != first)], commands[first])
    told = {name for edge in found.values() for name in edge.outputs}
    for name, command in (*commands.items(), *_without_inputs(asked, rules, told | commands.keys())):
        if name not in told:
            found[name] = Edge([name], command)
    for name, inputs, order_only in _queried(asked, list(found)):
        found[name].inputs, found[name].order_only = inputs, order_only
    for name, inputs in _dependencies(asked.tool("deps")):
        if name in found:
            found[name].inputs += [one for one in inputs if one not in found[name].inputs]
    for name, edge in found.items():
        edge.rule = rules.get(name, "")
    return list(found.values())


def _without_inputs(asked: Asked, rules: Mapping[str, str], known: set[str]) -> Iterator[tuple[str, str]]:
    """Give the commands of statements without inputs, which ``-t compdb`` leaves out, one by one."""
    names = [name for name, rule in rules.items() if rule != PHONY and name not in known]
    for name in names[:MOST_SINGLE]:
        yield name, asked.tool("commands", "-s", name).strip("\n")


def _rules(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, rule = line.rpartition(": ")
        if colon:
            yield name, rule


def _logged(asked: Asked) -> list[list[str]]:
    """Give the outputs that ninja's log tells together: of one command, begun and ended at one time."""
    place = Path(asked.directory, _build_directory(asked), ".ninja_log")
    try:
        lines = place.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found: dict[tuple[str, str, str], list[str]] = {}
    for line in lines:
        match line.split("\t"):
            case [start, end, _, name, command]:
                for others in found.values():
                    if name in others:  # the last word on an output counts
                        others.remove(name)
                found.setdefault((start, end, command), []).append(name)
    return [names for names in found.values() if names]


def _build_directory(asked: Asked) -> str:
    try:
        text = Path(asked.directory, asked.build_file).read_text(errors="surrogateescape")
    except OSError:
        return ""
    said = re.search(r"^builddir *= *([^$\n]*)$", text, re.M)
    return said[1].strip() if said else ""


def _queried(asked: Asked, names: list[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    while names:
        some, size = [], 0
        while names and size < MOST_ARGUMENTS:
            some.append(names.pop())
            size += len(some[-1]) + 1
        yield from _query(asked.tool("query", *some))


def _query(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    name, part = "", ""
    inputs: list[str] = []
    order_only: list[str] = []
    for line in [*text.splitlines(), "end:"]:
        if line.startswith("    "):
            if part == "input":
                file = line[4:]
                if file.startswith("|| "):
                    order_only.append(file[3:])
                elif not file.startswith("|@ "):
                    inputs.append(file.removeprefix("| "))
        elif line.startswith("  "):
            part = line.strip().partition(":")[0]
        elif line.endswith(":"):
            if name:
                yield name, inputs, order_only
            name, part, inputs, order_only = line[:-1], "", [], []


def _dependencies(text: str) -> Iterator[tuple[str, list[str]]]:
    """Read ``-t deps``: what compilers told ninja that they had read."""
    name = ""
    inputs: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("    "):
            inputs.append(line[4:])
        elif line:
            name, inputs = line.partition(": #deps ")[0], []
        elif name:
            yield name, inputs
            name = ""
