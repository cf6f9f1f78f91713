"""Makes fuzz inputs of real segments and of one frame of each kind: ``python seeds.py FOLDER``.

Recorded under neutral names (/tmp/seeds), so that what is kept tells nothing of the machine. The corpus in
``corpus.zip`` was grown from these and minimised; see test_coverage.py.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.damage import sample

HEADER, UNIT, SHARED = 16384, 1024, 1 << 14
LAUNCHER = Path(sys.executable).parent / "probe-record"
POLLED, CLOCKS, OPEN, SCARCE = 4, 8, 16, 32
COMMANDS = (
    "true",
    "echo b | sort | cat > out; rm out",
    "cd /usr; ls bin > /dev/null; cd share; test -e none",
    "mkdir d; ln -s x d/y; mv d e; touch e/f; ln e/f e/g; chmod 600 e/f; rm -r e",
    "(exec 3< /etc/passwd; read line <&3); for i in 1 2 3; do cat /etc/hostname; done > /dev/null",
    "busybox true; cat none 2> /dev/null; exec sh -c 'exit 3'",
    "perl -e 'open(F, q(<), qq(n$_)) for 1..60; opendir(D, q(.));"
    " system(q(true)) for 1..2; truncate(q(t), 0)'",
)


def body(segment: bytes) -> bytes:
    """The blocks of a segment, without its header and what is free."""
    (end,) = struct.unpack_from("=Q", segment, 168)
    found = bytearray(segment[HEADER:end])
    for at in range(0, len(found) - 24, 8):  # places that frames refer to, now that there is no header
        size, kind, _, detail = struct.unpack_from("=iBBH", found, at)
        if -4200 < size < 0 and 16 <= kind <= 19 and detail & SHARED:
            (place,) = struct.unpack_from("=I", found, at + 20)
            struct.pack_into("=I", found, at + 20, place - HEADER // 8)
    return bytes(found)


def made_input(*bodies: bytes, flags: int = 0) -> bytes:
    """An input of these segments; they must be of equal size, see reader/truth.h."""
    size = max(len(part) for part in bodies)
    return bytes([len(bodies) - 1 | flags, 0, 0, 7]) + b"".join(part.ljust(size, b"\0") for part in bodies)


def recorded(command: str, place: Path) -> bytes:
    """The segment of one real run."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "work").mkdir(parents=True)
    subprocess.run(
        [LAUNCHER, "--spool", place / "spool", "-q", "sh", "-c", command], cwd=place / "work", check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (segment,) = place.glob("spool/runs/*/segment-*")
    return body(segment.read_bytes())


def seeds() -> list[bytes]:
    """All inputs."""
    with tempfile.TemporaryDirectory() as folder:
        (path,) = sample().write_segments(Path(folder))
        small = body(path.read_bytes())
    bodies = [small, *(recorded(command, Path("/tmp/seeds")) for command in COMMANDS)]
    shutil.rmtree("/tmp/seeds")
    found = [made_input(part, flags=flags) for part in bodies for flags in (0, POLLED, POLLED | OPEN, SCARCE)]
    found += [made_input(small, bodies[1], small, flags=CLOCKS | POLLED), made_input(bodies[1], small)]
    return found


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds()):
        (out / f"seed-{number}").write_bytes(content)
