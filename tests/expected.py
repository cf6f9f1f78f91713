"""The reader's rules once more, slowly and in Python: what its property tests compare with."""

from __future__ import annotations

import struct
from array import array
from dataclasses import replace

from notes import ATTRIBUTES, BEGIN, Environment, Note, absolute
from probe_core.capture.trace import NONE, Detail, Kind, Trace
from segments import TraceBuilder


def expected_trace(builder: TraceBuilder) -> Trace:
    """Make the Trace that the reader must make of the builder's segments."""
    return _TraceMaker(builder).made


def plain_rows(trace: Trace) -> list[tuple[object, ...]]:
    """Give the events with everything that they point to in its place: what two equal traces share."""

    def path(number: int) -> bytes | None:
        return None if number == NONE else trace.paths[number]

    return [
        (
            Kind(trace.kind[i]).name, trace.error[i], trace.detail[i], trace.when[i], trace.last[i],
            trace.count[i], trace.images[trace.image[i]].id, path(trace.path[i]), path(trace.second[i]),
            None if trace.identity[i] == NONE else trace.identities[trace.identity[i]], trace.value[i],
            trace.pid[i], trace.usage.get(i), trace.arguments.get(i),
        )
        for i in range(len(trace))
    ]  # fmt: skip


def plain_images(trace: Trace) -> list[tuple[object, ...]]:
    """Give the images, each with its environment in place of the number."""
    return [
        (
            image.id, image.pid, image.parent_pid, image.forked, image.parent_id, image.started,
            image.program, image.directory, image.arguments, image.uid, image.step, image.libraries,
            image.arguments_cut, None if image.environment is None else trace.environments[image.environment],
        )
        for image in trace.images
    ]  # fmt: skip


