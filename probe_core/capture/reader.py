"""From segments to traces: all at once with ``read``, or again and again with a ``TraceReader``.

The heavy part is compiled (reader.h): walking, checking, sorting, interning. Here its columns become a
Trace. Whatever is damaged becomes a Fault; only a file that is no segment at all is an error.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from probe_core.capture.native import ffi, lib
from probe_core.capture.segment import NewerSegmentError, Snapshot, align_clocks, take_snapshot
from probe_core.capture.spool import RunFolder
from probe_core.capture.trace import NONE, Fault, Identity, Image, Trace
from probe_core.errors import SegmentError, SpoolError

IMAGE = struct.Struct("@QQQQqIIIIIIQIIQQIIQQBBB0Q")  # struct reader_image
IDENTITY = struct.Struct("@qqqqQQqqqq")
USAGE = struct.Struct("@qqqq")
COLUMNS = {
    "kind": "B", "error": "B", "detail": "H", "when": "q", "last": "q", "count": "I", "image": "I",
    "path": "I", "second": "I", "identity": "I", "value": "i", "pid": "I",
}  # fmt: skip
REASONS = {
    lib.READER_TORN: "torn",
    lib.READER_BAD_BLOCK: "bad block",
    lib.READER_BAD_FRAME: "bad frame",
    lib.READER_BAD_TEXT: "bad text",
    lib.READER_UNKNOWN_KIND: "unknown kind",
    lib.READER_UNKNOWN_DIRECTORY: "unknown directory",
}

CHUNK = 1 << 20  # bytes of paths that are split at once

# number, fields of struct reader_image without its texts, arguments, step
ChangedImage = tuple[int, tuple[int, ...], tuple[bytes, ...], bytes | None]
Environment = tuple[tuple[bytes, int, bytes | None], ...]


@dataclass(slots=True)
class Batch(Trace):
    """What a poll brought: the rows that are new, or changed since they were shown.

    ``images``, ``paths`` and ``environments`` are all there are so far, and keep their numbers from poll to
    poll; an image may gain what its START says. A row is a frame, and ``ids`` names it: a frame that was
    folded further, or whose path is better known by now, comes again under its id. ``identities`` are those
    of these rows. The rows of all polls, the newest of each id, are the rows of ``read``.
    """

    ids: array[int] = field(default_factory=lambda: array("Q"))


def read(folder: RunFolder, *, ended: bool | None = None) -> list[Trace]:
    """Read all of a run's segments: one Trace for each host and boot, by host.

    ``ended``: whether a frame that is not committed is a Fault (its writer died) or still being written;
    None asks the folder. SegmentError when a segment was written by a newer PROBE, or when none can be read;
    one bad file among good ones is a Fault.
    """
    if ended is None:
        ended = not _is_open(folder)
    hosts: dict[tuple[str, str], SegmentReader] = {}
    good, bad = _snapshots(folder.segments())
    for snapshot in good:
        place = (snapshot.host, snapshot.boot)
        if place not in hosts:
            hosts[place] = SegmentReader(*place, repeated=False)
        hosts[place].add(snapshot)
    del good
    traces: list[Trace] = [reader.look(ended=ended) for _, reader in sorted(hosts.items())]
    if bad:
        traces[0].faults += bad
    return traces


class TraceReader:
    """Reads a run that still goes on; each ``poll`` gives what came since the last one."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._hosts: dict[tuple[str, str], SegmentReader] = {}
        self._paths: list[Path] = []  # in the order in which they were first seen

    def poll(self, *, ended: bool = False) -> list[Batch]:
        """Give one Batch for each host and boot, empty ones too. Errors as for ``read``.

        ``ended``: nobody writes any more, so what is not committed is a Fault.
        """
        self._paths += [path for path in self.folder.segments() if path not in self._paths]
        good, bad = _snapshots(self._paths)
        for snapshot in good:
            place = (snapshot.host, snapshot.boot)
            if place not in self._hosts:
                self._hosts[place] = SegmentReader(*place, repeated=True)
            self._hosts[place].add(snapshot)
        del good
        batches = [reader.look(ended=ended) for reader in self._hosts.values()]
        if bad and batches:
            batches[0].faults += bad
        return batches


