"""Write the C glue of the compiled reader: ``python reader_build.py OUT.c``. Used at build time only.

The frame's layout comes from libprobe/record.h and the functions from reader.h, as they stand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
RECORD_H = HERE.parents[1] / "libprobe" / "record.h"
MODULE = "probe_core.capture._reader"
# For builds without meson; probe_core/meson.build names them too.
SOURCES = tuple(f"reader{part}.c" for part in ("", "-walk", "-sort", "-paths", "-rows", "-columns"))


def make_builder() -> FFI:
    """Declare what Python sees of record.h and reader.h."""
    builder = FFI()
    builder.cdef(RECORD_H.read_text(encoding="utf-8"))
    builder.cdef((HERE / "reader.h").read_text(encoding="utf-8"))
    builder.set_source(MODULE, '#include "segment.h"\n#include "reader.h"\n')
    return builder


if __name__ == "__main__":
    make_builder().emit_c_code(sys.argv[1])
