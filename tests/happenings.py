"""Hypothesis strategies for what may happen on a host: builders of synthetic traces."""

from __future__ import annotations

from hypothesis import strategies as st

from probe_core.capture.trace import Detail, Kind
from segments import EPOCH, TICK, TraceBuilder, identity

PATHS = st.sampled_from(
    ["a", "./a", "b/../a", "/work/a", "//work//a/", "/", ".", "..", "sub/", "\udcff\n \t", "x" * 300, "/t"]
)
RELATIVE = st.sampled_from(["a", "b/c", "./d", "..", "/absolute"])
DIRECTORIES = st.sampled_from(["/work", "/", "/work//sub/.", "/tmp"])
PLACES = st.sampled_from(["/elsewhere", "/work/sub", "/work/./sub//"])
KEYS = st.sampled_from([3, 1 << 63])
WORDS = st.lists(st.sampled_from(["sh", "", "-c", "wörd", "\udc80"]), max_size=3)
VARIABLES = st.dictionaries(st.sampled_from(["PATH", "HOME"]), st.sampled_from(["", "v=w"]), min_size=1)
ENVIRONMENTS = st.none() | VARIABLES
LIBRARIES = st.sampled_from([(), ("/lib/libc.so.6",), ("/lib/libc.so.6", "/lib/libm.so.6")])
# Few distinct times, so that many are equal, and some are far apart.
TIMES = st.integers(0, 6).map(lambda n: EPOCH + n * TICK) | st.integers(0, 1 << 42).map(lambda n: EPOCH + n)
STATUSES = st.integers(0, 0xFFFF)
USAGES = st.tuples(*[st.integers(-1, 1 << 40)] * 3)
NUMBERS = st.integers(0, (1 << 32) - 1)
IDENTITIES = st.builds(
    identity, descriptor=st.integers(-1, 70), mode=NUMBERS, flags=NUMBERS, links=NUMBERS,
    device=st.integers(0, (1 << 64) - 1), inode=st.integers(0, (1 << 64) - 1), size=st.integers(-1, 1 << 62),
    modified=st.integers(-1, 1 << 62), changed=st.integers(-1, 1 << 62), position=st.integers(-1, 1 << 62),
)  # fmt: skip


@st.composite
def builders(draw: st.DrawFn, most: int = 25) -> TraceBuilder:
    """A host with one to four images, forked or started, and up to ``most`` frames of any kind."""
    builder = TraceBuilder()
    for number in range(draw(st.integers(1, 4))):
        pid, at = 100 + draw(st.integers(0, 2)), draw(TIMES)
        if number and draw(st.booleans()):
            builder.forked(draw(st.integers(0, number - 1)), pid, cwd=draw(DIRECTORIES), at=at)
            continue
        builder.start(
            pid, 1, draw(PATHS), draw(WORDS), draw(DIRECTORIES), at=at, environment=draw(ENVIRONMENTS),
            step=draw(st.none() | st.binary(max_size=5).filter(lambda text: b"\0" not in text)),
            libraries=draw(LIBRARIES),
        )  # fmt: skip
    for key in (3, 1 << 63):
        for image in range(len(builder.images)):
            for _ in range(draw(st.integers(1, 2))):
                builder.directory(image, key, draw(DIRECTORIES), at=draw(TIMES))
    for _ in range(draw(st.integers(0, most))):
        happen(draw, builder)
    return builder


def happen(draw: st.DrawFn, builder: TraceBuilder) -> None:
    """Add one frame."""
    image = draw(st.integers(0, len(builder.images) - 1))
    at, thread = draw(TIMES), draw(st.sampled_from([None, 7, 8]))
    error = draw(st.sampled_from([0, 0, 2, 13]))
    match draw(st.integers(0, 9)):
        case 0 | 1:
            kind = draw(st.sampled_from([Kind.READ, Kind.LOOKUP, Kind.LIST, Kind.LOAD]))
            last = at + draw(st.integers(0, 5)) * TICK
            directory = draw(st.none() | KEYS) if kind != Kind.LOAD else None
            builder.access(
                kind, image, draw(PATHS), at=at, thread=thread, error=error, count=draw(st.integers(1, 9)),
                last=0 if last == at else last, directory=directory,
            )  # fmt: skip
        case 2:
            kind = draw(st.sampled_from([Kind.WRITE, Kind.CHANGE, Kind.CLOSE]))
            builder.identified(
                kind, image, draw(PATHS), draw(IDENTITIES), at=at, thread=thread, error=error,
                directory=draw(st.none() | KEYS),
            )  # fmt: skip
        case 3:
            kind = draw(st.sampled_from([Kind.DESCRIPTOR, Kind.PIPE]))
            text = draw(st.sampled_from(["", "/x", "pipe:[1]"]))
            builder.identified(kind, image, text, draw(IDENTITIES), at=at)
        case 4:
            kind = draw(st.sampled_from([Kind.REMOVE, Kind.MAKE, Kind.METADATA]))
            detail = draw(st.sampled_from([0, Detail.IS_DIRECTORY]))
            builder.names(kind, image, draw(PATHS), at=at, thread=thread, error=error, detail=detail,
                          directory=draw(st.none() | KEYS), device=draw(st.integers(0, 2)))  # fmt: skip
        case 5:
            kind = draw(st.sampled_from([Kind.RENAME, Kind.LINK, Kind.SYMLINK]))
            first = draw(st.none() | KEYS) if kind != Kind.SYMLINK else None
            second = draw(st.none() | KEYS)
            builder.names(kind, image, draw(PATHS), draw(PATHS), at=at, thread=thread, directory=first,
                          directory_second=second, device=draw(st.integers(0, 2)))  # fmt: skip
        case 6:
            builder.place(image, draw(PLACES), at=at, thread=thread)
        case 7:
            line = draw(st.sampled_from(["", "/bin/sh -e"]))
            builder.exec(image, draw(RELATIVE), draw(WORDS), interpreter=line, failed=draw(st.booleans()),
                         at=at, directory=draw(st.none() | KEYS))  # fmt: skip
        case 8:
            builder.wait(image, draw(NUMBERS), draw(STATUSES), usage=draw(USAGES), at=at)
            builder.exit(image, draw(st.none() | st.integers(0, 255)), usage=draw(USAGES), at=at)
        case 9:
            builder.fork(image, draw(NUMBERS), flags=draw(st.integers(0, (1 << 31) - 1)), at=at)
            about = draw(st.sampled_from(["", "/bin//x", "what"]))
            builder.gap(image, draw(st.integers(1, 10)), about, at=at)
