"""Synthetic traces for tests: say what happened, get a Trace, or the segment files a recorder would leave.

    builder = TraceBuilder()
    shell = builder.start(100, 1, "/bin/sh", ["sh", "-c", "sort < a > b"], "/work", step=b"s1")
    builder.read(shell, "a")
    builder.write(shell, "b")
    builder.exit(shell, 0)
    builder.trace()                # a Trace, made here in Python, without segments
    builder.write_segments(folder) # the same as segment files, for the reader
    builder.write_run(spool)       # a whole run folder: run.json, result.json, segments

Frames are laid out by the very record.h that the recorder is compiled from. Times (``at``) are Unix
nanoseconds and are cut to the recorder's ticks of 256 ns; without ``at`` each call is 10 µs after the last.
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from notes import (
    EPOCH,
    HEADER,
    NO_FILE,
    TICK,
    UNIT,
    Environment,
    Note,
    Text,
    Usage,
    absolute,
    as_bytes,
    ffi,
    identity,
)  # fmt: skip
from probe_core.capture.trace import Detail, Identity, Image, Kind, Trace
from segment_files import SegmentFiles

__all__ = ["EPOCH", "HEADER", "TICK", "TraceBuilder", "ffi", "identity"]

BOOT = uuid.UUID("0b007000-0000-4000-8000-00000000b007")


class TraceBuilder(SegmentFiles):
    """Collects what happened on one host; every method's ``image`` is what ``start`` or ``forked`` gave."""

    def __init__(
        self, *, host: str = "host", boot: uuid.UUID = BOOT, run: uuid.UUID | None = None, at: int = EPOCH
    ) -> None:
        self.host, self.boot, self.run = host, boot, run or uuid.UUID(int=0x5EED0000000040008000000000000001)
        self.key = bytes(range(16))
        self.notes: list[Note] = []
        self.images: list[Image] = []
        self.clock = at
        self.sets: dict[tuple[Kind, bytes], int] = {}

    # ---- images

    def start(
        self, pid: int, parent: int, program: Text, argv: Sequence[Text], cwd: Text, *,
        step: bytes | None = None, environment: Mapping[Text, Text] | Environment | None = None,
        libraries: Sequence[Text] = (), uid: int = 1000, at: int | None = None,
    ) -> int:  # fmt: skip
        """A program began after exec in process ``pid``, whose parent process is ``parent``."""
        arguments = tuple(map(as_bytes, argv))
        known = self._environment(environment)
        loaded = tuple(map(as_bytes, libraries))
        image = self._image(pid, parent, False, 0, at, uid, cwd)
        self.images[image].arguments = arguments
        ids = {
            "environ": self._set(image, Kind.ENVIRON, self._environ_bytes(known), len(known)) if known else 0,
            "libraries": self._set(image, Kind.LIBRARIES, b"".join(x + b"\0" for x in loaded), len(loaded))
            if loaded else 0,
        }  # fmt: skip
        self.images[image].program = absolute(as_bytes(program), as_bytes(cwd)) or b""
        self.images[image].libraries = loaded
        texts = (as_bytes(program), as_bytes(cwd), *arguments)
        begin = {"pid": pid, "parent": parent, "arguments": len(arguments), "uid": uid, **ids}
        self._note(Kind.START, image, at=self.images[image].started, texts=texts, fields=begin)
        if step is not None:
            self.step(image, step, at=self.images[image].started)
        return image

    def forked(
        self, parent: int, pid: int, *, cwd: Text | None = None, uid: int = 1000, at: int | None = None
    ) -> int:
        """A child of the image ``parent`` that goes on with its program."""
        mother = self.images[parent]
        cwd = mother.directory if cwd is None else cwd
        image = self._image(pid, mother.pid, True, mother.id, at, uid, cwd)
        begin = {"pid": pid, "parent": mother.pid, "parent_exec": mother.id, "uid": uid}
        started = self.images[image].started
        self._note(Kind.FORKED, image, at=started, texts=(b"", as_bytes(cwd)), fields=begin)
        return image

    def unstarted(self, pid: int, *, at: int | None = None) -> int:
        """An image whose START is torn: its other frames follow as usual."""
        return self._image(pid, 0, False, 0, at, 0, b"")

    def step(self, image: int, key: bytes, *, at: int | None = None) -> None:
        self.images[image].step = key
        self._note(Kind.STEP, image, at=at, texts=(key,))

    # ---- accesses

    def access(
        self, kind: Kind, image: int, path: Text, *, error: int = 0, detail: int = 0, count: int = 1,
        last: int = 0, directory: int | None = None, at: int | None = None, thread: int | None = None,
    ) -> Note:  # fmt: skip
        """A foldable access; ``directory`` is the key of a ``directory`` note that ``path`` belongs to."""
        fields, detail = self._at(directory, detail)
        return self._note(
            kind, image, at=at, thread=thread, texts=(as_bytes(path),), error=error, detail=detail,
            count=count, last=last // TICK * TICK, fields=fields,
        )  # fmt: skip

    def read(self, image: int, path: Text, **more: Any) -> Note:
        return self.access(Kind.READ, image, path, **more)

    def lookup(self, image: int, path: Text, **more: Any) -> Note:
        return self.access(Kind.LOOKUP, image, path, **more)

    def list(self, image: int, path: Text, **more: Any) -> Note:
        return self.access(Kind.LIST, image, path, **more)

    def load(self, image: int, name: Text, **more: Any) -> Note:
        return self.access(Kind.LOAD, image, name, **more)

    def write(
        self, image: int, path: Text, *, created: bool = True, truncated: bool = True, both: bool = False,
        found: Identity | None = None, error: int = 0, detail: int = 0, at: int | None = None, **more: Any,
    ) -> Note:  # fmt: skip
        """A file was opened for writing; ``found`` is what fstat said (a new empty file by default)."""
        detail |= Detail.CREATED * created | Detail.TRUNCATED * truncated | Detail.BOTH * both
        found = found or (NO_FILE if error else self._new_file())
        return self.identified(Kind.WRITE, image, path, found, error=error, detail=detail, at=at, **more)

    def close(self, image: int, found: Identity, path: Text = b"", *, at: int | None = None) -> Note:
        return self.identified(Kind.CLOSE, image, path, found, at=at)

    def descriptor(self, image: int, found: Identity, path: Text = b"", *, at: int | None = None) -> Note:
        """Open at start (or moved to 0..2): ``found.descriptor`` says which."""
        return self.identified(Kind.DESCRIPTOR, image, path, found, at=at)

    def pipe(self, image: int, reader: int, writer: int, inode: int, *, at: int | None = None) -> None:
        """Both ends of a new pipe."""
        for end, flags in ((reader, 0), (writer, 1)):
            found = identity(descriptor=end, mode=0o010600, flags=flags, device=14, inode=inode)
            self.identified(Kind.PIPE, image, b"", found, at=at)

    def identified(
        self, kind: Kind, image: int, path: Text, found: Identity, *, error: int = 0, detail: int = 0,
        directory: int | None = None, at: int | None = None, thread: int | None = None,
    ) -> Note:  # fmt: skip
        fields, detail = self._at(directory, detail)
        return self._note(
            kind, image, at=at, thread=thread, texts=(as_bytes(path),), error=error, detail=detail,
            identity=found, fields=fields,
        )  # fmt: skip

    def names(
        self, kind: Kind, image: int, *paths: Text, error: int = 0, detail: int = 0, device: int = 0,
        inode: int = 0, directory: int | None = None, directory_second: int | None = None,
        at: int | None = None, thread: int | None = None,
    ) -> Note:  # fmt: skip
        fields, detail = self._at(directory, detail)
        if directory_second is not None:
            fields["directory_second"] = directory_second
            detail |= Detail.AT_SECOND
        fields |= {"device": device, "inode": inode}
        found = Identity(-1, 0, 0, 0, device, inode, -1, -1, -1, 0) if device else None
        return self._note(
            kind, image, at=at, thread=thread, texts=tuple(map(as_bytes, paths)), error=error, detail=detail,
            identity=found, fields=fields,
        )  # fmt: skip

    def remove(self, image: int, path: Text, **more: Any) -> Note:
        return self.names(Kind.REMOVE, image, path, **more)

    def rename(self, image: int, old: Text, new: Text, **more: Any) -> Note:
        return self.names(Kind.RENAME, image, old, new, **more)

    def link(self, image: int, target: Text, new: Text, **more: Any) -> Note:
        return self.names(Kind.LINK, image, target, new, **more)

    def symlink(self, image: int, content: Text, new: Text, **more: Any) -> Note:
        return self.names(Kind.SYMLINK, image, content, new, **more)

    def make(self, image: int, path: Text, **more: Any) -> Note:
        return self.names(Kind.MAKE, image, path, **more)

    def metadata(self, image: int, path: Text, **more: Any) -> Note:
        return self.names(Kind.METADATA, image, path, **more)

    def change(self, image: int, path: Text, found: Identity, **more: Any) -> Note:
        return self.identified(Kind.CHANGE, image, path, found, **more)

    def place(self, image: int, directory: Text, *, at: int | None = None, thread: int | None = None) -> Note:
        """The current directory changed."""
        return self._note(Kind.PLACE, image, at=at, thread=thread, texts=(as_bytes(directory),))

    def directory(self, image: int, key: int, path: Text, *, at: int | None = None) -> Note:
        return self._note(Kind.DIRECTORY, image, at=at, texts=(as_bytes(path),), fields={"key": key})

    # ---- processes

    def exec(
        self, image: int, target: Text, argv: Sequence[Text] = (), *, interpreter: Text = b"", pid: int = 0,
        entered: bool = True, failed: bool = False, error: int = 0, detail: int = 0, at: int | None = None,
        directory: int | None = None,
    ) -> Note:  # fmt: skip
        """An exec (or spawn) is about to happen, or (``failed``) did not happen."""
        kind = Kind.EXEC_FAILED if failed else Kind.EXEC
        fields, detail = self._at(directory, detail | Detail.NEXT_IMAGE * entered)
        texts = (as_bytes(target), as_bytes(interpreter), *map(as_bytes, argv))
        fields |= {"pid": pid or self.images[image].pid, "arguments": len(argv)}
        return self._note(kind, image, at=at, texts=texts, error=error, detail=detail, fields=fields)

    def fork(self, image: int, pid: int, *, flags: int = 0, at: int | None = None) -> Note:
        return self._note(Kind.FORK, image, at=at, fields={"pid": pid, "flags": flags})

    def wait(
        self, image: int, pid: int, status: int, *, usage: Usage = (-1, -1, -1), at: int | None = None
    ) -> Note:
        """A child was reaped; ``status`` is the wait status, ``usage`` user and system µs and KiB."""
        return self._end(Kind.WAIT, image, pid, status, usage, at)

    def exit(
        self, image: int, code: int | None = 0, *, usage: Usage = (-1, -1, -1), at: int | None = None
    ) -> Note:
        """The image's end; ``code`` is the exit code, None when it is not known."""
        status = -1 if code is None else code << 8
        return self._end(Kind.EXIT, image, self.images[image].pid, status, usage, at)

    def gap(self, image: int, reason: int, about: Text = b"", *, pid: int = 0, at: int | None = None) -> Note:
        fields = {"reason": reason, "pid": pid}
        return self._note(Kind.GAP, image, at=at, texts=(as_bytes(about),), fields=fields)

    # ---- results

    def trace(self) -> Trace:
        """What the reader makes of it, made here without it."""
        from expected import expected_trace  # it needs this module

        return expected_trace(self)

    # ---- inside

    def _image(
        self, pid: int, parent: int, forked: bool, parent_id: int, at: int | None, uid: int, cwd: Text
    ) -> int:
        image = Image(
            id=HEADER // UNIT + len(self.images), pid=pid, parent_pid=parent, forked=forked,
            parent_id=parent_id, started=self._time(at), program=b"", directory=as_bytes(cwd),
            arguments=(), uid=uid,
        )  # fmt: skip
        self.images.append(image)
        return len(self.images) - 1

    def _time(self, at: int | None) -> int:
        self.clock = (self.clock + 10_240 if at is None else at) // TICK * TICK
        return self.clock

    def _note(
        self, kind: Kind, image: int, *, at: int | None, thread: int | None = None, **more: Any
    ) -> Note:
        thread = self.images[image].pid if thread is None else thread
        note = Note(kind, image, thread, self._time(at), **more)
        self.notes.append(note)
        return note

    def _end(
        self, kind: Kind, image: int, pid: int, status: int, usage: Usage, at: int | None
    ) -> Note:
        fields = dict(zip(("user", "system", "memory"), usage, strict=True)) | {"pid": pid, "status": status}
        return self._note(kind, image, at=at, fields=fields)

    @staticmethod
    def _at(directory: int | None, detail: int) -> tuple[dict[str, Any], int]:
        return ({}, detail) if directory is None else ({"directory": directory}, detail | Detail.AT)

    def _new_file(self) -> Identity:
        now = self.clock
        return identity(inode=1000 + len(self.notes), flags=0o1101, modified=now, changed=now)

    @staticmethod
    def _environment(given: Mapping[Text, Text] | Environment | None) -> Environment:
        if given is None or isinstance(given, tuple):
            return given or ()
        pairs = [(as_bytes(name), as_bytes(value)) for name, value in given.items()]
        return tuple(
            (name, int.from_bytes(hashlib.blake2b(value, digest_size=8).digest(), "little"), value)
            for name, value in pairs
        )

    @staticmethod
    def _environ_bytes(environment: Environment) -> bytes:
        return b"".join(
            struct.pack("=Q", digest) + name + b"\0" + (b"\0" if value is None else b"=" + value + b"\0")
            for name, digest, value in environment
        )

    def _set(self, image: int, kind: Kind, payload: bytes, count: int) -> int:
        """Note a set, once per distinct one; its id."""
        known = self.sets.get((kind, payload))
        if known is None:
            known = int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest(), "little") | 1
            self.sets[kind, payload] = known
            at = self.images[image].started
            self._note(kind, image, at=at, payload=payload, fields={"id": known, "count": count})
        return known
