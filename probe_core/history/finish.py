"""What the launcher runs at the end: ``python -m probe_core.history.finish [OPTION]… FOLDER``.

Options: ``-v``/``--verbose``, ``-q``/``--quiet``, ``--keep`` (the folder stays), ``--history PLACE``. Nothing
is printed on standard output; on standard error one closing line, when that is a terminal or with ``-v``,
and never with ``-q``. Between the command's end and the prompt: import little.

With ``--lock=N`` it goes on behind the prompt (see behind.py): N is the descriptor that holds the run's lock,
standard error is the spool's log, and there is no closing line.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from probe_core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from probe_core.model import RunGraph

FLAGS = {"-v": "verbose", "--verbose": "verbose", "-q": "quiet", "--quiet": "quiet", "--keep": "keep"}


def finish(words: Sequence[str]) -> int:
    """Take the run in; give the exit status: 0, 1 with a sentence on standard error, 2 for wrong usage."""
    flags, place, folder, lock = set(), None, None, None
    rest = iter(words)
    for word in rest:
        if word in FLAGS:
            flags.add(FLAGS[word])
        elif word == "--history":
            place = next(rest, None)
        elif word.startswith("--lock=") and word.removeprefix("--lock=").isdecimal():
            lock = int(word.removeprefix("--lock="))
        elif folder is None and not word.startswith("-"):
            folder = word
        else:
            folder = None
            break
    if folder is None:
        print(
            "usage: python -m probe_core.history.finish [-v|-q] [--keep] [--history PLACE] [--lock=N] FOLDER",
            file=sys.stderr,
        )
        return 2
    if lock is None:
        return _take_in(folder, place, frozenset(flags))
    from probe_core.history.behind import in_turn

    with in_turn(Path(folder)):
        return _take_in(folder, place, frozenset({*flags, "behind"} - {"quiet", "verbose"}), lock)


def _take_in(path: str, place: str | None, flags: frozenset[str], lock: int | None = None) -> int:
    from probe_core.capture.spool import RunFolder
    from probe_core.errors import ProbeError
    from probe_core.history import open_history
    from probe_core.history.intake import take_in

    folder = RunFolder(path)
    try:
        with open_history(place) as history:
            graph = take_in(folder, history, keep="keep" in flags, lock=lock)
    except ProbeError as error:
        return _failed(f"{error}; the run is kept in {folder.path}", flags)
    except Exception as error:  # the user's command has ended well: no traceback below its output
        return _failed(f"the run in {folder.path} could not be taken in: {error!r}", flags)
    if graph is not None and not flags & {"quiet", "behind"} and ("verbose" in flags or _is_seen(graph)):
        print(closing_line(graph), file=sys.stderr)
    return 0


def _failed(sentence: str, flags: frozenset[str]) -> int:
    """Say what failed. With ``-q`` too nothing is lost: the next `probe` command says it again."""
    when = time.strftime("%Y-%m-%d %H:%M:%S ") if "behind" in flags else "probe: "
    if "quiet" not in flags:
        print(when + printable(sentence), file=sys.stderr)
    return 1


def _is_seen(graph: RunGraph) -> bool:
    """Tell whether somebody reads standard error who does not read an outer recording's line already."""
    return graph.run.outer_run is None and sys.stderr is not None and sys.stderr.isatty()


def closing_line(graph: RunGraph) -> str:
    """Give the closing line: ``recorded RUN: 12 processes, 34 files, 0 gaps``, and why there are gaps."""
    from probe_core.history.write import files_touched

    run = graph.run
    name = printable(run.name) if run.name else run.id[:8]
    counts = (
        _count(len(graph.processes), "process", "processes"),
        _count(files_touched(graph), "file", "files"),
        _count(len(graph.gaps), "gap", "gaps"),
    )
    line = f"recorded {name}: {', '.join(counts)}"
    if graph.gaps:
        (reason, _), *_ = Counter(gap.reason for gap in graph.gaps).most_common(1)
        detail = next(gap.detail for gap in graph.gaps if gap.reason is reason)
        line += f" ({printable(detail)}; `probe show {run.id[:8]}` tells more)"
    return line


def _count(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def main() -> NoReturn:
    """Do what the command line says, and end."""
    gc.disable()  # a short life with few cycles
    status = finish(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # the prompt need not wait for the interpreter's own tidying


if __name__ == "__main__":
    main()
