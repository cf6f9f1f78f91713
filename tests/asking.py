"""What the fixture ``ask`` gives: `probe` with words, answering with status, standard output and error."""

from __future__ import annotations

from collections.abc import Callable

Ask = Callable[..., tuple[int, str, str]]
