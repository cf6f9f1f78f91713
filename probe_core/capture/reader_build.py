"""Write what Python needs to call the compiled reader: ``python reader_build.py OUT.py``, at build time only.

The frame's layout comes from libprobe/record.h and the functions from reader.h, as they stand. The reader
is a plain shared library that cffi opens (its ABI mode): no header of Python's is needed to build it, and one
build serves every Python.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
RECORD_H = HERE.parents[1] / "libprobe" / "record.h"
MODULE = "probe_core.capture._reader"


def make_builder() -> FFI:
    """Declare what Python sees of record.h and reader.h."""
    builder = FFI()
    builder.cdef(RECORD_H.read_text(encoding="utf-8"))
    builder.cdef((HERE / "reader.h").read_text(encoding="utf-8"))
    builder.set_source(MODULE, None)
    return builder


if __name__ == "__main__":
    make_builder().emit_python_code(sys.argv[1])
