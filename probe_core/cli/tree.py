"""A tree of lines, drawn with the usual branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from probe_core.cli.colour import styled


@dataclass(slots=True)
class Branch:
    """A line and what hangs below it."""

    text: str
    below: list[Branch] = field(default_factory=list)

    def add(self, text: str) -> Branch:
        """Hang a line below this one and give it."""
        self.below.append(Branch(text))
        return self.below[-1]

    def lines(self) -> Iterator[str]:
        """Give the lines of the whole tree; a deep one does not recurse."""
        yield self.text
        waiting = [(one, "", place == 0) for place, one in enumerate(reversed(self.below))]
        while waiting:
            one, indent, is_last = waiting.pop()
            yield styled(indent + ("└─ " if is_last else "├─ "), "dim") + one.text
            deeper = indent + ("   " if is_last else "│  ")
            waiting += [(child, deeper, place == 0) for place, child in enumerate(reversed(one.below))]