class _TraceMaker:
    def __init__(self, builder: TraceBuilder) -> None:
        self.builder = builder
        self.made = Trace(builder.host, str(builder.boot), key=builder.key)
        self.paths: dict[bytes, int] = {}
        self.place: dict[int, bytes | None] = {}
        self.directories: dict[tuple[int, int], bytes] = {}  # the first one also counts before it was named
        self.numbers: dict[int, int] = {}  # of the builder's images in the trace
        self.first: dict[int, int] = {}  # time of an image's first frame
        notes = self._in_order()
        for note in reversed(notes):
            if note.kind is Kind.DIRECTORY:
                self.directories[note.image, note.fields["key"]] = note.texts[0]
        for note in notes:
            self._take(note)
        self._environments()

    def _in_order(self) -> list[Note]:
        first = self.first
        for note in self.builder.notes:
            first[note.image] = min(note.at, first.get(note.image, note.at))

        def order(note: Note) -> tuple[int, int, bool, int]:
            begin = note.kind in BEGIN
            at = first[note.image] if begin else note.at
            return (at, self.builder.images[note.image].id, not begin, note.thread)

        return sorted(self.builder.notes, key=order)

    def _number(self, note: Note) -> int:
        number = self.numbers.get(note.image)
        if number is None:
            number = self.numbers[note.image] = len(self.made.images)
            image = self.builder.images[note.image]
            place = absolute(image.directory, None)
            image = replace(image, started=self.first[note.image], directory=place or b"")
            self.made.images.append(image)
            self.place[note.image] = absolute(image.directory, None)
        return number

    def _intern(self, path: bytes | None) -> int:
        if not path:
            return NONE
        if path not in self.paths:
            self.paths[path] = len(self.paths)
            self.made.paths.append(path)
        return self.paths[path]

    def _resolve(self, note: Note, place: int, key: str, bit: int) -> int:
        text = note.texts[place]
        if note.detail & bit and not text.startswith(b"/"):
            return self._intern(absolute(text, self.directories.get((note.image, note.fields[key]))))
        return self._intern(absolute(text, self.place[note.image])) if text else NONE

    def _paths(self, note: Note) -> tuple[int, int]:
        texts = note.texts
        match note.kind:
            case Kind.DESCRIPTOR | Kind.PIPE | Kind.GAP:
                raw = texts[0] if not texts[0].startswith(b"/") else absolute(texts[0], None)
                return self._intern(raw), NONE
            case Kind.LOAD if b"/" not in texts[0]:
                return self._intern(texts[0]), NONE
            case Kind.SYMLINK:
                return self._intern(texts[0]), self._resolve(note, 1, "directory_second", Detail.AT_SECOND)
            case Kind.EXEC | Kind.EXEC_FAILED:
                return self._resolve(note, 0, "directory", Detail.AT), self._intern(texts[1])
            case Kind.RENAME | Kind.LINK:
                first = self._resolve(note, 0, "directory", Detail.AT)
                return first, self._resolve(note, 1, "directory_second", Detail.AT_SECOND)
            case Kind.START:
                return self._intern(self.builder.images[note.image].program), NONE
            case Kind.FORKED:
                return NONE, NONE
        return (self._resolve(note, 0, "directory", Detail.AT) if texts else NONE), NONE

    def _take(self, note: Note) -> None:
        made, number = self.made, self._number(note)
        if note.kind is Kind.DIRECTORY:
            self.directories[note.image, note.fields["key"]] = note.texts[0]
        if note.kind in ATTRIBUTES:
            return
        if note.kind is Kind.PLACE:
            self.place[note.image] = absolute(note.texts[0], self.place[note.image])
        path, second = self._paths(note)
        row = len(made)
        when = made.images[number].started if note.kind in BEGIN else note.at
        found = NONE
        if note.identity is not None:
            found = len(made.identities)
            made.identities.append(note.identity)
        value = {Kind.EXIT: "status", Kind.WAIT: "status", Kind.FORK: "flags", Kind.GAP: "reason"}.get(
            note.kind, "arguments" if note.kind in (Kind.EXEC, Kind.EXEC_FAILED) else ""
        )
        columns = {
            "kind": note.kind, "error": note.error, "detail": note.detail, "when": when,
            "last": note.last or when, "count": note.count, "image": number, "path": path, "second": second,
            "identity": found, "value": note.fields.get(value, 0),
            "pid": 0 if note.kind in BEGIN else note.fields.get("pid", 0),
        }  # fmt: skip
        for name, item in columns.items():
            column: array[int] = getattr(made, name)
            column.append(item)
        if note.kind in (Kind.EXIT, Kind.WAIT):
            made.usage[row] = tuple(note.fields[name] for name in ("user", "system", "memory"))  # type: ignore[assignment]
        if note.kind in (Kind.EXEC, Kind.EXEC_FAILED) and note.texts[2:]:
            made.arguments[row] = note.texts[2:]

    def _environments(self) -> None:
        wanted = {
            self.numbers[note.image]: note.fields["environ"]
            for note in self.builder.notes
            if note.kind is Kind.START and note.fields["environ"]
        }
        known: dict[int, int] = {}
        for number, image in enumerate(self.made.images):
            if number in wanted and wanted[number] not in known:
                known[wanted[number]] = len(self.made.environments)
                self.made.environments.append(self._read_set(wanted[number]))
            image.environment = known[wanted[number]] if number in wanted else None

    def _read_set(self, wanted: int) -> Environment:
        sets = self.builder.sets.items()
        (payload,) = [body for (kind, body), known in sets if (kind, known) == (Kind.ENVIRON, wanted)]
        found, at = [], 0
        while at < len(payload):
            (digest,) = struct.unpack_from("=Q", payload, at)
            end = payload.index(b"\0", at + 8)
            name, at = payload[at + 8 : end], end + 1
            end = payload.index(b"\0", at)
            value = payload[at + 1 : end] if payload[at : at + 1] == b"=" else None
            found.append((name, digest, value))
            at = end + 1
        return tuple(found)
