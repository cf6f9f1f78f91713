"""The tree that `probe show` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from probe_core.ask.check import check
from probe_core.ask.classes import PASSING, FileClass, below, below_any
from probe_core.ask.own import own_paths
from probe_core.ask.question import Question
from probe_core.ask.wording import command_of, count_of, name_of, size_of, span_of, time_of
from probe_core.cli.colour import styled
from probe_core.cli.named import names
from probe_core.cli.tree import Branch
from probe_core.model import Act, Gap, Run, RunState, Step
from probe_core.printable import printable
from probe_core.stitch.gaps import OF_A_PROGRAM

TAKEN_IN = frozenset({Act.READ, Act.INHERITED_READ, Act.EXECUTE, Act.LOAD})
MADE = frozenset({Act.WRITE, Act.INHERITED_WRITE})
LEVELS = ("step", "process", "file")
READABLE = {"file": 60, "process": 120}  # processes up to which that level is the default

# Which word a file gets for what one program did with it: the first that fits.
WORDS: tuple[tuple[frozenset[Act], str, str], ...] = (
    (frozenset({Act.REMOVE}), "removes", "dim"),
    (frozenset({Act.RENAME_FROM}), "renames", "dim"),
    (MADE, "makes", "green"),
    (frozenset({Act.EXECUTE}), "runs", "cyan"),
    (frozenset({Act.READ, Act.INHERITED_READ}), "reads", "cyan"),
    (frozenset({Act.LOAD}), "loads", "dim"),
    (frozenset({Act.LIST}), "lists", "dim"),
    (frozenset({Act.METADATA}), "marks", "dim"),
    (frozenset({Act.LOOKUP}), "asks for", "dim"),
    (frozenset({Act.MISSING}), "misses", "dim"),
)
INHERITED = frozenset({Act.INHERITED_READ, Act.INHERITED_WRITE})
OPENED = frozenset({Act.READ, Act.WRITE})
MANY_HEIRS = 3
FEW_FILES = 10
SHOWN = TAKEN_IN | MADE | {Act.REMOVE, Act.RENAME_FROM}


def run_lines(question: Question, *, level: str | None = None, show_all: bool = False) -> Iterator[str]:
    """Give the lines of a run's tree; ``level`` is one of LEVELS, None: as deep as stays readable."""
    deepest = level or _readable_level(len(question.graph.processes))
    tree = _Tree(question, LEVELS.index(deepest), show_all)
    yield from tree.run().lines()
    yield from gap_lines(question)
    if level is None and deepest != "file":
        name = question.graph.run.id[:8]
        yield styled(f"deeper: probe show {name} --level {LEVELS[LEVELS.index(deepest) + 1]}", "dim")


def _readable_level(processes: int) -> str:
    return next((name for name, most in READABLE.items() if processes <= most), "step")


