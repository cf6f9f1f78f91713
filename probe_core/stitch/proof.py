"""How sure it is that what lies on disk is the version that was read or written."""

from __future__ import annotations

from typing import NamedTuple

from probe_core.model import Proof
from probe_core.stitch.drafts import Draft, State
from probe_core.stitch.files import Fact
from probe_core.stitch.processes import Tree

GRAIN = 10_000_000  # ns: a file's times are cut to the kernel's tick, 10 ms at most
REMOTE_GRAIN = 5_000_000_000  # ns: a file server's clock may differ
ALWAYS = 1 << 62


class Verdict(NamedTuple):
    """The proof, and whether an unrecorded writer must be told."""

    proof: Proof
    unrecorded: bool = False


PROVED, ASSUMED, GONE = Verdict(Proof.PROVED), Verdict(Proof.ASSUMED), Verdict(Proof.GONE)
CHANGED = Verdict(Proof.CHANGED, True)


def of_found(fact: Fact, first_read: int | None, *, remote: bool) -> Verdict:
    """A version as found, on a path that nobody recorded wrote. ``first_read`` None: only looked at."""
    if fact.kind == "missing":
        return GONE
    if fact.kind != "file" or fact.changed is None or first_read is None:
        return ASSUMED
    grain = REMOTE_GRAIN if remote else GRAIN
    if fact.changed < first_read - grain:
        return PROVED
    return CHANGED if fact.changed > first_read + (grain if remote else 0) else ASSUMED


def of_draft(draft: Draft, state: State, fact: Fact, tree: Tree, *, remote: bool) -> Verdict:
    """A version of a path that was written, renamed or otherwise touched in the run."""
    if draft.kind == "missing":
        return ASSUMED
    if state.current is not draft or draft.removed_by is not None or fact.kind == "missing":
        return GONE
    if draft.kind != "file":
        return Verdict(
            Proof.PROVED if draft.made_by is not None and fact.kind == draft.kind else Proof.ASSUMED
        )
    if fact.kind != "file" or (draft.inode is not None and draft.inode != fact.inode):
        return CHANGED
    if draft.made_by is None:
        verdict = of_found(fact, draft.first_read, remote=remote)
        explained = verdict.unrecorded and (fact.changed or 0) <= draft.explained
        if not explained:
            return verdict
        assert draft.first_read is not None
        return PROVED if (fact.modified or 0) < draft.first_read else ASSUMED
    until = max((_end(tree, writer) for writer in draft.writers), default=0)
    until = max(until, draft.explained) + (REMOTE_GRAIN if remote else 0)
    return PROVED if (fact.changed or 0) <= until else CHANGED


def _end(tree: Tree, program: int) -> int:
    """Until when the program may have written: its end; a process's end as its parent saw it."""
    ended = tree.programs[program].ended
    return ended if ended is not None else ALWAYS
