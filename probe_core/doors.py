"""What an adapter needs when a recording starts, cheap to import: it is between the prompt and the command.

`probe_core.hooks` has all of it too, with the rest. Whatever is imported for a start imports none of typing,
dataclasses, pathlib and re, each of which would take as long as Python itself does to start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])


def hook(function: Function) -> Function:
    """Mark a function as the implementation of the hook that is called like it."""
    function.probe_impl = {}  # type: ignore[attr-defined]  # as pluggy.HookimplMarker("probe") marks it
    return function


def is_hook(function: object) -> bool:
    """Tell whether a function is marked."""
    return isinstance(getattr(function, "probe_impl", None), dict)


class Preparation:
    """What a recording of an engine's command needs: the command to run and what its environment gains."""

    __slots__ = ("command", "environment", "notes")

    def __init__(
        self,
        command: tuple[bytes, ...],
        environment: Mapping[bytes, bytes] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """``notes``: sentences for the user (stderr, with -v), e.g. a limit that was met."""
        self.command = command
        self.environment: Mapping[bytes, bytes] = {} if environment is None else environment
        self.notes = notes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Preparation) and self._parts() == other._parts()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Preparation{self._parts()!r}"

    def _parts(self) -> tuple[object, ...]:
        return self.command, dict(self.environment), self.notes


class LatePath:
    """A path that becomes a Path when more than its text is asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __fspath__(self) -> str:
        return self._text

    __str__ = __fspath__

    def __truediv__(self, other: str) -> Path:
        return self._path() / other

    def __eq__(self, other: object) -> bool:
        return self._path() == other

    def __hash__(self) -> int:
        return hash(self._path())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._path(), name)

    def _path(self) -> Path:
        from pathlib import Path

        return Path(self._text)
