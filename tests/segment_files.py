"""The files a recorder would leave of what was noted: blocks of frames, segments, a run's folder."""

from __future__ import annotations

import json
import struct
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from notes import EPOCH, HEADER, TICK, UNIT, UPTIME, Note, ffi, record
from probe_core.capture.trace import Image


class SegmentFiles:
    """Lays notes into files; whoever collects the notes says of which host, run and images they are."""

    host: str
    boot: uuid.UUID
    run: uuid.UUID
    key: bytes
    notes: list[Note]
    images: list[Image]
    clock: int

    def threads(self) -> Iterator[tuple[int, int, list[Note]]]:
        """Give (image, thread, its notes by time)."""
        groups: dict[tuple[int, int], list[Note]] = {}
        for note in self.notes:
            groups.setdefault((note.image, note.thread), []).append(note)
        for (image, thread), notes in groups.items():
            yield image, thread, sorted(notes, key=lambda note: note.at)

    def blocks(self, size: int = UNIT) -> Iterator[bytes]:
        """Lay the frames into blocks of ``size`` bytes (larger where a frame needs it)."""
        for image, thread, ordered in self.threads():
            number, notes = 0, deque(ordered)
            while notes:
                base = notes[0].at - TICK * (1 << 20) + TICK * number
                frames, room = [], size - 40 - 8
                while notes and (notes[0].at - base) // TICK < 1 << 31:
                    frame = notes[0].frame(base)
                    if len(frame) > room and frames:
                        break
                    room -= len(frame)
                    frames.append(frame)
                    notes.popleft()
                number += 1
                yield self._block(frames, image, thread, base, size)

    def write_segments(
        self, folder: Path, *, block_size: int = UNIT, per_segment: int = 4096,
        order: Sequence[int] | None = None,
    ) -> list[Path]:  # fmt: skip
        """Write segment files into ``folder``; ``order`` permutes the blocks. Gives the files' paths."""
        blocks = list(self.blocks(block_size))
        if order is not None:
            blocks = [blocks[place] for place in order]
        parts = [blocks[i : i + per_segment] for i in range(0, len(blocks), per_segment)] or [[]]
        paths = []
        for number, part in enumerate(parts):
            path = folder / f"segment-{self.host}-{number}"
            path.write_bytes(self.segment(part, number, newest=len(parts) - 1))
            paths.append(path)
        return paths

    def segment(
        self, blocks: Iterable[bytes], number: int = 0, *, newest: int = 0, spare: int = UNIT
    ) -> bytes:
        """A segment file's bytes: header, blocks, ``spare`` zero bytes."""
        body = b"".join(blocks)
        head = ffi.new("struct probe_segment *")
        head.magic = b"PROBESEG"
        head.version, head.header_size = record.PROBE_VERSION, HEADER
        head.size = HEADER + len(body) + spare
        head.boot, head.run, head.key = list(self.boot.bytes), list(self.run.bytes), list(self.key)
        head.monotonic, head.realtime = UPTIME, EPOCH
        head.host = self.host.encode()
        head.number, head.newest, head.next = number, newest if number == 0 else 0, HEADER + len(body)
        return bytes(ffi.buffer(head)).ljust(HEADER, b"\0") + body + bytes(spare)

    def write_run(self, spool: Path, *, status: int | None = 0, **described: Any) -> Path:
        """Write a run's folder below ``spool``; ``described`` overrides run.json. None: no result.json."""
        folder = spool / "runs" / str(self.run)
        (folder / "declarations").mkdir(parents=True)
        folder.chmod(0o700)
        root = self.images[0] if self.images else None
        started = min((note.at for note in self.notes), default=self.clock)
        run = {
            "version": 1, "id": str(self.run), "name": None, "engine": None,
            "command": [x.decode("utf-8", "surrogateescape") for x in root.arguments] if root else ["true"],
            "directory": root.directory.decode("utf-8", "surrogateescape") if root else "/",
            "host": self.host, "boot": str(self.boot), "user": "someone", "uid": 1000,
            "pid": root.parent_pid if root else 1, "pid_started": 1, "started": started,
            "outer_run": None, "outer_step": None, "descriptors": [],
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(run | described))
        if status is not None:
            ended = max((note.at for note in self.notes), default=self.clock) + 1_000_000
            result = {"status": status, "ended": ended, "user": 1, "system": 1, "memory": 1}
            (folder / "result.json").write_text(json.dumps(result | {"pid": root.pid if root else 1}))
        self.write_segments(folder)
        return folder

    def _block(self, frames: list[bytes], image: int, thread: int, base: int, size: int) -> bytes:
        body = b"".join(frames) + struct.pack("=iBBH", -8, record.PROBE_END, 0, 0)
        full = max(size, (40 + len(body) + UNIT - 1) // UNIT * UNIT)
        head = ffi.new("struct probe_block *")
        head.magic, head.size, head.used = record.PROBE_BLOCK_MAGIC, full, 40 + len(body)
        head.pid, head.tid = self.images[image].pid, thread
        head.exec, head.base = self.images[image].id, base - EPOCH + UPTIME
        return (bytes(ffi.buffer(head)) + body).ljust(full, b"\0")