class SegmentReader:
    """The segments of one host and boot. ``add`` each, in the same order at every look; then ``look``."""

    def __init__(self, host: str, boot: str, *, repeated: bool = False) -> None:
        self.host, self.boot = host, boot
        self._reader = _checked(ffi.gc(lib.reader_new(repeated), lib.reader_free))
        self._snapshots: list[Snapshot] = []
        self._images: list[Image] = []
        self._paths: list[bytes] = []
        self._path_bytes = 0
        self._environments: list[Environment] = []
        self._sets: dict[tuple[int, int], tuple[bytes, int]] = {}  # (kind, id) -> text, count
        self._wanted: dict[int, tuple[int, int]] = {}  # image -> ids of sets that were not there yet
        self._environment_numbers: dict[int, int | None] = {}
        self._libraries: dict[int, tuple[bytes, ...]] = {}
        self._decoded_faults: dict[int, list[Fault]] = {}
        self._unstarted: dict[int, Fault] = {}

    def add(self, snapshot: Snapshot) -> None:
        """Take a segment's snapshot into the next look."""
        self._snapshots.append(snapshot)

    def look(self, *, ended: bool = True) -> Batch:
        """Decode what was added: all rows the first time, then those that are new or changed."""
        align_clocks(self._snapshots)
        view = self._build(ended)
        batch = Batch(self.host, self.boot, images=self._images, environments=self._environments)
        batch.key = self._snapshots[0].key if self._snapshots else b""
        names = [snapshot.path.name for snapshot in self._snapshots]
        damage = list(_damage(self._snapshots))
        self._take_sets(view)
        self._take_arguments(view, batch)
        changed = self._changed_images(view)
        self._snapshots = []  # big, and nothing below points into it
        self._take_paths(view)
        batch.paths = self._paths
        self._take_images(changed, names)
        batch.faults = [*damage, *self._faults(view, {number for number, *_ in changed}, names)]
        if ended:
            batch.faults += self._unstarted.values()
        batch.faults.sort(key=lambda fault: (fault.segment, fault.offset, fault.reason))
        self._take_columns(view, batch)
        return batch

    def _build(self, ended: bool) -> ffi.CData:
        lib.reader_begin(self._reader)
        for snapshot in self._snapshots:
            content = ffi.from_buffer(snapshot.content)
            size = len(snapshot.content)
            if lib.reader_add(self._reader, content, size, snapshot.header_size, snapshot.clock, ended):
                raise MemoryError
        if lib.reader_build(self._reader, ended):
            raise MemoryError
        return lib.reader_view(self._reader)

    def _text(self, segment: int, offset: int, size: int) -> bytes:
        return self._snapshots[segment].content[offset : offset + size]

    def _take_sets(self, view: ffi.CData) -> None:
        for i in range(view.sets):
            found = view.set_at[i]
            if (found.kind, found.id) not in self._sets:
                text = found.text
                content = self._text(text.segment, text.offset, text.size)
                self._sets[found.kind, found.id] = (content, text.count)

    def _take_arguments(self, view: ffi.CData, batch: Batch) -> None:
        for i in range(view.arguments):
            found = view.arguments_at[i]
            text = self._text(found.text.segment, found.text.offset, found.text.size)
            batch.arguments[found.row] = tuple(text.split(b"\0")[:-1])

    def _take_paths(self, view: ffi.CData) -> None:
        rest = b""
        for at in range(self._path_bytes, view.path_bytes, CHUNK):
            chunk = ffi.buffer(view.path_at + at, min(CHUNK, view.path_bytes - at))
            *whole, rest = (rest + bytes(chunk)).split(b"\0")
            self._paths += whole
        self._path_bytes = view.path_bytes

    def _changed_images(self, view: ffi.CData) -> list[ChangedImage]:
        """Give the fields of images that changed, and their texts from the segments."""
        found: list[ChangedImage] = []
        for number, fields in enumerate(_rows(IMAGE, view.image_at, view.images)):
            *fixed, begun, cut, changed = fields
            if not changed:
                continue
            segment, count, at, size, step_segment, step_count, step_at, step_size = fixed[12:]
            arguments = self._text(segment, at, size).split(b"\0")[:-1] if count else ()
            step = self._text(step_segment, step_at, step_size - 1) if step_count else None
            found.append((number, (*fixed[:12], begun, cut), tuple(arguments), step))
        return found

    def _take_images(self, changed: list[ChangedImage], names: list[str]) -> None:
        for image in changed:
            self._take_image(*image, names)
        for number in list(self._wanted):
            self._resolve_sets(number)

    def _take_image(
        self,
        number: int,
        fields: tuple[int, ...],
        arguments: tuple[bytes, ...],
        step: bytes | None,
        names: list[str],
    ) -> None:
        (image_id, parent_id, environ, libraries, started, pid, parent, uid, program, directory, segment,
         offset, begun, cut) = fields  # fmt: skip
        image = Image(
            id=image_id,
            pid=pid,
            parent_pid=parent,
            forked=begun == lib.PROBE_FORKED,
            parent_id=parent_id,
            started=started,
            program=b"" if program == NONE else self._paths[program],
            directory=b"" if directory == NONE else self._paths[directory],
            arguments=arguments,
            uid=uid,
            step=step,
            arguments_cut=bool(cut),
        )
        if number == len(self._images):
            self._images.append(image)
        else:
            self._images[number] = image
        self._unstarted.pop(number, None)
        if not begun:
            self._unstarted[number] = Fault(names[segment], offset, "no start", image=number)
        self._wanted[number] = (environ, libraries)

    def _resolve_sets(self, number: int) -> None:
        """Join an image to its sets; those that are not there (yet) stay wanted."""
        environ, libraries = self._wanted[number]
        image = self._images[number]
        if environ and (lib.PROBE_ENVIRON, environ) in self._sets:
            image.environment = self._environment(environ)
            environ = 0
        if libraries and (lib.PROBE_LIBRARIES, libraries) in self._sets:
            image.libraries = self._library_list(libraries)
            libraries = 0
        if environ or libraries:
            self._wanted[number] = (environ, libraries)
        else:
            del self._wanted[number]

    def _environment(self, set_id: int) -> int | None:
        if set_id not in self._environment_numbers:
            environment = parse_environment(*self._sets[lib.PROBE_ENVIRON, set_id])
            self._environment_numbers[set_id] = None if environment is None else len(self._environments)
            if environment is not None:
                self._environments.append(environment)
        return self._environment_numbers[set_id]

    def _library_list(self, set_id: int) -> tuple[bytes, ...]:
        if set_id not in self._libraries:
            content, count = self._sets[lib.PROBE_LIBRARIES, set_id]
            self._libraries[set_id] = tuple(content.split(b"\0")[:-1][:count])
        return self._libraries[set_id]

    def _faults(self, view: ffi.CData, changed: set[int], names: list[str]) -> list[Fault]:
        """Tell what the walk and the decoding found, once for each segment, reason and image."""
        for number in changed:
            self._decoded_faults.pop(number, None)
        walked: dict[tuple[int, int, int], Fault] = {}
        decoded: dict[tuple[int, int, int], Fault] = {}
        for i in range(view.faults):
            found = view.fault_at[i]
            kind = decoded if found.decoded else walked
            key = (found.segment, found.reason, found.image)
            if key not in kind:
                image = None if found.image == NONE else found.image
                kind[key] = Fault(names[found.segment], found.offset, REASONS[found.reason], 0, image)
            kind[key].count += 1
            kind[key].offset = min(kind[key].offset, found.offset)
        for (_, _, number), fault in decoded.items():
            self._decoded_faults.setdefault(number, []).append(fault)
        return [*walked.values(), *(fault for known in self._decoded_faults.values() for fault in known)]

    def _take_columns(self, view: ffi.CData, batch: Batch) -> None:
        rows = view.rows
        for name, code in COLUMNS.items():
            setattr(batch, name, _column(code, getattr(view, name), rows))
        batch.ids = _column("Q", view.id, rows)
        lib.reader_release_rows(self._reader)
        batch.identities = list(map(Identity._make, _rows(IDENTITY, view.identity_at, view.identities)))
        batch.usage = {
            row: (user, system, memory)
            for row, user, system, memory in _rows(USAGE, view.usage_at, view.usages)
        }


