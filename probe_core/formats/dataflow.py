"""Makes a picture out of a run: who read and wrote what, as declared or not, without what is boring.

Left out: what operating system and environments ship (unless all is wanted), what one box made and replaced
or removed again, and, where there are steps, what the run's own processes read (an engine looks at every
file). Scripts that a step ran, and did not declare, stand in its box and not beside it.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property

from probe_core.ask.classes import FileClass
from probe_core.ask.flows import is_held_only
from probe_core.ask.lints_undeclared import undeclared
from probe_core.ask.question import CONTENT, READS, WRITES, Question
from probe_core.formats import activities, wording
from probe_core.formats.picture import Arrow, Group, Line, Node, Picture, Shape
from probe_core.formats.vocabulary import readable
from probe_core.model import Act, Exec, RunGraph, Step

READ, WRITE = 1, 2
Actor = int | None  # a step's or process's number; None: the run itself
INPUT, OUTPUT = "undeclared-input", "undeclared-output"
CODE = frozenset({FileClass.SCRIPT, FileClass.PROGRAM})
SHELLS = frozenset({b"sh", b"dash", b"bash", b"zsh", b"ksh", b"mksh", b"tcsh", b"csh", b"fish"})
TOO_MANY = 60  # steps; above it those of one rule share a box


class Sketch:
    """One run on its way into a picture at step or process level."""

    def __init__(
        self, graph: RunGraph, *, processes: bool = False, everything: bool = False, code: bool = False
    ) -> None:
        """Prepare to draw ``graph``; ``processes``: as boxes, not steps; ``code``: as nodes, always."""
        self.graph, self.processes, self.everything = graph, processes, everything
        self.code_drawn = code or everything
        self.scripts: dict[Actor, list[str]] = {}  # what stands in the boxes
        self.question = Question(graph)
        self.picture = Picture(wording.title(graph.run), wording.subtitle(graph))
        self.flows = self._flows()

    def draw(self) -> Picture:
        """Give the picture."""
        self._note_code()
        self._draw_files()
        self._draw_unseen()
        if self.processes:
            self._draw_pipes()
        else:
            for step in self.graph.steps:
                if self._did_something(step):
                    self._box(step.number)
        return self.picture

    def _did_something(self, step: Step) -> bool:
        """Tell whether a step ran, or was to make something: else it is a name for others (rule all)."""
        outputs = step.declaration.outputs if step.declaration else ()
        return bool(outputs or self.question.execs_by_step.get(step.number))

    def _actor(self, exec_number: int) -> Actor:
        one = self.graph.execs[exec_number]
        return one.process if self.processes else one.step

    def _flows(self) -> dict[int, dict[Actor, int]]:
        """Give for each version that is shown who read (1) and wrote (2) it."""
        table, found = self.graph.accesses, dict[int, dict[Actor, int]]()
        shown: dict[int, bool] = {}
        bit = dict.fromkeys(map(int, READS | {Act.RENAME_FROM}), READ)
        bit |= dict.fromkeys(map(int, WRITES), WRITE)
        opened = {number for number, act in zip(table.version, table.act, strict=True) if act == Act.WRITE}
        for by, number, act, error in zip(table.exec, table.version, table.act, table.error, strict=True):
            if (flag := bit.get(act)) is None or error:
                continue
            if act == Act.INHERITED_WRITE and number not in opened and not self._wrote_outside(number, by):
                continue
            if act == Act.WRITE and self._only_opened(number, by):
                continue
            if is_held_only(self.graph.versions[number], (act,)) and not self.everything:
                continue
            if number not in shown:
                shown[number] = self._is_shown(number)
            if shown[number]:
                actors = found.setdefault(number, {})
                actor = self._actor(by)
                actors[actor] = actors.get(actor, 0) | flag
        kept = {
            number: self._without_engine(actors)
            for number, actors in found.items()
            if not self._came_and_went(number, actors)
        }
        return {number: actors for number, actors in kept.items() if actors}

    def _wrote_outside(self, number: int, by: int) -> bool:
        """Tell whether a write through a descriptor from outside the run is drawn.

        Nobody can tell who wrote there: it is the last that could, and nobody where there are steps.
        """
        one = self.graph.versions[number]
        if self.everything:
            return True
        last = by if one.made_by is None else one.made_by
        return not self.graph.steps and bool(one.size) and self._actor(by) == self._actor(last)

    def _only_opened(self, number: int, by: int) -> bool:
        """Tell whether a shell opened a file for the command that then made it (``command > file``)."""
        maker, execs = self.graph.versions[number].made_by, self.graph.execs
        if self.everything or maker is None or execs[by].program.rpartition(b"/")[2] not in SHELLS:
            return False
        return self._actor(by) != self._actor(maker)

    def _is_shown(self, number: int) -> bool:
        """Tell whether a version is drawn; what came and went is, where it went from hand to hand."""
        if self.graph.versions[number].kind not in CONTENT:
            return False
        passing = self.question.class_of(number) == FileClass.TEMPORARY
        return self.everything or passing or not self.question.is_boring(number)

    def _came_and_went(self, number: int, actors: dict[Actor, int]) -> bool:
        """Tell whether one actor made a version and removed or replaced it, and nobody else saw it."""
        one = self.graph.versions[number]
        if len(actors) > 1 or not next(iter(actors.values())) & WRITE or self.everything:
            return False
        newest = self.question.versions_by_path[one.path][-1]
        return one.removed_by is not None or (
            newest.number != number
            and newest.made_by is not None
            and self._actor(newest.made_by) == next(iter(actors))
        )

    def _without_engine(self, actors: dict[Actor, int]) -> dict[Actor, int]:
        """Where there are steps, keep of the run's own processes only what they wrote for or with steps."""
        if self.everything or not self.graph.steps:
            return actors
        inside = {actor for actor in actors if self._step_of(actor) is not None}
        kept = {actor: flags for actor, flags in actors.items() if actor in inside or flags & WRITE}
        return kept if inside else {}

    def _note_code(self) -> None:
        """Take the code that steps ran out of the files that are drawn, and remember it for their boxes."""
        if self.code_drawn:
            return
        for number, actors in list(self.flows.items()):
            path = self.graph.versions[number].path
            if self.question.class_of(number) not in CODE or any(flag & WRITE for flag in actors.values()):
                continue
            for actor in list(actors):
                line = self._line(self._step_of(actor), path, INPUT)
                if line != Line.DECLARED:
                    note = " (not declared)" if line == Line.UNDECLARED else ""
                    script = wording.short(path, self.graph.run).replace("\n", "") + note
                    self.scripts.setdefault(actor, []).append(script)
                    del actors[actor]
            if not actors:
                del self.flows[number]

    # Nodes.

    def _draw_files(self) -> None:
        for number, actors in self.flows.items():
            node = self._file(number)
            for actor, flags in actors.items():
                box, step = self._box(actor), self._step_of(actor)
                path = self.graph.versions[number].path
                if flags & WRITE:
                    self._arrow(box, node, self._line(step, path, OUTPUT))
                else:
                    self._arrow(node, box, self._line(step, path, INPUT))

    def _line(self, step: int | None, path: bytes, lint: str) -> Line:
        """Tell what an arrow is; undeclared is what `probe check` finds to be."""
        asked = self.question.is_declared_input if lint == INPUT else self.question.is_declared_output
        if asked(step, path):
            return Line.DECLARED
        if any((around, path, lint) in self._found for around in self.question.around(step)):
            return Line.UNDECLARED
        return Line.PLAIN

    @cached_property
    def _found(self) -> set[tuple[int | None, bytes | None, str]]:
        return {(one.step, one.path, one.lint) for one in undeclared(self.question)}

    def _arrow(self, source: str, target: str, line: Line, detail: str = "") -> None:
        self.picture.arrows.append(Arrow(source, target, line, detail))

    def _file(self, number: int) -> str:
        """Draw a file version; its shape tells whether it was found, made, or made and used."""
        key, one = f"file{number}", self.graph.versions[number]
        if key not in self.picture.nodes:
            actors = self.flows.get(number, {})
            made = any(flags & WRITE for flags in actors.values())
            used = any(not flags & WRITE for flags in actors.values())
            if self.question.class_of(number) in CODE and not made:
                shape = Shape.CODE
            else:
                shape = (Shape.FILE if used else Shape.RESULT) if made else Shape.INPUT
            label = wording.file_label(one, self.graph.run, self._drawn_versions[one.path])
            self.picture.nodes[key] = Node(key, shape, label, wording.file_detail(one))
        return key

    @cached_property
    def _drawn_versions(self) -> Counter[bytes]:
        return Counter(self.graph.versions[number].path for number in self.flows)

    def _step_of(self, actor: Actor) -> int | None:
        return self.graph.processes[actor].step if self.processes and actor is not None else actor

    def _box(self, actor: Actor) -> str:
        """Draw a step, a process or the run."""
        key = self._box_key(actor)
        if key in self.picture.nodes:
            return key
        if actor is None:
            lines = [wording.title(self.graph.run), *self.scripts.get(None, ())[:2]]
            node = Node(key, Shape.STEP, "\n".join(lines), "the run itself")
        elif self.processes:
            node = self._process_box(key, actor)
        else:
            node = self._step_box(key, actor)
        self.picture.nodes[key] = node
        return key

    def _box_key(self, actor: Actor) -> str:
        if actor is None:
            return "run"
        if self.processes:
            return f"process{actor}"
        step = self.graph.steps[actor]
        return f"rule{self._rules[step.rule]}" if self._share(step) else f"step{actor}"

    @cached_property
    def _rules(self) -> dict[str, int]:
        rules = dict.fromkeys(step.rule for step in self.graph.steps)
        return {rule: place for place, rule in enumerate(rules)}

    @cached_property
    def _sizes(self) -> Counter[str]:
        return Counter(step.rule for step in self.graph.steps)

    def _share(self, step: Step) -> bool:
        """Tell whether a step shares one box with the others of its rule."""
        return len(self.graph.steps) > TOO_MANY and self._sizes[step.rule] > 3 and not self.everything

    def _step_box(self, key: str, number: int) -> Node:
        step = self.graph.steps[number]
        failed = bool(step.status)
        if self._share(step):
            scripts = self.scripts.get(number, ())
            label = "\n".join([wording.cut(step.rule), f"{self._sizes[step.rule]} steps", *scripts[:2]])
            return Node(key, Shape.STEP, label, f"rule {step.rule}")
        count = len({self.graph.execs[one].process for one in self.question.execs_by_step.get(number, ())})
        gaps = sum(gap.step == number for gap in self.graph.gaps)
        group = self._step_group(number if self.question.children_by_step.get(number) else step.parent)
        shape = Shape.FAILED if failed else Shape.STEP
        label = wording.step_label(step, count, gaps, self.scripts.get(number, ()))
        return Node(key, shape, label, wording.step_detail(step), group)

    def _step_group(self, number: int | None) -> str | None:
        """Frame what lies in a step, and that step in those around it."""
        if number is None:
            return None
        key = f"group{number}"
        if key not in self.picture.groups:
            step = self.graph.steps[number]
            self.picture.groups[key] = Group(key, wording.cut(step.name))
            parent = None if step.parent == number else self._step_group(step.parent)
            self.picture.groups[key] = Group(key, wording.cut(step.name), parent)
        return key

    def _process_box(self, key: str, number: int) -> Node:
        process = self.graph.processes[number]
        execs = self._execs_of_process.get(number, [])
        name = activities.label(execs[-1]) if execs else f"process {process.pid}"
        detail = "\n".join(activities.words(one.arguments) for one in execs) or name
        shape = Shape.FAILED if process.status else Shape.PROCESS
        return Node(key, shape, wording.cut(name), detail, self._step_group(process.step))

    @cached_property
    def _execs_of_process(self) -> dict[int, list[Exec]]:
        return activities.execs_by_process(self.graph)

    # What no access tells.

    def _draw_unseen(self) -> None:
        """Draw what steps declared and never touched, where it is known, or where nothing else is known."""
        touched = self._touched
        for step in self.graph.steps if not self.processes else ():
            if (declaration := step.declaration) is None or self._share(step):
                continue
            if not self._did_something(step):
                continue
            observed = bool(self.question.execs_by_step.get(step.number))
            for paths, wrote in ((declaration.inputs, False), (declaration.outputs, True)):
                for path in paths:
                    if (step.number, path) in touched:
                        continue
                    if (node := self._unseen_file(path, observed)) is not None:
                        box = self._box(step.number)
                        self._arrow(*((box, node) if wrote else (node, box)), Line.UNSEEN)

    @cached_property
    def _touched(self) -> set[tuple[int, bytes]]:
        """Give which step, or a step in it, touched which path."""
        steps, table = [one.step for one in self.graph.execs], self.graph.accesses
        pairs = {
            (steps[by], number)
            for by, number, act in zip(table.exec, table.version, table.act, strict=True)
            if act in READS or act in WRITES
        }
        found: set[tuple[int, bytes]] = set()
        for step, number in pairs:
            path = self.graph.versions[number].path
            for around in self.question.around(step):
                above = path
                while above and (around, above) not in found:  # a declared folder is touched by what is in it
                    found.add((around, above))
                    above = above.rpartition(b"/")[0]
        return found

    def _unseen_file(self, path: bytes, observed: bool) -> str | None:
        """Give the node of a declared path: its newest drawn version, else (unless observed) a new one."""
        for one in reversed(self.question.versions_by_path.get(path, ())):
            if one.number in self.flows:
                return self._file(one.number)
        if observed:
            return None
        key = "path" + path.hex()
        label = wording.short(path, self.graph.run)
        self.picture.nodes.setdefault(key, Node(key, Shape.INPUT, label, readable(path)))
        return key

    def _draw_pipes(self) -> None:
        """Join processes by the pipes between them, where there are steps those in a step.

        What a step says to its engine every process in it could have said: of these, those that touch files.
        """
        execs = self.graph.execs
        touching = {actor for actors in self.flows.values() for actor in actors}
        for channel in self.graph.channels:
            writers = {execs[one].process for one in channel.writers}
            readers = {execs[one].process for one in channel.readers}
            for writer in writers - readers:
                for reader in readers - writers:
                    steps = {self._step_of(writer), self._step_of(reader)}
                    said = None in steps and not {writer, reader} <= touching
                    if self.graph.steps and not self.everything and (steps == {None} or said):
                        continue
                    self._arrow(self._box(writer), self._box(reader), Line.PIPE, channel.kind)
