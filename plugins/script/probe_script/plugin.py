"""A shell script as a workflow: the commands that its shell starts are the steps."""

from __future__ import annotations

import os

from probe_core.doors import TYPE_CHECKING, Preparation, hook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from probe_core.hooks import Declared, Engine, Finding
    from probe_core.model import Step

SHELLS = frozenset({b"sh", b"bash", b"dash", b"ksh", b"mksh", b"zsh", b"ash", b"yash"})
_WITH_VALUE = (b"-o", b"+o", b"-O", b"+O", b"--rcfile", b"--init-file")
LEFT = "declarations/script/command.json"


class Script:
    """The adapter: `probe record ./run.sh`, `probe record bash run.sh`."""

    name = "script"
    commands: tuple[str, ...] = ()  # known by what it is, and not by a name

    def recognises(self, command: Sequence[bytes]) -> bool:
        """Tell whether the command runs a file of shell commands."""
        return script_of(command) is not None

    def prepare(
        self,
        command: Sequence[bytes],
        run_folder: Path,
        environment: Mapping[bytes, bytes],  # noqa: ARG002
    ) -> Preparation:
        """Run the script as it was typed, and remember which file it is."""
        script = script_of(command)
        if script is not None:
            import json  # a recording of anything else need not pay for it

            left = run_folder / LEFT
            left.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            left.write_text(json.dumps({"script": os.path.realpath(os.fsdecode(script))}))
        return Preparation(tuple(command))

    def declared(self, run_folder: Path) -> Declared | None:
        """Give the commands at the script's top level."""
        from probe_script.steps import declared

        return declared(run_folder / LEFT)

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:  # noqa: ARG002
        """Give nothing: a script declares nothing that could be wrong."""
        return None


def script_of(command: Sequence[bytes]) -> bytes | None:
    """Give the file of shell commands that a command line runs; None for anything else, ``sh -c`` too."""
    base = command[0].rpartition(b"/")[2]
    if base not in SHELLS:
        found = _on_path(command[0])
        return found if found is not None and _interpreter(found) in SHELLS else None
    words = iter(command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith((b"-", b"+")):
            return word if os.path.isfile(word) else None  # noqa: PTH113 - the path is bytes
        elif word in (b"-", b"-s") or (b"c" in word and not word.startswith(b"--")):
            return None
    return None


def _on_path(name: bytes) -> bytes | None:
    """Give the file that a command's name means."""
    if b"/" in name:
        return name
    folders = os.environb.get(b"PATH", os.defpath.encode()).split(b":")
    places = (os.path.join(folder, name) for folder in folders)  # noqa: PTH118 - the path is bytes
    return next((place for place in places if os.access(place, os.X_OK)), None)


def _interpreter(path: bytes) -> bytes | None:
    """Give the base name of what stands in a file's ``#!`` line, behind env too."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
            line = file.readline(256)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = [word.rpartition(b"/")[2] for word in line[2:].split()]
    if words[:1] == [b"env"]:
        words = [word for word in words[1:] if not word.startswith(b"-")]
    return words[0] if words else None


@hook
def probe_engine() -> Engine:
    """Give scripts."""
    return Script()
