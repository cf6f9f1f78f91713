"""The fuzz corpus, one zip file: ``python corpus.py pack FOLDER`` after a minimising run.

    target -merge=1 small/ grown/ && python tests/fuzz/corpus.py pack small/
"""

from __future__ import annotations

import sys
import zipfile
import zlib
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus.zip"
MOST = 300_000  # bytes of it
NEVER = (1980, 1, 1, 0, 0, 0)  # the same inputs make the same file


def unpack(folder: Path) -> int:
    """Write the inputs into ``folder``; their number."""
    with zipfile.ZipFile(CORPUS) as archive:
        archive.extractall(folder)
        return len(archive.namelist())


def pack(folder: Path) -> None:
    """Keep the inputs that lie in ``folder``, the smallest first, as far as there is room."""
    inputs, room = [], MOST - 100
    for path in sorted(folder.iterdir(), key=lambda path: (path.stat().st_size, path.name)):
        content = path.read_bytes()
        room -= len(zlib.compress(content, 9)) + 76 + 2 * len(path.name)  # the archive's own two headers
        if room > 0:
            inputs.append((path.name, content))
    with zipfile.ZipFile(CORPUS, "w") as archive:
        for name, content in inputs:
            archive.writestr(zipfile.ZipInfo(name, NEVER), content, zipfile.ZIP_DEFLATED, compresslevel=9)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pack", folder]:
            pack(Path(folder))
        case _:
            sys.exit(__doc__)
