"""What executing a program touches: the program, its script's interpreters, its libraries."""

from __future__ import annotations

from probe_core.capture.trace import NONE
from probe_core.model import Act
from probe_core.stitch.drafts import NOWHERE, Names
from probe_core.stitch.files import FileFacts
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape
from probe_core.stitch.walk import Walk

_DEEPEST = 4  # interpreters of interpreters, as in the kernel


class Programs:
    """Takes the beginnings of execs, and dlopen, into the walk; resolves each distinct thing once."""

    def __init__(self, tape: Tape, tree: Tree, names: Names, files: FileFacts) -> None:
        self._trace, self._tree, self._names, self._files = tape.trace, tree, names, files
        self._chains: dict[tuple[bytes, bytes], tuple[int, ...]] = {}
        self._libraries: dict[tuple[bytes, ...], tuple[int, ...]] = {}
        self._loaded: set[tuple[int, int]] = set()  # program, draft (by id)

    def begin(self, walk: Walk, number: int) -> None:
        """An exec begins: its ``path`` becomes that of what really runs, a script's interpreter."""
        program = self._tree.programs[number]
        key = (program.path, program.interpreter)
        chain = self._chains.get(key)
        if chain is None:
            chain = self._chains[key] = tuple(self._chain(*key))
        for name in chain:
            walk.access(program.started, number, walk.now(name), Act.EXECUTE)
        if chain:
            program.path = self._names.paths[chain[-1]]
        if program.image is not None:
            for name in self._library_names(self._trace.images[program.image].libraries):
                self._load(walk, number, name, program.started)

    def load(self, walk: Walk, row: int) -> None:
        """A LOAD row. A bare name is only a wish: what was loaded for it is noted at the exec's end."""
        number, index = walk.program_of[self._trace.image[row]], self._trace.path[row]
        if index == NONE or not self._trace.paths[index].startswith(b"/"):
            return
        if self._trace.error[row] or self._files.fact(self._trace.paths[index]).kind == "missing":
            walk.row(row)
            return
        end = self._names.lead(index).end
        if end != NOWHERE:
            self._load(walk, number, end, self._trace.when[row])

    def settle_forked(self) -> None:
        """Forked execs go on with their parent's program, as it is known now."""
        for program in self._tree.programs:
            if program.forked and program.previous is not None:
                program.path = self._tree.programs[program.previous].path

    def _load(self, walk: Walk, number: int, name: int, when: int) -> None:
        draft = walk.now(name)
        key = (number, id(draft))
        if key not in self._loaded:
            self._loaded.add(key)
            walk.access(when, number, draft, Act.LOAD)

    def _chain(self, path: bytes, line: bytes) -> list[int]:
        """The program as named, then its interpreters: the last is what ran."""
        names: list[int] = []
        for _ in range(_DEEPEST + 1):
            end = self._names.resolve(path).end
            if end == NOWHERE:
                break
            names.append(end)
            line = line.removeprefix(b"#!").strip() or self._files.interpreter(self._names.paths[end])
            path, line = (line.split(maxsplit=1) or [b""])[0], b""
            if not path.startswith(b"/"):
                break
        return names

    def _library_names(self, libraries: tuple[bytes, ...]) -> tuple[int, ...]:
        found = self._libraries.get(libraries)
        if found is None:
            ends = [self._names.resolve(path).end for path in libraries if path.startswith(b"/")]
            found = self._libraries[libraries] = tuple(dict.fromkeys(end for end in ends if end != NOWHERE))
        return found
