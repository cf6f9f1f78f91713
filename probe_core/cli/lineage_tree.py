"""The tree that `probe why` and `probe uses` print: files, and below each its makers (or who took it in)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from probe_core.ask.classes import FileClass, below_any
from probe_core.ask.lineage import Edge, FileNode, Lineage, Maker
from probe_core.ask.own import own_paths
from probe_core.ask.wording import command_of, count_of, name_of, size_of, time_of
from probe_core.cli.colour import styled
from probe_core.cli.named import names
from probe_core.cli.tree import Branch
from probe_core.history import History
from probe_core.model import Act, Exec
from probe_core.printable import printable

SHOWN = frozenset({FileClass.DATA, FileClass.SCRIPT})
MOST_FILES = 20  # of one maker, unless all are asked for
MOST_MAKERS = 20  # of one file, or takers of it
DEEPEST = 60  # levels; a longer chain is cut, and said so


def lineage_lines(answer: Lineage, history: History, *, show_all: bool = False) -> Iterator[str]:
    """Give the lines of an answer: the tree, then what it comes down to."""
    view = _View(answer, history, show_all)
    yield from view.tree().lines()
    yield from view.summary()


class _View:
    """Builds the branches. Each maker is unfolded once; later ones point to it."""

    def __init__(self, answer: Lineage, history: History, show_all: bool) -> None:
        self.answer, self.history, self.show_all = answer, history, show_all
        self.back = answer.question == "why"
        self.here = bytes(Path.cwd())
        self.unfolded: set[int] = set()
        self.undeclared: dict[bytes, None] = {}
        self.ends: dict[bytes, None] = {}
        self.was_cut = answer.cut
        self.folded = 0

    def tree(self) -> Branch:
        """Give the whole tree."""
        file = self.answer.files[self.answer.file]
        root = Branch(self._target_text(file))
        makers = self._beyond(file.number)
        if not makers:
            text = "nothing recorded made it: a first input" if self.back else "nothing recorded took it in"
            root.add(styled(text, "dim"))
        self._makers(root, makers, 0)
        return root

    def _makers(self, branch: Branch, makers: Sequence[int], depth: int, *, run: str = "") -> None:
        """Hang makers below a file, the first of them where there are very many."""
        most = len(makers) if self.show_all else MOST_MAKERS
        for maker in makers[:most]:
            self._maker(branch, maker, depth, run=run)
        if len(makers) > most:
            branch.add(styled(f"and {len(makers) - most:,} more (--all)", "dim"))

    def summary(self) -> Iterator[str]:
        """Give what the tree comes down to: first inputs (or last results), and what was not declared."""
        if len(self.ends) > 1:
            what = "first input" if self.back else "last result"
            yield styled(f"{count_of(len(self.ends), what)}: ", "bold") + self._names(list(self.ends))
        if self.undeclared:
            yield styled("not declared: ", "warn") + self._names(list(self.undeclared))
        if self.folded:
            yield styled(
                f"left out: {count_of(self.folded, 'use')} of programs, libraries and system files (--all)",
                "dim",
            )
        if self.was_cut:
            yield styled("there is more: the answer was cut (see --depth)", "dim")

    def _names(self, paths: Sequence[bytes]) -> str:
        some = ", ".join(name_of(path, self.here) for path in paths[:8])
        return some + (f" and {len(paths) - 8} more" if len(paths) > 8 else "")

    def _target_text(self, file: FileNode) -> str:
        one = file.version
        parts = [size_of(one.size)] if one.size is not None else []
        if one.made_at is not None:
            parts.append(f"made {time_of(one.made_at, date=True)}")
        if one.digest:
            parts.append(one.digest[:19])
        return styled(name_of(one.path, self.here), "bold") + styled(f"  {', '.join(parts)}", "dim")

    def _beyond(self, file: int) -> list[int]:
        """Give who made a file, or (onward) who took it in; a shell that only opened it is left out."""
        if not self.back:
            takers = [edge.maker for edge in self._takers.get(file, ())]
            return [one for one in takers if not self._is_engine(one)] or takers
        found = self.answer.makers_of(file)
        openers = self._openers(found)
        return [number for number in found if number not in openers] or found

    def _openers(self, makers: Sequence[int]) -> set[int]:
        """Give the shells that opened a file for a program that made it, and add nothing to the answer."""
        some = [self.answer.makers[number] for number in makers]
        mothers = {(one.run, one.exec.previous) for one in some if one.exec and one.exec.previous is not None}
        return {
            one.number
            for one in some
            if one.exec and (one.run, one.exec.number) in mothers and not self._linked.get(one.number)
            if not any(map(self._is_shown_at, self._edges.get(one.number, ())))
        }

    @cached_property
    def _takers(self) -> dict[int, list[Edge]]:
        found: dict[int, list[Edge]] = {}
        for edge in self.answer.inputs:
            found.setdefault(edge.file, []).append(edge)
        return found

    @cached_property
    def _edges(self) -> dict[int, list[Edge]]:
        """Give what lies beyond each maker: its inputs, or (onward) its outputs."""
        found: dict[int, list[Edge]] = {}
        for edge in self.answer.inputs if self.back else self.answer.outputs:
            found.setdefault(edge.maker, []).append(edge)
        return found

    @cached_property
    def _linked(self) -> dict[int, list[int]]:
        """Give the makers at the other end of each maker's pipes and sockets."""
        found: dict[int, list[int]] = {}
        for link in self.answer.links:
            near, far = (link.sink, link.source) if self.back else (link.source, link.sink)
            if far not in found.setdefault(near, []):
                found[near].append(far)
        return found

    def _maker(self, branch: Branch, number: int, depth: int, *, how: str = "", run: str = "") -> None:
        """Hang a maker below a file (or a pipe's other end); ``run`` is the run that the line above is in."""
        maker = self.answer.makers[number]
        below = branch.add(styled(how, "dim") + self._maker_text(maker, run))
        if number in self.unfolded:
            if self._edges.get(number) or self._linked.get(number):
                below.text += styled("  (see above)", "dim")
            return
        self.unfolded.add(number)
        if depth >= DEEPEST:
            self.was_cut = True
            return
        edges = self._edges.get(number, [])
        seen = [edge for edge in edges if self._is_shown_at(edge)]
        most = len(seen) if self.show_all else MOST_FILES
        for edge in seen[:most]:
            self._file(below, edge, depth)
        for other in self._linked.get(number, ()):
            self._maker(below, other, depth + 1, how="| ", run=maker.run)
        if len(seen) > most:
            below.add(styled(f"and {count_of(len(seen) - most, 'more file')}", "dim"))
        ordinary = (edge.file for edge in edges if edge not in seen and edge.file not in self._streams)
        self.folded += sum(1 for file in ordinary if self.answer.files[file].version.kind == "file")

    def _file(self, branch: Branch, edge: Edge, depth: int) -> None:
        file = self.answer.files[edge.file]
        path = file.version.path
        text = name_of(path, self.here)
        if edge.declared is False and not self._is_own(self.answer.makers[edge.maker], path):
            text += styled("  not declared", "warn")
            self.undeclared[path] = None
        if file.same_as is not None:
            same = self.answer.files[file.same_as].version.path
            text += styled(f"  a copy of {name_of(same, self.here)}", "dim")
        beyond = self._beyond(edge.file)
        if not beyond and not self.answer.cut:
            self.ends[path] = None
            text += styled("  first input", "green") if self.back else ""
        if beyond and self.unfolded.issuperset(beyond):
            branch.add(text + styled("  (see above)", "dim"))
            return
        below = branch.add(text)
        self._makers(below, beyond, depth + 1, run=self.answer.makers[edge.maker].run)

    def _is_own(self, maker: Maker, path: bytes) -> bool:
        """Tell whether an engine calls ``path`` its own there, or its step's script."""
        declaration = next(
            (one.declaration for one in (maker.step, *maker.around) if one and one.declaration), None
        )
        facts = [self.answer.runs[maker.run].facts] + ([declaration.facts] if declaration else [])
        return below_any(path, [place for one in facts for place in own_paths(one)])

    def _is_shown_at(self, edge: Edge) -> bool:
        """Tell whether a file is shown below a maker: for what it is, or because a command names it."""
        file, maker = self.answer.files[edge.file], self.answer.makers[edge.maker]
        if self.show_all:
            return True
        if edge.file in self._streams:
            return False
        if file.file_class is FileClass.CONFIGURATION and maker.exec is not None:
            return names(maker.exec, file.version.path)
        return self._is_shown(file)

    def _is_shown(self, file: FileNode) -> bool:
        if self.show_all:
            return True
        if file.version.kind != "file" or file.number in self._streams:
            return False
        if file.version.made_by is not None or self._beyond(file.number):
            return file.file_class is not FileClass.SYSTEM
        return (file.file_class in SHOWN or file.file_class is FileClass.PROGRAM) and not file.shipped

    @cached_property
    def _streams(self) -> frozenset[int]:
        """Give the files that came into a run already open: where its standard streams went."""
        opened = {edge.file for edge in self.answer.outputs if Act.WRITE in edge.acts}
        doubtful = {edge.file for edge in self.answer.outputs} - opened - {self.answer.file}
        by_run: dict[str, list[int]] = {}
        for number in doubtful:
            by_run.setdefault(self.answer.files[number].run, []).append(number)
        for run, numbers in by_run.items():
            versions = {self.answer.files[number].version.number: number for number in numbers}
            rows = self.history.accesses_to(run, versions)
            opened |= {
                versions[one] for one, act in zip(rows.version, rows.act, strict=True) if act == Act.WRITE
            }
        return frozenset(doubtful - opened)

    def _is_engine(self, maker: int) -> bool:
        """Tell whether a maker is an engine itself, which looks at every file of its steps."""
        one = self.answer.makers[maker]
        run = self.answer.runs[one.run]
        return one.step is None and run.engine is not None and bool(run.facts)

    def _maker_text(self, maker: Maker, above: str) -> str:
        run = self.answer.runs[maker.run]
        notes = [] if maker.run == above else [f"run {printable(run.name or maker.run[:8])}"]
        if maker.step is None:
            one = maker.exec
            text = styled(command_of(one.arguments or (one.program,), 80) if one else "?", "cyan")
        else:
            step = maker.step
            engine = f"{step.engine} " if step.engine else ""
            text = styled(engine + printable(step.name), "cyan")
            by = self._programs.get(maker.number)
            text += f": {command_of(by.arguments or (by.program,), 80)}" if by else ""
            notes += [f"inside {printable(other.name)}" for other in maker.around[:1]]
        return text + (styled(f"  ({', '.join(notes)})", "dim") if notes else "")

    @cached_property
    def _programs(self) -> dict[int, Exec]:
        """Give for each step the program that made (or onward: took in) the first of its files here."""
        wanted: dict[str, dict[int, int]] = {}
        for edge in self.answer.outputs:
            maker, version = self.answer.makers[edge.maker], self.answer.files[edge.file].version
            if maker.step is not None and version.made_by is not None and Act.WRITE in edge.acts:
                wanted.setdefault(maker.run, {}).setdefault(maker.number, version.made_by)
        found = {}
        for run, makers in wanted.items():
            execs = self.history.execs(run, set(makers.values()))
            for number, one in makers.items():
                if execs[one].step == self._step_number(number):
                    found[number] = execs[one]
        return found

    def _step_number(self, maker: int) -> int | None:
        step = self.answer.makers[maker].step
        return step.number if step else None
