"""From drafts to the graph's versions: numbers, facts, proofs, digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from probe_core.model import FileVersion, Gap, GapReason, Proof
from probe_core.stitch.digests import Digester, ToldDigests, Wish
from probe_core.stitch.drafts import Draft, Names, State
from probe_core.stitch.files import MISSING, Fact, FileFacts
from probe_core.stitch.gaps import gap
from probe_core.stitch.processes import Tree
from probe_core.stitch.proof import Verdict, of_draft, of_found

UNREAD = 1 << 62  # looked at in bulk, never opened for reading
NEVER_THERE = UNREAD + 1  # every look-up failed


class Sheet(NamedTuple):
    """All that a FileVersion needs but its digest."""

    name: int
    draft: Draft | None
    fact: Fact  # of the version itself: what is on disk, or what was seen of it
    verdict: Verdict
    read: bool


_ABSENT_SHEET = Sheet(0, None, MISSING, Verdict(Proof.ASSUMED), False)


class Assembly:
    """Numbers the versions by path and order, and makes them."""

    def __init__(
        self, names: Names, files: FileFacts, tree: Tree, states: dict[int, State], found: dict[int, int],
        ended: int | None, settled: Mapping[bytes, int],
    ) -> None:  # fmt: skip
        """``ended``: when the run was over; what changed since is no fault of its recording.

        ``settled``: by path until when the engine itself may have changed the file's times.
        """
        self.settled = settled
        self.names, self.files, self.tree, self.states, self.found = names, files, tree, states, found
        self.ended = ended
        self.number_of: dict[int, int] = {}  # name found in bulk -> version
        self.sheets: list[Sheet] = []
        paths = names.paths
        for name in sorted(states.keys() | found.keys(), key=paths.__getitem__):
            state = states.get(name)
            if state is not None and state.drafts:
                self._add_drafts(state)
            else:
                self._add_found(name)

    def versions(
        self, exec_of: Sequence[int], told: ToldDigests, digester: Digester | None
    ) -> tuple[list[FileVersion], list[Gap]]:
        """The versions, and the gaps for those that an unrecorded writer changed."""
        granted = digester.grant(self._wishes()) if digester is not None else {}
        sizes: dict[int, int] = {}
        self._told(told, granted, sizes)
        self._share(granted)
        made = [
            self._version(number, sheet, granted.get(number), sizes.get(number), exec_of)
            for number, sheet in enumerate(self.sheets)
        ]
        gaps = [
            gap(GapReason.UNRECORDED_WRITER, self.names.paths[sheet.name])
            for sheet in self.sheets
            if sheet.verdict.unrecorded
        ]
        return made, gaps

    # ---- sheets

    def _add_found(self, name: int) -> None:
        first = self.found[name]
        self.number_of[name] = len(self.sheets)
        if first == NEVER_THERE:
            self.sheets.append(_ABSENT_SHEET._replace(name=name))
            return
        path = self.names.paths[name]
        fact, first_read = self.files.fact(path), None if first == UNREAD else first
        remote = first_read is not None and self.files.volume(path)[0].remote
        verdict = self._by(of_found(fact, first_read, remote=remote), fact, remote=remote)
        self.sheets.append(Sheet(name, None, fact, verdict, first_read is not None))

    def _add_drafts(self, state: State) -> None:
        path = self.names.paths[state.name]
        also = self.found.get(state.name)
        first = state.drafts[0]
        if state.current is not None and path in self.settled:
            state.current.explained = max(state.current.explained, self.settled[path])
        if also is not None:
            self.number_of[state.name] = len(self.sheets)
            if also < UNREAD:
                first.first_read = min(also, first.first_read or also)
        remote = self.files.volume(path)[0].remote
        for draft in state.drafts:
            draft.number = len(self.sheets)
            now = self.files.fact(path)
            verdict = self._by(of_draft(draft, state, now, self.tree, remote=remote), now, remote=remote)
            seen = Fact(draft.kind, draft.size, draft.modified, draft.changed, draft.device, draft.inode)
            on_disk = verdict.proof in (Proof.PROVED, Proof.ASSUMED) and draft.kind == now.kind
            fact = now if on_disk and state.current is draft else seen
            if verdict.proof is Proof.CHANGED and draft.made_by is None:
                fact = _changed(now)
            self.sheets.append(Sheet(state.name, draft, fact, verdict, draft.first_read is not None))

    def _by(self, verdict: Verdict, now: Fact, *, remote: bool) -> Verdict:
        """Tell whether the unrecorded writer wrote during the run, as far as this machine's clock tells."""
        later = self.ended is not None and not remote and (now.changed or 0) > self.ended
        return verdict._replace(unrecorded=False) if later else verdict

    # ---- digests

    def _wishes(self) -> Iterator[Wish]:
        for number, sheet in enumerate(self.sheets):
            made = sheet.draft is not None and sheet.draft.made_by is not None
            certain = sheet.verdict.proof in (Proof.PROVED, Proof.ASSUMED)
            there = sheet.fact.kind == "file" and sheet.fact.inode is not None
            if certain and there and (made or sheet.read):
                path = self.names.paths[sheet.name]
                opened = sheet.draft is None or sheet.draft.opened
                yield Wish(number, path, sheet.fact, self.files.volume(path)[0].name, made, opened)

    def _told(self, told: ToldDigests, granted: dict[int, str], sizes: dict[int, int]) -> None:
        if not told:
            return
        for number, sheet in enumerate(self.sheets):
            if number in granted or sheet.draft is None or sheet.draft.kind != "file":
                continue
            made = [draft for draft in self.states[sheet.name].drafts if draft.kind == "file"]
            found = told.find(self.names.paths[sheet.name], sheet.fact, alone=len(made) == 1)
            if found is not None:
                granted[number] = found[0]
                if found[1] is not None:
                    sizes[number] = found[1]

    def _share(self, granted: dict[int, str]) -> None:
        """Renames and links: the same bytes have the same digest."""
        families: dict[int, list[int]] = {}
        for state in self.states.values():
            for draft in state.drafts:
                root = draft
                while root.content is not None:
                    root = root.content
                families.setdefault(root.number, []).append(draft.number)
        for family in families.values():
            digest = next((granted[number] for number in family if number in granted), None)
            if digest is not None and len(family) > 1:
                for number in family:
                    granted.setdefault(number, digest)

    # ---- versions

    def _version(
        self, number: int, sheet: Sheet, digest: str | None, size: int | None, exec_of: Sequence[int]
    ) -> FileVersion:
        draft, fact, path = sheet.draft, sheet.fact, self.names.paths[sheet.name]
        volume, inside = self.files.volume(path)
        if draft is None:
            if sheet.verdict.proof is Proof.CHANGED:  # what is there now is not what was read
                fact = _changed(fact)
            if fact.kind == "missing" and self.found[sheet.name] != NEVER_THERE:
                fact = Fact("file")  # it was there when it was looked at
            return FileVersion(
                number, path, 0, fact.kind, digest, fact.size, fact.modified, fact.changed, fact.device,
                fact.inode, volume.name, inside, None, None, None, None, sheet.verdict.proof,
            )  # fmt: skip
        return FileVersion(
            number, path, draft.ordinal, draft.kind, digest, fact.size if fact.size is not None else size,
            fact.modified, fact.changed, fact.device, fact.inode, volume.name, inside,
            exec_of[draft.made_by] if draft.made_by is not None else None, draft.made_at,
            exec_of[draft.removed_by] if draft.removed_by is not None else None, draft.removed_at,
            sheet.verdict.proof,
        )  # fmt: skip


def _changed(now: Fact) -> Fact:
    """What still holds of a file that was changed since: which file it is, not what was in it."""
    return Fact(now.kind, None, None, None, now.device, now.inode)
