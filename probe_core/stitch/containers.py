"""Containers: what programs inside say of pids and paths, put in terms of the machine.

Below a starter of containers each program notes its token, its namespaces and its mounts (INSIDE, MOUNTS).
Its pids get a space of their own, its paths become those of the machine where they are mounted from there,
and else stand below ``/container:IMAGE``. The first process inside hangs below its starter. A starter from
whose container nothing was heard is a gap that says what to pass.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from probe_core.capture.containers import Start, View, bwrap_binds, read_mountinfo, read_start
from probe_core.capture.trace import NONE, Kind, Trace
from probe_core.model import Gap, GapReason, RunGraph
from probe_core.stitch.container_paths import CONTAINER, mapping, rewrite_paths
from probe_core.stitch.files import FileFacts
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape

_MAKES: frozenset[int] = frozenset(
    (Kind.WRITE, Kind.REMOVE, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.MAKE, Kind.CHANGE)
)
_TOUCHES = _MAKES | {Kind.READ, Kind.LOOKUP, Kind.LIST, Kind.METADATA}
_MOUNTERS = frozenset(("bwrap", "ch-run", "unshare"))  # these mount by themselves
_ROOT_CHANGED = 7  # enum probe_reason
_ENGINES_OWN = frozenset((125, 126, 127))  # statuses with which an engine says that nothing was started

_OPTIONS = {
    "podman": (
        "run it with --volume=${LD_PRELOAD##*:}:/.probe/libprobe.so:ro"
        " --volume=$PROBE_RUN:/.probe/runs/${PROBE_RUN##*/} --env=LD_PRELOAD=/.probe/libprobe.so"
        " --env=PROBE_RUN=/.probe/runs/${PROBE_RUN##*/} --env=PROBE_STEP,"
        " as a user who may write to $PROBE_RUN"
    ),
    "bwrap": (
        "give it --ro-bind ${LD_PRELOAD##*:} ${LD_PRELOAD##*:} --bind $PROBE_RUN $PROBE_RUN behind its other"
        " options, on a root where these paths exist or can be made"
    ),
    "apptainer": (
        "set APPTAINER_BIND=${LD_PRELOAD##*:}:${LD_PRELOAD##*:}:ro,$PROBE_RUN,"
        " APPTAINERENV_LD_PRELOAD=$LD_PRELOAD and APPTAINERENV_PROBE_RUN=$PROBE_RUN"
    ),
    "ch-run": (
        "make folders mnt/8 and mnt/9 in the image, or give it --bind=${LD_PRELOAD%/*}:… --bind=$PROBE_RUN:…"
        " --set-env=LD_PRELOAD=… --set-env=PROBE_RUN=…"
    ),
}  # fmt: skip
_OPTIONS |= {
    "docker": _OPTIONS["podman"],
    "nerdctl": _OPTIONS["podman"],
    "singularity": _OPTIONS["apptainer"],
}


@dataclass(slots=True)
class Container:
    """One container of the run."""

    token: bytes
    start: Start | None = None
    starter: int | None = None  # image of the program that started it
    inside: list[int] = field(default_factory=list)  # images
    name: bytes = b""  # of its own files: below CONTAINER
    volume: str = ""
    views: dict[str, View] = field(default_factory=dict)  # id of a table of mounts -> view


@dataclass(slots=True)
class Silence:
    """A starter from whose container nothing was heard."""

    image: int | None
    row: int | None  # the EXEC note, where the starter itself is not recorded
    start: Start


@dataclass(slots=True)
class Containers:
    """What was found: the tape in terms of the machine, and who was silent."""

    tape: Tape
    silent: list[Silence] = field(default_factory=list)

    def gaps(self, graph: RunGraph, tree: Tree, exec_of: Sequence[int]) -> list[Gap]:
        """One gap for each container that nothing was heard from."""
        made = []
        rows = {
            program.note: number for number, program in enumerate(tree.programs) if program.note is not None
        }
        for one in self.silent:
            number = (
                tree.of_image[one.image]
                if one.image is not None
                else rows.get(-1 if one.row is None else one.row, -1)
            )
            if number < 0:
                continue
            by = graph.execs[exec_of[number]]
            if graph.processes[by.process].status in _ENGINES_OWN:
                continue
            about = one.start.image or one.start.engine.encode()
            made.append(
                replace(
                    gap(GapReason.CONTAINER, about, exec=by.number, step=by.step),
                    detail=f"what ran in the container that {one.start.engine} started was not seen",
                    remedy=_OPTIONS.get(one.start.engine, "copy probe-record into it and record there"),
                )
            )
        return made


def settle_containers(tape: Tape, files: FileFacts) -> Containers:
    """Put what programs in containers said in terms of the machine. The tape itself is left as it is."""
    return _Settling(tape, files).settle()


class _Settling:
    def __init__(self, tape: Tape, files: FileFacts) -> None:
        self.tape, self.trace, self.files = tape, tape.trace, files
        self.said: dict[int, tuple[bytes, str, str, str]] = {}  # image -> token, pids, mounts, table
        self.tables: dict[str, bytes] = {}
        self.starts: dict[int, Start] = {}
        self.rows: dict[int, Start] = {}  # of EXEC notes
        self.containers: dict[bytes, Container] = {}
        self.of_image: dict[int, Container] = {}
        self.mothers: dict[int, int] = {}  # of forked images

    def settle(self) -> Containers:
        for row in self.tape.rows((Kind.INSIDE, Kind.MOUNTS)):
            self._take(row)
        self._find_starts()
        if not self.said and not self.starts and not self.rows:
            return Containers(self.tape)
        self._find_containers()
        tape = self._tape()
        self._spaces(tape)
        self._name()
        self._paths(tape.trace)
        silent = self._silent()
        self._silence_starters(tape.trace)
        return Containers(tape, silent)

    # ---- what was said

    def _take(self, row: int) -> None:
        text = self.trace.paths[self.trace.path[row]]
        if self.trace.kind[row] == Kind.MOUNTS:
            table, _, lines = text.partition(b"\n")
            self.tables[table.decode(errors="replace")] = lines
            return
        token, *rest = text.split(b" ")
        if len(rest) == 3:
            pids, mounts, known = (part.decode(errors="replace") for part in rest)
            self.said[self.trace.image[row]] = (token, pids, mounts, known)

    def _find_starts(self) -> None:
        for number, image in enumerate(self.trace.images):
            if not image.forked and (start := read_start(image.program, image.arguments)) is not None:
                self.starts[number] = start
        for row, arguments in self.trace.arguments.items():
            if self.trace.kind[row] == Kind.EXEC and self.trace.path[row] != NONE:
                start = read_start(self.trace.paths[self.trace.path[row]], arguments)
                if start is not None:
                    self.rows[row] = start

    def _find_containers(self) -> None:
        order = sorted(range(len(self.trace.images)), key=lambda n: (self.trace.images[n].started, n))
        by_id = {(self.tape.hosts[n], image.id): n for n, image in enumerate(self.trace.images)}
        for number in order:
            image, said, start = self.trace.images[number], self.said.get(number), self.starts.get(number)
            if said is not None:
                container = self._container(said[0])
                if start is not None and container.starter is None:  # told by its environment
                    container.start, container.starter = start, number
                elif container.starter != number:
                    self._enters(container, number)
            elif (
                image.forked and (mother := by_id.get((self.tape.hosts[number], image.parent_id))) is not None
            ):
                self.mothers[number] = mother
                outer = self.of_image.get(mother)
                if outer is None and image.parent_pid == 0:
                    outer = self._started_by(mother)
                if outer is not None:
                    self._enters(outer, number)
            if start is not None and start.token is not None:  # told by its arguments: the innermost starter
                container = self._container(start.token)
                container.start, container.starter = start, number
        for row, start in self.rows.items():
            if start.token is not None and self._container(start.token).starter is None:
                container = self._container(start.token)
                container.start, container.starter = start, self.trace.image[row]

    def _container(self, token: bytes) -> Container:
        return self.containers.setdefault(token, Container(token))

    def _started_by(self, image: int) -> Container | None:
        return next((one for one in self.containers.values() if one.starter == image), None)

    def _enters(self, container: Container, image: int) -> None:
        container.inside.append(image)
        self.of_image[image] = container

    # ---- pids

    def _tape(self) -> Tape:
        """A tape whose images, paths and hosts may be changed."""
        trace = replace(self.trace, images=[replace(image) for image in self.trace.images])
        trace.paths = list(self.trace.paths)
        trace.path, trace.second = array("I", self.trace.path), array("I", self.trace.second)
        trace.arguments = dict(self.trace.arguments)
        for number, start in self.starts.items():
            trace.images[number].arguments = start.arguments
        for row, start in self.rows.items():
            trace.arguments[row] = start.arguments
        return Tape(trace, list(self.tape.hosts), self.tape.keys)

    def _spaces(self, tape: Tape) -> None:
        spaces = list(tape.hosts)
        for container in self.containers.values():
            if container.starter is None or not self._has_own_pids(container):
                continue
            space = f"{spaces[container.starter]}\0{container.token.decode(errors='replace')}"
            for image in container.inside:
                spaces[image] = space
            tape.starters[space] = container.starter
        tape.spaces = spaces

    def _has_own_pids(self, container: Container) -> bool:
        assert container.starter is not None
        outer = self.said.get(container.starter)
        reference = outer[1] if outer is not None else self.files.pid_space()
        inner = {self.said[image][1] for image in container.inside if image in self.said}
        if any(self.trace.images[image].parent_pid == 0 for image in container.inside):
            return True
        return any(pids not in ("-", reference) for pids in inner)

    # ---- paths

    def _name(self) -> None:
        seen: dict[bytes, int] = {}
        for container in self.containers.values():
            start = container.start
            image = start.image if start is not None else None
            name = (
                image.rstrip(b"/").rpartition(b"/")[2] if image else (start.engine.encode() if start else b"")
            )
            seen[name] = seen.get(name, 0) + 1
            container.name = name + (b"#%d" % seen[name] if seen[name] > 1 else b"")
            told = None
            if start is not None and container.starter is not None:
                by = self.trace.images[container.starter]
                told = self.files.image_id(start, by.program, by.directory)
            named = os.fsdecode(image or name)
            container.volume = f"container {named} {told}" if told else f"container {named}"
            for place in {name, container.name}:
                self.files.add_container(CONTAINER + place, container.volume)

    def _paths(self, trace: Trace) -> None:
        maps: dict[int, Callable[[bytes], bytes]] = {}
        written = self._written()
        views: dict[int, View | None] = {}
        for container in self.containers.values():
            for image in container.inside:
                view = self._view(container, image, views)
                if view is not None and not view.same():
                    maps[image] = mapping(view, container.name, written.get(id(container), frozenset()))
        if maps:
            rewrite_paths(trace, maps)

    def _view(self, container: Container, number: int, views: dict[int, View | None]) -> View | None:
        """How that program sees files: by its table of mounts, else as its forking parent does."""
        said = self.said.get(number)
        if said is None:
            views[number] = views.get(self.mothers.get(number, -1))
            return views[number]
        table = said[3]
        if table not in container.views:
            start, own = container.start, bool(container.start and container.start.own_root)
            mounts = self.tables.get(table)
            if mounts is not None:
                container.views[table] = View.of_mounts(
                    read_mountinfo(mounts), self.files.mounts(), own_root=own
                )
            elif start is not None and start.engine == "bwrap" and container.starter is not None:
                directory = self.trace.images[container.starter].directory
                container.views[table] = View(bwrap_binds(start.arguments, directory))
            else:
                container.views[table] = View([(b"/", None if own else b"/")])
        views[number] = container.views[table]
        return views[number]

    def _written(self) -> dict[int, frozenset[bytes]]:
        """Paths that were made or taken away in each container: these are its own, not its image's."""
        found: dict[int, set[bytes]] = {}
        for row in self.tape.rows(tuple(map(Kind, _MAKES))):
            container = self.of_image.get(self.trace.image[row])
            if container is None:
                continue
            for index in (self.trace.path[row], self.trace.second[row]):
                if index != NONE:
                    found.setdefault(id(container), set()).add(self.trace.paths[index])
        return {container: frozenset(paths) for container, paths in found.items()}

    # ---- silence

    def _silence_starters(self, trace: Trace) -> None:
        """Leave out the mounting itself, and that the root was changed, where programs inside were heard."""
        trace.kind = array("B", trace.kind)
        own: dict[int, bool] = dict.fromkeys(self.starts, False)  # image of a starter, or its fork -> heard
        for container in self.containers.values():
            if container.starter is not None:
                own[container.starter] = self._was_heard(container, anywhere=True)
        for image, mother in self.mothers.items():  # mothers come first
            if mother in own:
                own[image], self.starts[image] = own[mother], self.starts[mother]
        trace.faults = [
            fault for fault in trace.faults if fault.image not in own or fault.reason != "unknown directory"
        ]  # it stands between two roots
        for row, image in enumerate(trace.image) if own else ():
            if image not in own:
                continue
            if self.starts[image].engine in _MOUNTERS and trace.kind[row] in self._plumbing(image):
                trace.kind[row] = Kind.INSIDE  # of no further interest to anybody
            elif own[image] and trace.kind[row] == Kind.GAP and trace.value[row] == _ROOT_CHANGED:
                trace.kind[row] = Kind.INSIDE

    def _silent(self) -> list[Silence]:
        found = []
        heard = {id(one.start) for one in self.containers.values() if one.start and self._was_heard(one)}
        inner = {one.token for one in self.containers.values() if one.start and id(one.start) in heard}
        for number, start in self.starts.items():
            if start.engine != "unshare" and id(start) not in heard and start.token not in inner:
                found.append(Silence(number, None, start))
        for row, start in self.rows.items():
            if id(start) not in heard and start.token not in inner:
                found.append(Silence(None, row, start))
        return found

    def _plumbing(self, image: int) -> frozenset[int]:
        return _TOUCHES if self.trace.images[image].forked else _MAKES

    def _was_heard(self, container: Container, *, anywhere: bool = False) -> bool:
        """Whether a program inside said something; ``anywhere``: also where the starter's own mounts are."""
        outer = self.said.get(container.starter) if container.starter is not None else None
        told = [self.said[image] for image in container.inside if image in self.said]
        return any(anywhere or outer is None or said[2] != outer[2] for said in told)