def parse_environment(content: bytes, count: int) -> Environment | None:
    """Read the text of a PROBE_ENVIRON set; None when it does not hold ``count`` variables."""
    found: list[tuple[bytes, int, bytes | None]] = []
    at = 0
    for _ in range(count):
        name_end = content.find(b"\0", at + 8)
        value_end = content.find(b"\0", name_end + 1)
        if name_end < at + 8 or value_end < 0:
            return None
        value = content[name_end + 1 : value_end]
        if value and not value.startswith(b"="):
            return None
        name = content[at + 8 : name_end]
        digest = int.from_bytes(content[at : at + 8], "little")
        found.append((name, digest, value[1:] if value else None))
        at = value_end + 1
    return tuple(found)


def _is_open(folder: RunFolder) -> bool:
    try:
        return folder.is_open()
    except SpoolError:  # segments can be read without run.json
        return False


def _snapshots(paths: Iterable[Path]) -> tuple[list[Snapshot], list[Fault]]:
    """Read the segments; those that are none among good ones become Faults."""
    good: list[Snapshot] = []
    bad: list[SegmentError] = []
    for path in paths:
        try:
            good.append(take_snapshot(path))
        except NewerSegmentError:
            raise
        except SegmentError as error:
            bad.append(error)
    if bad and not good:
        raise bad[0]
    return good, [Fault(error.path.name, error.offset or 0, f"unreadable: {error.reason}") for error in bad]


def _damage(snapshots: list[Snapshot]) -> Iterable[Fault]:
    for snapshot in snapshots:
        name = snapshot.path.name
        if snapshot.lost:
            yield Fault(name, ffi.offsetof("struct probe_segment", "lost"), "lost", snapshot.lost)
        if snapshot.missing:
            yield Fault(name, len(snapshot.content), "truncated", snapshot.missing)


def _column(code: str, at: ffi.CData, rows: int) -> array[int]:
    column = array(code)
    if rows:
        column.frombytes(ffi.buffer(at, rows * column.itemsize))
    return column


def _rows(layout: struct.Struct, at: ffi.CData, count: int) -> Iterable[tuple[int, ...]]:
    return layout.iter_unpack(bytes(ffi.buffer(ffi.cast("char *", at), count * layout.size))) if count else ()


def _checked(reader: ffi.CData) -> ffi.CData:
    if reader == ffi.NULL:
        raise MemoryError
    return reader
