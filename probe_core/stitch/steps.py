"""Steps: the step contract, joined to what the engines declared.

An image notes PROBE_STEP; an exec without a note has its predecessor's. A step's identity is its key
and the process below which it ran: the same key under two makes is two steps. A step that an engine found
among the processes begins with the first program of its process, and holds what is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from probe_core.capture.trace import Image
from probe_core.model import Declaration, Gap, GapReason, Step
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree

Times = tuple[int | None, int | None]  # when it began and ended


@dataclass(slots=True)
class Draft:
    """A step while it is put together."""

    key: bytes
    setter: int | None  # life below which it ran
    parent: int | None  # index among the drafts
    programs: list[int] = field(default_factory=list)
    declaration: Declaration | None = None


@dataclass(slots=True)
class Steps:
    """The run's steps, and the step of each program."""

    steps: list[Step]
    of_program: list[int | None]
    gaps: list[Gap]


def assign(
    tree: Tree,
    images: Sequence[Image],
    declarations: Sequence[Declaration],
    outer: bytes | None = None,
    found: Mapping[int, Declaration] = MappingProxyType({}),
) -> Steps:
    """Give each program its step. ``outer`` is the step that the whole run stands in: none of its own.

    ``found``: by program the declaration of a step that begins with it.
    """
    drafts, of_program = _observed(tree, images, outer, found)
    began = {draft.key for draft in drafts}
    told = {one.key: one for one in found.values() if one.key in began}
    _declared(drafts, [*declarations, *told.values()])
    times = [_times(draft, tree) for draft in drafts]
    order = sorted(range(len(drafts)), key=lambda n: (_started(drafts[n], times[n]), n))
    place = {draft: number for number, draft in enumerate(order)}
    steps = [_step(place[n], drafts[n], times[n], place, tree) for n in order]
    gaps = [
        gap(GapReason.NOT_OBSERVED, step.name.encode("utf-8", "surrogateescape"), step=step.number)
        for step, number in zip(steps, order, strict=True)
        if not drafts[number].programs
        and step.declaration
        and step.declaration.facts.get("runs_command", True)
    ]
    return Steps(steps, [place[n] if n is not None else None for n in of_program], gaps)


def _observed(
    tree: Tree, images: Sequence[Image], outer: bytes | None, found: Mapping[int, Declaration]
) -> tuple[list[Draft], list[int | None]]:
    drafts: list[Draft] = []
    known: dict[tuple[bytes, int | None], int] = {}
    of_key: dict[bytes, list[int]] = {}
    of_program: list[int | None] = []
    noted: list[bytes | None] = []  # PROBE_STEP as it stands; in a found step it is the one around
    for number, program in enumerate(tree.programs):
        inherited = of_program[program.previous] if program.previous is not None else None
        before = noted[program.previous] if program.previous is not None else None
        key = images[program.image].step if program.image is not None else None
        noted.append(before if key is None else key)
        if key == before and inherited is not None:
            key = None  # handed down
        if number in found and (key is None or key == outer):
            key = found[number].key
        if key is None or (inherited is not None and drafts[inherited].key == key):
            draft = inherited
        elif key == outer and inherited is None:
            draft = None
        else:
            setter = _shell_of(tree.lives[program.life].parent, tree)
            draft = known.get((key, setter))
            if draft is None:
                same = of_key.setdefault(key, [])
                draft = known[key, setter] = _kin(drafts, same if inherited is None else [], setter)
            if draft == len(drafts):
                drafts.append(Draft(key, setter, inherited))
                of_key[key].append(draft)
        of_program.append(draft)
        if draft is not None:
            drafts[draft].programs.append(number)
    return drafts, of_program


def _kin(drafts: list[Draft], same: Sequence[int], setter: int | None) -> int:
    """Give the one step of this key where nobody knows whose child a process was, else a new one's number.

    So it is where a container ends while a program in it has just been started.
    """
    if len(same) != 1 or None not in (setter, drafts[same[0]].setter):
        return len(drafts)
    drafts[same[0]].setter = setter if drafts[same[0]].setter is None else drafts[same[0]].setter
    return same[0]


def _shell_of(life: int | None, tree: Tree) -> int | None:
    """The process that went on in subshells: what they start, it starts."""
    while life is not None and all(tree.programs[number].forked for number in tree.lives[life].programs):
        life = tree.lives[life].parent
    return life


def _declared(drafts: list[Draft], declarations: Sequence[Declaration]) -> None:
    """Join by key; several of one key by the step around them, then in order."""
    waiting: dict[bytes, list[Declaration]] = {}
    for declaration in declarations:
        waiting.setdefault(declaration.key, []).append(declaration)
    taken: set[int] = set()
    observed = len(drafts)
    for draft in drafts:
        candidates = waiting.get(draft.key, [])
        around = drafts[draft.parent].key if draft.parent is not None else None
        fits = [one for one in candidates if one.outer == around] or candidates
        fresh = [one for one in fits if id(one) not in taken] or fits
        if fresh:
            draft.declaration = fresh[0]
            taken.add(id(fresh[0]))
    for declaration in declarations:
        if id(declaration) not in taken:
            drafts.append(Draft(declaration.key, None, None, declaration=declaration))
    by_key: dict[bytes, int] = {}
    for number, draft in enumerate(drafts):
        by_key.setdefault(draft.key, number)
    for number, draft in enumerate(drafts):
        outer = draft.declaration.outer if draft.declaration else None
        around_it = by_key.get(outer) if outer is not None else None
        if draft.parent is None and around_it is not None and (number >= observed or around_it < number):
            draft.parent = around_it if around_it != number else None


def _times(draft: Draft, tree: Tree) -> Times:
    starts = [tree.programs[number].started for number in draft.programs]
    ends = [tree.programs[number].ended for number in draft.programs]
    known = [end for end in ends if end is not None]
    ended = max(known) if known and len(known) == len(ends) else None
    return min(starts, default=None), ended


def _started(draft: Draft, times: Times) -> int:
    declared = draft.declaration.started if draft.declaration else None
    started = declared if declared is not None else times[0]
    return started if started is not None else 1 << 63


def _status(draft: Draft, tree: Tree) -> int | None:
    """The exit status of the last process that the step's setter started in it."""
    lives = {tree.programs[number].life for number in draft.programs}
    direct = [tree.lives[life] for life in lives if tree.lives[life].parent not in lives]
    ended = [life for life in direct if life.ended is not None]
    return max(ended, key=lambda life: (life.ended or 0, life.pid)).status if ended else None


def _step(number: int, draft: Draft, times: Times, place: dict[int, int], tree: Tree) -> Step:
    told = draft.declaration
    started, ended = times
    status = _status(draft, tree)
    key = draft.key.decode("utf-8", "replace")
    return Step(
        number=number,
        key=draft.key,
        engine=told.engine if told else None,
        rule=told.rule if told else key,
        name=told.name if told else key,
        attempt=told.attempt if told else 1,
        parent=place[draft.parent] if draft.parent is not None else None,
        started=told.started if told and told.started is not None else started,
        ended=told.ended if told and told.ended is not None else ended,
        status=told.status if told and told.status is not None else status,
        declaration=told,
    )
