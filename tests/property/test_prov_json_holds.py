"""Whatever a run did, its PROV-JSON can be read, says each thing once, and its times are in order."""

from __future__ import annotations

import json

import prov.model
from hypothesis import given
from hypothesis import strategies as st

from graphs import SECOND, Building
from probe_core.model import Act, RunGraph
from prov_documents import export, statements, time_faults

PATHS = (b"/w/a", b"/w/b \xff\n", b"/w/c/d", b"/usr/lib/x.so")
DEEDS = ("read", "write", "hold", "remove", "rename", "link", "look", "fail", "fold")
paths = st.sampled_from(PATHS)
deeds = st.lists(
    st.tuples(st.sampled_from(DEEDS), st.integers(0, 5), paths, paths, st.booleans()),
    max_size=25,
)


class Life:
    """A run in which execs do things to files; it knows what the history would know of makers and inodes."""

    def __init__(self, run: Building) -> None:
        self.run = run
        self.makers: dict[int, int | None] = {}
        self.inodes: dict[int, int] = {}
        self.gone: set[int] = set()

    def found(self, path: bytes) -> int:
        """Give the newest version of a path."""
        number = self.run.found(path, digest=path.hex(), inode=500 + PATHS.index(path))
        self.inodes.setdefault(number, 500 + PATHS.index(path))
        return number

    def do(self, deed: str, by: int, path: bytes, other: bytes, same: bool) -> None:
        """Let an exec do one thing; ``same``: with the content that another path has."""
        number = self.found(path)
        match deed:
            case "read":
                self.run.access(by, number, Act.READ)
            case "write":
                made = self.run.write(by, path, digest="same" if same else str(self.run.now), inode=9)
                self.makers[made], self.inodes[made] = by, 9
            case "hold":
                self.run.access(by, number, Act.INHERITED_WRITE)
            case "remove" if number not in self.gone:
                self.gone.add(self.run.remove(by, path))
            case "rename" | "link" if path != other:
                self.run.access(by, number, Act.RENAME_FROM if deed == "rename" else Act.LOOKUP)
                self.run.now -= SECOND  # both names change hands at once
                inode, maker = self.inodes[number], self.makers.get(number)
                maker = by if maker is None else maker
                new = self.run.write(by, other, digest="same", inode=inode, made_by=maker)
                self.makers[new], self.inodes[new] = maker, inode
            case "look":
                self.run.access(by, number, Act.LOOKUP)
            case "fail":
                self.run.access(by, number, Act.READ, error=13)
            case "fold":
                self.run.now -= 3 * SECOND  # the first of the reads that were folded into this one
                self.run.access(by, number, Act.READ)
                self.run.now += 3 * SECOND


@st.composite
def runs(draw: st.DrawFn) -> RunGraph:
    """Runs of six execs in some steps and processes that do anything to four files; a clock may be off."""
    run = Building("any", engine="toy", outer_run=draw(st.none() | st.uuids().map(str)))
    steps: list[int | None] = [None]
    for number in range(draw(st.integers(0, 3))):
        steps.append(run.step(f"rule {number % 2}", inputs=PATHS[:1], parent=draw(st.sampled_from(steps))))
    some = draw(st.lists(st.sampled_from(steps), min_size=3, max_size=3))
    places = [(run.process(step=step), step) for step in some]
    execs = [run.exec(process=process, step=step) for process, step in places * 2]
    life = Life(run)
    for deed, by, path, other, same in draw(deeds):
        life.do(deed, execs[by], path, other, same)
    run.pipe(execs[:1], execs[1:3])
    return run.graph(ended=draw(st.none() | st.just(run.now - 3 * SECOND)))


@given(runs(), st.sampled_from(["step", "process", "exec"]), st.booleans())
def test_prov_json_holds(graph: RunGraph, level: str, everything: bool) -> None:
    text = export(graph, level=level, all=everything, derivations=True).decode("ascii")
    document = json.loads(text)
    assert list(time_faults(document)) == []
    read = prov.model.ProvDocument.deserialize(content=text, format="json")
    said = sum(len(some) for kind, some in document.items() if kind != "prefix")
    assert len(read.unified().records) == said
    made = [one["prov:entity"] for one in statements(document, "wasGeneratedBy")]
    assert len(made) == len(set(made))
    told = set(document["entity"]) | set(document["activity"]) | set(document["agent"])
    for kind in set(document) - {"prefix", "entity", "activity", "agent"}:
        for one in statements(document, kind):
            ends = {name: end for name, end in one.items() if isinstance(end, str) and name != "prov:time"}
            assert set(ends.values()) <= told, (kind, ends)
