"""The compiled reader: ``ffi`` knows its types, ``lib`` its functions and the numbers of record.h."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probe_core.capture._reader import ffi

lib: Any = ffi.dlopen(str(Path(__file__).parents[1] / "_native" / "libreader.so"))

__all__ = ["ffi", "lib"]
