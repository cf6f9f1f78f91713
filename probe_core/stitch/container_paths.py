"""Paths of programs in containers, in terms of the machine."""

from __future__ import annotations

import os
from collections.abc import Callable

from probe_core.capture.containers import View
from probe_core.capture.trace import NONE, Image, Kind, Trace

CONTAINER = b"/container:"
_KERNELS = (b"/proc", b"/sys", b"/dev")
_FIRST = frozenset(
    (Kind.START, Kind.FORKED, Kind.READ, Kind.LOOKUP, Kind.LIST, Kind.LOAD, Kind.WRITE,
     Kind.CLOSE, Kind.REMOVE, Kind.RENAME, Kind.LINK, Kind.MAKE, Kind.CHANGE, Kind.METADATA,
     Kind.PLACE, Kind.EXEC, Kind.EXEC_FAILED, Kind.DESCRIPTOR, Kind.GAP)
)  # fmt: skip
_SCRIPTS = frozenset((Kind.EXEC, Kind.EXEC_FAILED))
_SECOND = frozenset((Kind.RENAME, Kind.LINK, Kind.SYMLINK))


def mapping(view: View, name: bytes, written: frozenset[bytes]) -> Callable[[bytes], bytes]:
    """Give the function from paths inside to the machine's; ``written`` ones are this container's alone."""
    image = name.partition(b"#")[0]

    def mapped(path: bytes) -> bytes:
        if path.startswith(tuple(folder + b"/" for folder in _KERNELS)) or path in _KERNELS:
            return path
        plain = os.path.normpath(path) if b"/.." in path else path
        place = view.outside(plain)
        if place is not None:
            return place
        whose = name if any(plain == one or plain.startswith(one + b"/") for one in written) else image
        return CONTAINER + whose + (plain if plain != b"/" else b"")

    return mapped


def rewrite_paths(trace: Trace, maps: dict[int, Callable[[bytes], bytes]]) -> None:
    """Give rows and images (keys of ``maps``) the paths that they mean on the machine."""
    _Rewriting(trace, maps).rewrite()


class _Rewriting:
    def __init__(self, trace: Trace, maps: dict[int, Callable[[bytes], bytes]]) -> None:
        self.trace, self.maps = trace, maps
        self.numbers: dict[bytes, int] = {}
        self.known: dict[tuple[int, int], int] = {}

    def rewrite(self) -> None:
        trace = self.trace
        for row, (image, kind) in enumerate(zip(trace.image, trace.kind, strict=True)):
            if image not in self.maps:
                continue
            if kind in _FIRST:
                trace.path[row] = self._number(image, trace.path[row])
            if kind in _SECOND:
                trace.second[row] = self._number(image, trace.second[row])
            elif kind in _SCRIPTS and trace.second[row] != NONE:
                trace.second[row] = self._line(image, trace.second[row])
        for number, mapped in self.maps.items():
            _rewrite_image(trace.images[number], mapped)

    def _number(self, image: int, index: int) -> int:
        if index == NONE or not self.trace.paths[index].startswith(b"/"):
            return index
        key = (id(self.maps[image]), index)
        number = self.known.get(key)
        if number is None:
            path = self.maps[image](self.trace.paths[index])
            number = index if path == self.trace.paths[index] else self._intern(path)
            self.known[key] = number
        return number

    def _line(self, image: int, index: int) -> int:
        """A script's first line: the interpreter that it names is one of the container's."""
        words = self.trace.paths[index].removeprefix(b"#!").split(maxsplit=1)
        if not words or not words[0].startswith(b"/"):
            return index
        return self._intern(b" ".join((self.maps[image](words[0]), *words[1:])))

    def _intern(self, path: bytes) -> int:
        if not self.numbers:
            self.numbers = {known: number for number, known in enumerate(self.trace.paths)}
        number = self.numbers.setdefault(path, len(self.trace.paths))
        if number == len(self.trace.paths):
            self.trace.paths.append(path)
        return number


def _rewrite_image(image: Image, mapped: Callable[[bytes], bytes]) -> None:
    image.program = mapped(image.program) if image.program.startswith(b"/") else image.program
    image.directory = mapped(image.directory) if image.directory.startswith(b"/") else image.directory
    image.libraries = tuple(mapped(one) if one.startswith(b"/") else one for one in image.libraries)