class _Tree:
    """Builds the branches of one run."""

    def __init__(self, question: Question, depth: int, show_all: bool) -> None:
        self.question, self.graph = question, question.graph
        self.depth, self.show_all = depth, show_all
        self.directory = question.graph.run.directory

    @cached_property
    def undeclared(self) -> frozenset[tuple[int | None, bytes | None]]:
        """Give what the lints found: step and path."""
        return frozenset((one.step, one.path) for one in check(self.graph, self.question.engines))

    def run(self) -> Branch:
        """Give the whole tree."""
        root = Branch(_run_text(self.graph.run))
        if self.depth == 0:
            self._summary(root)
        self._processes(root, None)
        self._steps(root, None)
        return root

    def _summary(self, root: Branch) -> None:
        """Tell of what ran outside all steps without its programs: counts, and the first files it made."""
        root.add(styled(", ".join(self._step_counts(None)), "dim"))
        made: dict[bytes, None] = {}
        for number in self.question.execs_by_step.get(None, ()):
            made |= dict.fromkeys(
                path for word, _, path in self._files(number) if word in ("makes", "changes")
            )
        for path in list(made)[:FEW_FILES]:
            root.add(styled("makes  ", "green") + " " + self._file_text(None, path, "makes"))
        if len(made) > FEW_FILES:
            root.add(styled(f"and {count_of(len(made) - FEW_FILES, 'more file')} made", "dim"))

    def _steps(self, branch: Branch, parent: int | None) -> None:
        for number in self.question.children_by_step.get(parent, ()):
            step = self.graph.steps[number]
            below = branch.add(self._step_text(step))
            self._processes(below, number)
            self._steps(below, number)

    def _step_text(self, step: Step) -> str:
        notes = []
        if step.attempt > 1:
            notes.append(f"attempt {step.attempt}")
        if step.started is not None and step.ended is not None:
            notes.append(span_of(step.ended - step.started))
        elif step.ended is None and self.graph.run.state is RunState.OPEN:
            notes.append("goes on")
        notes += self._step_counts(step.number) if self.depth == 0 else []
        notes += [] if step.declaration else ["not declared"]
        text = styled(printable(step.name), "bold") + styled(f"  {', '.join(notes)}" if notes else "", "dim")
        failed = step.status not in (0, None)
        return text + (styled(f"  failed with {step.status}", "bad") if failed else "")

    def _step_counts(self, number: int | None) -> list[str]:
        execs = self.question.execs_by_step.get(number, ())
        files: Counter[str] = Counter()
        for exec_number in execs:
            files.update(word for word, _, _ in self._files(exec_number))
        processes = len({self.graph.execs[one].process for one in execs})
        found = [count_of(processes, "process", "processes")] if processes else ["nothing observed"]
        return found + [
            f"{word} {count_of(files[word], 'file')}" for word in ("reads", "makes") if files[word]
        ]

    def _processes(self, branch: Branch, step: int | None) -> None:
        if self.depth == 0:
            return
        folded: Counter[str] = Counter()
        for number in self.question.execs_by_step.get(step, ()):
            if self._goes_on(number):
                continue  # a shell's child that opened what the program after it uses
            one = self.graph.execs[number]
            files = self._files(number)
            ends = self._remote.get(number, ())
            if not files and not ends and not self.show_all and not self._failed(number):
                if not one.forked:
                    folded[name_of((one.arguments or (one.program,))[0].rpartition(b"/")[2])] += 1
                continue
            below = branch.add(self._exec_text(number))
            if self.depth > 1:
                for word, style, path in files:
                    below.add(styled(word.ljust(7), style) + " " + self._file_text(step, path, word))
                for name in ends[:FEW_FILES] if not self.show_all else ends:
                    below.add(f"{styled('remote ', 'yellow')} {printable(name)}")
                if len(ends) > FEW_FILES and not self.show_all:
                    below.add(styled(f"and {count_of(len(ends) - FEW_FILES, 'more remote end')}", "dim"))
        if folded:
            names = ", ".join(
                f"{name} ×{count}" if count > 1 else name for name, count in folded.most_common(5)
            )
            more = ", …" if len(folded) > 5 else ""
            count = count_of(folded.total(), "more program" if branch.below else "program")
            branch.add(styled(f"{'and ' if branch.below else ''}{count}: {names}{more}", "dim"))

    @cached_property
    def _remote(self) -> dict[int, list[str]]:
        """Give for each exec whom its sockets were connected with: "tcp host:port", "unix /path"."""
        found: dict[int, list[str]] = {}
        for channel in self.graph.channels:
            if channel.kind == "remote":
                for number in dict.fromkeys((*channel.writers, *channel.readers)):
                    found.setdefault(number, []).append(channel.name)
        return found

    def _goes_on(self, number: int) -> bool:
        """Tell whether a forked part became another program in the same process and step."""
        following = self._next.get(number)
        one = self.graph.execs[number]
        return one.forked and following is not None and self.graph.execs[following].step == one.step

    @cached_property
    def _next(self) -> dict[int, int]:
        """Give for each exec the one after it in the same process."""
        execs = self.graph.execs
        return {
            one.previous: one.number
            for one in execs
            if one.previous is not None and execs[one.previous].process == one.process
        }

    def _failed(self, number: int) -> bool:
        status = self.graph.processes[self.graph.execs[number].process].status
        return status not in (0, None) and self._is_last(number)

    @cached_property
    def _last_exec(self) -> dict[int, int]:
        return {one.process: one.number for one in self.graph.execs}

    def _is_last(self, number: int) -> bool:
        return self._last_exec[self.graph.execs[number].process] == number

    def _exec_text(self, number: int) -> str:
        one = self.graph.execs[number]
        text = command_of(one.arguments or (one.program,))
        if one.forked:
            text = f"a part of {command_of(one.arguments or (one.program,), 60)}"
        process = self.graph.processes[one.process]
        if self.show_all:
            text += styled(f"  process {process.pid}", "dim")
        if self._is_last(number) and process.status not in (0, None):
            text += styled(f"  status {process.status}", "red")
        return text

    def _files(self, number: int) -> Sequence[tuple[str, str, bytes]]:
        """Give what an exec, and the forked part before it, did with files: word, style, path."""
        table = self.graph.accesses
        acts: dict[bytes, set[int]] = {}
        for one in (self.graph.execs[number].previous, number):
            if one is None or (one != number and not (self._next.get(one) == number and self._goes_on(one))):
                continue
            for row in self.question.rows_by_exec.get(one, ()):
                act, version = table.act[row], table.version[row]
                if self.show_all or (act in SHOWN and not self._is_folded(one, version, act)):
                    acts.setdefault(self.graph.versions[version].path, set()).add(act)
        return [(*_word(done), path) for path, done in acts.items()]

    def _is_folded(self, number: int, version: int, act: int) -> bool:
        one = self.graph.versions[version]
        outside = self.graph.execs[number].step is None
        if outside and (one.path in self._of_steps or below_any(one.path, self._own)):
            return True
        if act == Act.WRITE and one.made_by not in (number, None) and not self._goes_on(number):
            return version not in self._common  # a shell opened it for the program that made it
        if one.path in self._passing:
            return True
        if one.kind not in ("file", "fifo") or (act in INHERITED and version in self._common):
            return True
        return self.question.is_boring(version) and not self._names(number, version)

    @cached_property
    def _passing(self) -> frozenset[bytes]:
        """Give the files that were made and removed in one step, or lie among the machine's passing ones."""
        table, execs = self.graph.accesses, self.graph.execs
        found: dict[bytes, set[int | None]] = {}
        for path, versions in self.question.versions_by_path.items():
            if versions[-1].removed_by is not None and any(one.made_by is not None for one in versions):
                found[path] = set()
        for exec_number, version in zip(table.exec, table.version, strict=True):
            path = self.graph.versions[version].path
            if path in found:
                found[path].add(execs[exec_number].step)
        return frozenset(
            path
            for path, steps in found.items()
            if (len(steps) == 1 and None not in steps)
            or (below_any(path, PASSING) and not below(path, self.directory))
        )

    @cached_property
    def _of_steps(self) -> frozenset[bytes]:
        """Give the files of an engine's steps: that the engine looks at them too need not be told."""
        if self.graph.run.engine is None:
            return frozenset()
        table, execs = self.graph.accesses, self.graph.execs
        return frozenset(
            self.graph.versions[version].path
            for one, version in zip(table.exec, table.version, strict=True)
            if execs[one].step is not None
        )

    @cached_property
    def _own(self) -> tuple[bytes, ...]:
        """Give the engine's book-keeping and the folders of its steps, but not what the user wrote for it."""
        declared = (one.declaration.facts for one in self.graph.steps if one.declaration)
        told = [facts.get("own_paths") for facts in (self.graph.run.facts, *declared)]
        return tuple({path for paths in told for path in own_paths({"own_paths": paths})})

    @cached_property
    def _common(self) -> frozenset[int]:
        """Give what came from outside the run, or was handed down to many: standard streams."""
        table = self.graph.accesses
        opened = {version for version, act in zip(table.version, table.act, strict=True) if act in OPENED}
        heirs: Counter[int] = Counter()
        for version, act in zip(table.version, table.act, strict=True):
            if act in INHERITED:
                heirs[version] += 1
        return frozenset(one for one, count in heirs.items() if one not in opened or count > MANY_HEIRS)

    def _names(self, number: int, version: int) -> bool:
        """Tell whether a command line names a configuration file: somebody meant just this one."""
        if self.question.class_of(version) is not FileClass.CONFIGURATION:
            return False
        return names(self.graph.execs[number], self.graph.versions[version].path)

    def _file_text(self, step: int | None, path: bytes, word: str) -> str:
        text = name_of(path, self.directory)
        last = self.question.versions_by_path[path][-1]
        if word == "makes" and last.size is not None and last.removed_by is None:
            text += styled(f"  {size_of(last.size)}", "dim")
        owners = self.question.around(step)
        if any((owner, path) in self.undeclared for owner in owners):
            text += styled("  not declared", "warn")
        return text


