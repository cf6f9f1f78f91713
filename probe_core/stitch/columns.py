"""Accesses in bulk: the rows of paths that nobody wrote become columns without an object a row."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, groupby
from operator import itemgetter

from probe_core.capture.trace import NONE, Kind, Trace
from probe_core.model import Accesses, Act
from probe_core.stitch.drafts import ABSENT

_PLAIN = {Kind.READ: Act.READ, Kind.LOOKUP: Act.LOOKUP, Kind.LIST: Act.LIST}
_WALKED = (
    Kind.LOAD, Kind.WRITE, Kind.CLOSE, Kind.REMOVE, Kind.RENAME, Kind.LINK, Kind.SYMLINK, Kind.MAKE,
    Kind.CHANGE, Kind.METADATA, Kind.DESCRIPTOR, Kind.START,
)  # fmt: skip
Row = tuple[int, int, int, int, int, int, int]  # first, exec, version, act, last, count, error


def _table(yes: Iterable[int], value: int = 1) -> bytes:
    table = bytearray(256)
    for byte in yes:
        table[byte] = value
    return bytes(table)


_IS_PLAIN = _table(map(int, _PLAIN))
_IS_WALKED = _table(map(int, _WALKED))
_IS_READ = _table((Kind.READ,))
_IS_FAILED = _table(range(1, 256))
_IS_ODD_ERROR = _table(set(range(1, 256)) - ABSENT)
_NOT = bytes((1, 0)) + bytes(254)
_TO_ACT = bytes(next((int(act) for kind, act in _PLAIN.items() if kind == byte), 0) for byte in range(256))


def _and(left: bytes, right: bytes) -> bytes:
    """Bytewise and of two columns of 0 and 1, a machine word at a time."""
    both = int.from_bytes(left, "little") & int.from_bytes(right, "little")
    return both.to_bytes(len(left), "little")


def _or(left: bytes, right: bytes) -> bytes:
    both = int.from_bytes(left, "little") | int.from_bytes(right, "little")
    return both.to_bytes(len(left), "little")


@dataclass(slots=True)
class Plain:
    """What one look over the columns tells. Paths are indexes of the trace."""

    is_plain: bytes  # row by row: READ, LOOKUP or LIST
    failed: bytes
    first_read: dict[int, int] = field(default_factory=dict)  # path -> when first opened for reading
    seen: set[int] = field(default_factory=set)  # paths that were there, of any plain kind
    missed: set[int] = field(default_factory=set)  # paths of which some look-up failed
    odd: set[int] = field(default_factory=set)  # paths that failed otherwise than by absence


def survey(trace: Trace) -> Plain:
    """Sort the paths of the plain rows by what happened to them."""
    kinds, errors = trace.kind.tobytes(), trace.error.tobytes()
    plain, failed = kinds.translate(_IS_PLAIN), errors.translate(_IS_FAILED)
    found = Plain(plain, failed)
    read = _and(kinds.translate(_IS_READ), failed.translate(_NOT))
    # Written backwards, so that the first row of each path stays.
    found.first_read = dict(
        zip(compress(trace.path[::-1], read[::-1]), compress(trace.when[::-1], read[::-1]), strict=True)
    )
    looked = _and(_and(plain, kinds.translate(_IS_READ).translate(_NOT)), failed.translate(_NOT))
    found.seen = set(compress(trace.path, looked)) | found.first_read.keys()
    if 1 in failed:
        found.missed = set(compress(trace.path, _and(plain, failed)))
        found.odd = set(compress(trace.path, _and(plain, errors.translate(_IS_ODD_ERROR))))
        found.missed.discard(NONE)
    found.seen.discard(NONE)
    return found


BULK, WALKED, OUTSIDE = 0, 1, 2  # what is done with the plain rows of a path


def split(trace: Trace, plain: Plain, marks: bytearray) -> tuple[bytes, list[int]]:
    """Divide the rows: a mask of those done in bulk, and the list of those to be walked.

    ``marks`` says BULK, WALKED or OUTSIDE for each path, and one more for rows without a path.
    """
    try:
        marked = bytes(map(marks.__getitem__, trace.path))
    except IndexError:  # some rows have no path
        end = len(trace.paths)
        marked = bytes([marks[path if path != NONE else end] for path in trace.path])
    mask = _and(plain.is_plain, marked.translate(_table((BULK,))))
    rest = _and(plain.is_plain, marked.translate(_table((WALKED,))))
    rest = _or(rest, trace.kind.tobytes().translate(_IS_WALKED))
    return mask, list(compress(range(len(trace)), rest))


class _Selection:
    """The masked rows of a column: by copying the stretches between the others where these are few."""

    def __init__(self, mask: bytes) -> None:
        self._mask = mask
        others = list(compress(range(len(mask)), mask.translate(_NOT)))
        self._spans: list[tuple[int, int]] | None = None
        if len(others) * 8 < len(mask):
            begins = [0, *(row + 1 for row in others)]
            self._spans = [(a, b) for a, b in zip(begins, [*others, len(mask)], strict=True) if a < b]

    def of(self, values: array[int]) -> array[int]:
        if self._spans is None:
            return array(values.typecode, compress(values, self._mask))
        out = array(values.typecode)
        for begin, end in self._spans:
            out.extend(values[begin:end])
        return out


def bulk(
    trace: Trace, mask: bytes, failed: bytes, exec_of: Sequence[int], version_of: Sequence[int]
) -> Accesses:
    """The masked rows as accesses. ``exec_of`` is by image, ``version_of`` by path."""
    select = _Selection(mask).of
    first, last, count = select(trace.when), select(trace.last), select(trace.count)
    if 0 in count:
        count = array("I", [number or 1 for number in count])
    repeated = list(compress(range(len(last)), last))
    newest = first[:]
    for row in repeated:
        newest[row] = max(first[row], last[row])
    return Accesses(
        exec=array("I", map(exec_of.__getitem__, select(trace.image))),
        version=array("I", map(version_of.__getitem__, select(trace.path))),
        act=select(array("B", _acts(trace, failed))),
        first=first,
        last=newest,
        count=count,
        error=select(trace.error),
    )


def _acts(trace: Trace, failed: bytes) -> bytes:
    """The act of each plain row by its kind; MISSING where it failed."""
    acts = trace.kind.tobytes().translate(_TO_ACT)
    if 1 not in failed:
        return acts
    missing = int.from_bytes(failed, "little") * int(Act.MISSING)
    done = int.from_bytes(acts, "little") & int.from_bytes(failed.translate(_NOT), "little") * 255
    return (missing | done).to_bytes(len(acts), "little")


def merge(base: Accesses, more: Iterable[Row]) -> Accesses:
    """Both in order of ``first``; of equal times those of ``more`` come first. ``more`` is sorted."""
    out = Accesses()
    names = ("first", "exec", "version", "act", "last", "count", "error")
    more = list(more)
    if len(base) < len(more) * 8:  # a row costs less than the stretch between two others
        rows = zip(*(getattr(base, name) for name in names), strict=True)
        both = sorted(chain(more, rows), key=itemgetter(0))
        for name, values in zip(names, zip(*both, strict=True), strict=False):
            getattr(out, name).extend(values)
        return out
    begin = 0
    times = base.first
    places = ((bisect_right(times, row[0] - 1), row) for row in more)
    for place, group in groupby(places, key=itemgetter(0)):
        columns = zip(*(row for _, row in group), strict=True)
        for name, values in zip(names, columns, strict=True):
            column = getattr(out, name)
            if place > begin:
                column.extend(getattr(base, name)[begin:place])
            column.extend(values)
        begin = place
    for name in names:
        getattr(out, name).extend(getattr(base, name)[begin:])
    return out
