"""The process tree: images, exec notes, forks, waits and exits become processes and execs.

A START that follows an exec note for the same pid is the next program of the same process; a FORKED is
a new process that goes on with its parent's program. An exec note that no START answers (a static
program, one that was killed at once) still makes an exec, from the note's own arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

from probe_core.capture.trace import NONE, Detail, Image, Kind
from probe_core.stitch.tape import Tape

_THREAD = 0x10000  # CLONE_THREAD
# Of equal times; images are 2.
_ORDER: dict[int, int] = {Kind.EXEC: 0, Kind.EXEC_FAILED: 1, Kind.EXIT: 3, Kind.FORK: 4, Kind.WAIT: 5}
Pid = tuple[str, int]


@dataclass(slots=True)
class Life:
    """A process while it is put together. ``parent`` indexes ``Tree.lives``."""

    host: str
    pid: int
    parent: int | None
    started: int
    origin: int | None = None  # the program it was forked from
    ended: int | None = None
    status: int | None = None
    user: int | None = None
    system: int | None = None
    memory: int | None = None
    programs: list[int] = field(default_factory=list)
    fork_noted: bool = False
    reaped: bool = False


@dataclass(slots=True)
class Program:
    """An exec while it is put together. ``previous`` indexes ``Tree.programs``."""

    life: int
    previous: int | None
    forked: bool
    path: bytes
    arguments: tuple[bytes, ...]
    directory: bytes
    started: int
    image: int | None  # None: the recorder never entered it
    ended: int | None = None
    interpreter: bytes = b""  # the #! line, from the exec note
    note: int | None = None  # row of the EXEC note that began it


@dataclass(slots=True)
class Tree:
    """All processes and execs of a run."""

    lives: list[Life] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    of_image: list[int] = field(default_factory=list)  # image -> program
    unanswered: list[int] = field(default_factory=list)  # programs made from exec notes alone


def status_of(wait_status: int) -> int | None:
    """A wait status as a shell shows it: 0..255, or 128 + signal; None for -1 (not known)."""
    if wait_status < 0:
        return None
    signal = wait_status & 0x7F
    return 128 + signal if signal else (wait_status >> 8) & 0xFF


def grow(tape: Tape, *, over: bool) -> Tree:
    """Make the tree. ``over``: the run has ended, so what never answered never will."""
    return _Growth(tape).grow(over=over)


class _Growth:
    def __init__(self, tape: Tape) -> None:
        self.tape, self.trace = tape, tape.trace
        self.spaces = tape.spaces or tape.hosts
        self.tree = Tree(of_image=[-1] * len(tape.trace.images))
        self.live: dict[Pid, int] = {}
        self.pending: dict[Pid, int] = {}  # exec notes not answered yet: row
        self.nameless: dict[int, list[int]] = {}  # image -> spawns whose child's pid is not known
        self.by_id = {
            (host, image.id): number
            for number, (host, image) in enumerate(zip(tape.hosts, tape.trace.images, strict=True))
        }

    def grow(self, *, over: bool) -> Tree:
        trace = self.trace
        births = ((image.started, 2, -1 - n) for n, image in enumerate(trace.images))
        rows = self.tape.rows(tuple(map(Kind, _ORDER)))
        notes = ((trace.when[row], _ORDER[trace.kind[row]], row) for row in rows)
        for _, _, which in sorted(chain(births, notes), key=lambda entry: entry[:2]):
            if which < 0:
                self._born(-1 - which)
            else:
                self._noted(which)
        if over:
            for pid in list(self.pending):
                self._settle(pid)
            self._settle_nameless()
        self._silent_children()
        self._ends(over=over)
        return self.tree

    # ---- notes

    def _noted(self, row: int) -> None:
        trace = self.trace
        image, host = trace.image[row], self.spaces[trace.image[row]]
        pid = (host, trace.pid[row])
        match trace.kind[row]:
            case Kind.EXEC:
                if trace.detail[row] & Detail.SPAWNED and not trace.pid[row]:
                    self.nameless.setdefault(image, []).append(row)
                else:
                    self._settle(pid)
                    self.pending[pid] = row
            case Kind.EXEC_FAILED:
                self._failed(pid, image, row)
            case Kind.EXIT:
                self._ended(self._life_of_image(image), row, reaped=False)
            case Kind.FORK:
                self._forked(pid, image, row)
            case Kind.WAIT:
                self._settle(pid)
                life = self.live.get(pid)
                if life is not None:
                    self._ended(life, row, reaped=True)

    def _failed(self, pid: Pid, image: int, row: int) -> None:
        path = self.trace.path[row]
        if self.pending.get(pid) is not None and self.trace.path[self.pending[pid]] == path:
            del self.pending[pid]
            return
        for place, noted in enumerate(self.nameless.get(image, ())):
            if self.trace.path[noted] == path:
                del self.nameless[image][place]
                return

    def _forked(self, pid: Pid, image: int, row: int) -> None:
        if self.trace.value[row] & _THREAD:
            return
        parent, known = self._life_of_image(image), self.live.get(pid)
        if known is not None:
            life = self.tree.lives[known]
            if life.parent == parent and not life.fork_noted and not life.reaped:
                life.fork_noted = True
                return
        number = self._new_life(pid, parent, self.trace.when[row], self._program_of_image(image))
        self.tree.lives[number].fork_noted = True

    def _ended(self, number: int | None, row: int, *, reaped: bool) -> None:
        if number is None:
            return
        life, trace = self.tree.lives[number], self.trace
        life.reaped |= reaped
        life.ended = max(life.ended or 0, trace.when[row]) if not reaped or life.ended is None else life.ended
        status = status_of(trace.value[row])
        if status is not None and (reaped or life.status is None):
            life.status = status
        user, system, memory = trace.usage.get(row, (-1, -1, -1))
        life.user = user if user >= 0 and life.user is None else life.user
        life.system = system if system >= 0 and life.system is None else life.system
        life.memory = memory if memory >= 0 and life.memory is None else life.memory

    # ---- images

    def _born(self, number: int) -> None:
        image, host = self.trace.images[number], self.spaces[number]
        pid = (host, image.pid)
        if image.forked:
            life = self._life_of_fork(image, pid, self.tape.hosts[number])
            self.pending.pop(pid, None)
            self._new_program(life, image, number, forked=True, note=None)
            return
        note = self.pending.get(pid)
        if note is not None and not self._answers(note, image):
            self._settle(pid)
            note = None
        if note is None:
            note = self._nameless_note(image, host)
        else:
            del self.pending[pid]
        life = self._life_of_start(image, pid, note)
        self._new_program(life, image, number, forked=False, note=note)

    def _answers(self, note: int, image: Image) -> bool:
        """Whether a START is of the program that the exec note announced, and not of a later one."""
        entered = bool(self.trace.detail[note] & Detail.NEXT_IMAGE)
        return entered or self._path(self.trace.path[note]) == image.program

    def _nameless_note(self, image: Image, host: str) -> int | None:
        parent = self.live.get((host, image.parent_pid))
        if parent is None:
            return None
        for program in self.tree.lives[parent].programs:
            known = self.tree.programs[program].image
            for place, row in enumerate(self.nameless.get(known, ()) if known is not None else ()):
                if self._path(self.trace.path[row]) == image.program:
                    assert known is not None
                    return self.nameless[known].pop(place)
        return None

    def _life_of_fork(self, image: Image, pid: Pid, host: str) -> int:
        mother = self.by_id.get((host, image.parent_id))
        parent = (
            self._life_of_image(mother) if mother is not None else self.live.get((pid[0], image.parent_pid))
        )
        known = self.live.get(pid)
        if (
            known is not None
            and not self.tree.lives[known].programs
            and self.tree.lives[known].parent == parent
        ):
            return known
        origin = self._program_of_image(mother) if mother is not None else self._latest(parent)
        return self._new_life(pid, parent, image.started, origin)

    def _life_of_start(self, image: Image, pid: Pid, note: int | None) -> int:
        known = self.live.get(pid)
        if known is not None:
            life = self.tree.lives[known]
            parent_pid = self.tree.lives[life.parent].pid if life.parent is not None else image.parent_pid
            same = (note is not None and self.trace.pid[note] == image.pid) or not life.programs
            if not life.reaped and (same or (parent_pid == image.parent_pid and life.ended is None)):
                return known
        if note is not None:
            noting = self.trace.image[note]
            return self._new_life(
                pid, self._life_of_image(noting), image.started, self._program_of_image(noting)
            )
        parent_key = (pid[0], image.parent_pid)
        self._settle(parent_key)
        parent = self.live.get(parent_key)
        if parent is None:
            parent = self._starter(pid[0])
        return self._new_life(pid, parent, image.started, self._latest(parent))

    def _starter(self, space: str) -> int | None:
        """The process that started the container with these pids."""
        starter = self.tape.starters.get(space)
        return self._life_of_image(starter) if starter is not None else None

    # ---- making

    def _new_life(self, pid: Pid, parent: int | None, started: int, origin: int | None) -> int:
        self.live[pid] = len(self.tree.lives)
        self.tree.lives.append(Life(pid[0].partition("\0")[0], pid[1], parent, started, origin))
        return self.live[pid]

    def _new_program(self, life: int, image: Image, number: int, *, forked: bool, note: int | None) -> None:
        previous = self._latest(life)
        if previous is None:
            previous = self.tree.lives[life].origin
        path, arguments = image.program, image.arguments
        if forked and previous is not None:
            path, arguments = self.tree.programs[previous].path, self.tree.programs[previous].arguments
        line = self._path(self.trace.second[note]) if note is not None else b""
        made = Program(life, previous, forked, path, arguments, image.directory, image.started, number,
                       interpreter=line, note=note)  # fmt: skip
        self.tree.of_image[number] = self._append(life, made)

    def _append(self, life: int, program: Program) -> int:
        number = len(self.tree.programs)
        before = self._latest(life)
        if before is not None:
            self.tree.programs[before].ended = program.started
        self.tree.programs.append(program)
        self.tree.lives[life].programs.append(number)
        return number

    def _settle(self, pid: Pid) -> None:
        """An exec note that was not answered: the program ran unseen."""
        row = self.pending.pop(pid, None)
        if row is not None:
            self._unseen(pid, row)

    def _settle_nameless(self) -> None:
        for image, rows in self.nameless.items():
            for row in rows:
                self._unseen((self.spaces[image], 0), row)

    def _unseen(self, pid: Pid, row: int) -> None:
        trace, noting = self.trace, self.trace.image[row]
        when = trace.when[row]
        life = self.live.get(pid) if pid[1] else None
        if life is None or self.tree.lives[life].reaped:
            life = self._new_life(pid, self._life_of_image(noting), when, self._program_of_image(noting))
        previous = self._latest(life)
        previous = self.tree.lives[life].origin if previous is None else previous
        made = Program(
            life, previous, False, self._path(trace.path[row]), trace.arguments.get(row, ()),
            trace.images[noting].directory, when, None,
            interpreter=self._path(trace.second[row]), note=row,
        )  # fmt: skip
        self.tree.unanswered.append(self._append(life, made))

    def _silent_children(self) -> None:
        """A forked child that left no frame of its own goes on with its parent's program."""
        for number, life in enumerate(self.tree.lives):
            if life.programs or life.origin is None:
                continue
            origin = self.tree.programs[life.origin]
            made = Program(number, life.origin, True, origin.path, origin.arguments, origin.directory,
                           life.started, None)  # fmt: skip
            self._append(number, made)

    def _ends(self, *, over: bool) -> None:
        newest: dict[int, int] = {}
        if over and any(life.ended is None for life in self.tree.lives):
            newest = dict(zip(self.trace.image, self.trace.when, strict=True))
        for life in self.tree.lives:
            if life.ended is None and over:
                images = [self.tree.programs[number].image for number in life.programs]
                known = [newest[image] for image in images if image is not None and image in newest]
                life.ended = max(known, default=None)
            if life.programs:
                self.tree.programs[life.programs[-1]].ended = life.ended

    # ---- looking up

    def _path(self, number: int) -> bytes:
        return self.trace.paths[number] if number != NONE else b""

    def _life_of_image(self, image: int) -> int | None:
        program = self._program_of_image(image)
        return self.tree.programs[program].life if program is not None else None

    def _program_of_image(self, image: int) -> int | None:
        number = self.tree.of_image[image]
        return number if number >= 0 else None

    def _latest(self, life: int | None) -> int | None:
        programs = self.tree.lives[life].programs if life is not None else []
        return programs[-1] if programs else None