def _word(acts: Iterable[int]) -> tuple[str, str]:
    done = set(acts)
    if done & MADE and done & {Act.READ, Act.INHERITED_READ} and not done & {Act.REMOVE, Act.RENAME_FROM}:
        return "changes", "green"
    return next((word, style) for some, word, style in WORDS if done & some)


def _run_text(run: Run) -> str:
    parts = [time_of(run.started, date=True)]
    if run.started is not None and run.ended is not None:
        parts.append(span_of(run.ended - run.started))
    match run.state:
        case RunState.OPEN:
            parts.append(styled("goes on", "yellow"))
        case RunState.LOST:
            parts.append(styled("its end was not seen", "warn"))
        case _ if run.status:
            parts.append(styled(f"failed with {run.status}", "bad"))
    name = f" {printable(run.name)}" if run.name else ""
    return (
        f"{styled(run.id[:8] + name, 'bold')}  {command_of(run.command)}  {styled(', '.join(parts), 'dim')}"
    )


def gap_lines(question: Question) -> Iterator[str]:
    """Give what was not seen, alike gaps together, each kind with its remedy."""
    alike: dict[tuple[str, str], list[Gap]] = {}
    for gap in question.graph.gaps:
        alike.setdefault((gap.reason, gap.remedy), []).append(gap)
    if not alike:
        return
    yield styled(f"{count_of(len(question.graph.gaps), 'gap')}: what was not seen", "warn")
    for (_, remedy), gaps in alike.items():
        first = gaps[0]
        about = list(
            dict.fromkeys(gap.about for gap in gaps if gap.about and gap.about not in _raw(first.detail))
        )
        text = printable(first.detail)
        by = question.graph.execs[first.exec].program if first.exec is not None else b""
        if first.reason in OF_A_PROGRAM and by and by not in _raw(first.detail):
            text += f", in {name_of(by, question.graph.run.directory)}"
        if len(gaps) > 1:
            others = ", ".join(name_of(one, question.graph.run.directory) for one in about[1:4])
            text += f" ({count_of(len(gaps), 'time')}{', also ' + others if others else ''})"
        yield f"  {text}"
        if remedy:
            yield styled(f"    {printable(remedy)}", "dim")


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
