"""A picture before it is drawn: boxes, files and arrows, with what each is. Plain text only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Shape(StrEnum):
    """What a node stands for."""

    STEP = "step"
    FAILED = "failed"  # a step or process that ended badly
    PROCESS = "process"
    INPUT = "input"  # a file that was there before
    FILE = "file"  # one that was made, and used again
    RESULT = "result"  # one that was made, and not used in this run
    CODE = "code"  # a script or program
    JOINT = "joint"  # where many arrows meet, at file level


class Line(StrEnum):
    """What an arrow stands for."""

    PLAIN = "plain"  # read or written, where nothing is ever declared
    DECLARED = "declared"  # read or written, as declared
    UNDECLARED = "undeclared"  # read or written, not declared
    UNSEEN = "unseen"  # declared, but neither read nor written
    CODE = "code"  # the code that was run
    PIPE = "pipe"  # data from process to process


@dataclass(slots=True)
class Node:
    """A box or a file. ``label`` may have several lines, the first is the name; ``detail`` is the tooltip."""

    key: str
    shape: Shape
    label: str
    detail: str = ""
    group: str | None = None  # key of the Group it is drawn in


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one node to another, in the direction that data flow."""

    source: str
    target: str
    line: Line
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A frame around nodes: a step that holds steps, or a step that holds processes."""

    key: str
    label: str
    parent: str | None = None


@dataclass(slots=True)
class Picture:
    """All that is drawn of one run."""

    title: str
    subtitle: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    groups: dict[str, Group] = field(default_factory=dict)
