"""What PROV-JSON says of a run, statement by statement."""

from __future__ import annotations

import io
import re
import tracemalloc
from urllib.parse import unquote_to_bytes

import pytest

from graphs import BEGIN, SECOND, Building
from probe_core.formats.prov_json import write
from probe_core.formats.vocabulary import file_url, readable, spell_time
from probe_core.model import Act
from prov_documents import export, parsed, rewritten, statements, tiny


def value(statement: dict, name: str):
    """Give an attribute's only value, bare."""
    (only,) = statement[name]
    return only["$"] if isinstance(only, dict) else only


def version(document: dict, path: str, ordinal: int = 0) -> str:
    """Give the identifier of a file version."""
    found = [
        name
        for name, one in document["entity"].items()
        if one.get("probe:path") == [path] and value(one, "probe:ordinal") == str(ordinal)
    ]
    assert len(found) == 1
    return found[0]


def test_a_file_version_has_place_digest_size_and_times() -> None:
    document = parsed(tiny())
    one = document["entity"][version(document, "/w/out", 1)]
    assert value(one, "prov:location") == "file:///w/out"
    assert re.fullmatch("sha256:[0-9a-f]{64}", value(one, "probe:digest"))
    assert value(one, "probe:size") == "10"
    assert value(one, "probe:modified") == "2023-11-14T22:13:24.000000000Z"
    assert value(one, "probe:kind") == "file"


def test_uses_and_generations_have_times_and_lead_to_their_step() -> None:
    document = parsed(rewritten())
    used = next(
        one for one in statements(document, "used") if one["prov:entity"] == version(document, "/w/raw.csv")
    )
    assert used["prov:time"].startswith("2023-11-14T22:13:")
    assert value(used, "probe:declared") == "true"
    assert value(used, "probe:count") == "3"
    process = document["activity"][used["prov:activity"]]
    assert value(process, "probe:partOf") == "run:step-0"
    assert value(document["activity"]["run:step-0"], "probe:partOf") == "run:run"
    assert value(document["activity"]["run:step-0"], "probe:rule") == "clean"


@pytest.mark.parametrize(("level", "activity"), [("step", "step"), ("process", "process"), ("exec", "exec")])
def test_the_level_tells_who_reads_and_writes(level: str, activity: str) -> None:
    document = parsed(rewritten(), level=level)
    made = {one["prov:activity"] for one in statements(document, "wasGeneratedBy")}
    assert made
    assert all(name.startswith(f"run:{activity}-") for name in made)
    assert any(name.startswith("run:process-") for name in document["activity"]) == (level != "step")


def test_a_version_is_made_once_and_further_writers_influence_it() -> None:
    document = parsed(rewritten())
    made = [one["prov:entity"] for one in statements(document, "wasGeneratedBy")]
    assert len(made) == len(set(made))
    temporary = version(document, "/w/clean.csv.tmp", 1)
    assert [one["prov:influencee"] for one in statements(document, "wasInfluencedBy")] == [temporary]


def test_a_rename_is_a_derivation_and_a_removal_an_invalidation() -> None:
    document = parsed(rewritten())
    (derived,) = statements(document, "wasDerivedFrom")
    assert derived["prov:usedEntity"] == version(document, "/w/clean.csv.tmp", 1)
    assert derived["prov:generatedEntity"] == version(document, "/w/clean.csv", 1)
    gone = {one["prov:entity"] for one in statements(document, "wasInvalidatedBy")}
    assert version(document, "/w/raw.csv") in gone


def test_a_version_with_a_new_name_was_made_by_who_named_it() -> None:
    run = Building("moved")
    one, two, three = run.exec(b"/bin/cp"), run.exec(b"/bin/mv"), run.exec(b"/bin/ln")
    half = run.write(one, b"/w/half", inode=5)
    for by, act, path in ((two, Act.RENAME_FROM, b"/w/whole"), (three, Act.LOOKUP, b"/w/linked")):
        run.access(by, half, act)
        run.now -= SECOND
        run.write(by, path, inode=5, made_by=one)  # as the history has it: the content's maker
    document = parsed(run.graph())
    made = {one["prov:entity"]: one["prov:activity"] for one in statements(document, "wasGeneratedBy")}
    assert made[version(document, "/w/half", 1)] == "run:process-0"
    assert made[version(document, "/w/whole", 1)] == "run:process-1"
    assert made[version(document, "/w/linked", 1)] == "run:process-2"
    how = {value(one, "prov:type") for one in statements(document, "wasDerivedFrom")}
    assert how == {"probe:Rename", "probe:Link"}


def test_guessed_derivations_are_marked_and_only_on_request() -> None:
    guessed = statements(parsed(rewritten(), derivations=True), "wasDerivedFrom")
    assert {value(one, "prov:type") for one in guessed} == {"probe:Rename", "probe:Guess"}


def test_the_same_content_twice_is_two_versions_of_one_content() -> None:
    document = parsed(rewritten())
    first, third = (version(document, "/w/clean.csv", ordinal) for ordinal in (1, 3))
    contents = {
        one["prov:specificEntity"]: one["prov:generalEntity"]
        for one in statements(document, "specializationOf")
    }
    assert first != third
    assert contents[first] == contents[third]


def test_what_was_found_has_the_same_identifier_in_every_run() -> None:
    documents = []
    for name in ("monday", "tuesday"):
        run = Building(name, begin=BEGIN + len(name))
        one = run.exec()
        run.read(one, b"/w/in", digest="same")
        run.write(one, b"/w/out", digest="same too")
        documents.append(parsed(run.graph()))
    assert version(documents[0], "/w/in") == version(documents[1], "/w/in")
    assert version(documents[0], "/w/out", 1) != version(documents[1], "/w/out", 1)
    assert documents[0]["prefix"]["run"] != documents[1]["prefix"]["run"]


def test_exporting_again_changes_nothing() -> None:
    assert export(rewritten()) == export(rewritten())


def test_agents_and_plans() -> None:
    document = parsed(rewritten())
    types = {value(one, "prov:type") for one in document["agent"].values()}
    assert types == {"prov:Person", "prov:SoftwareAgent"}
    step = next(
        one for one in statements(document, "wasAssociatedWith") if one["prov:activity"] == "run:step-0"
    )
    assert step["prov:agent"] == "agent:toy"
    plan = document["entity"][step["prov:plan"]]
    assert {"$": "prov:Plan", "type": "prov:QUALIFIED_NAME"} in plan["prov:type"]


def test_gaps_and_environments() -> None:
    document = parsed(rewritten())
    gap = document["entity"]["run:gap-0"]
    assert value(gap, "probe:reason") == "static"
    assert value(gap, "probe:about") == "/opt/go\\x0a"
    assert value(gap, "probe:partOf").startswith("run:process-")
    environment = document["entity"]["run:environment-0"]
    assert environment["probe:variable"] == ["HOME#0000000000000007", "LANG=C.UTF-8"]


def test_the_outer_run_is_named() -> None:
    document = parsed(rewritten())
    assert document["prefix"]["outer"] == "urn:uuid:11111111-2222-3333-4444-555555555555#"
    assert value(document["activity"]["run:run"], "probe:partOf") == "outer:run"


def test_looking_is_told_only_on_request() -> None:
    roles = {value(one, "prov:role") for one in statements(parsed(rewritten()), "used")}
    assert roles == {"read", "program", "rename", "environment"}
    roles = {value(one, "prov:role") for one in statements(parsed(rewritten(), all=True), "used")}
    assert roles == {"read", "program", "rename", "environment", "missing", "list"}


def test_failed_opens_are_no_uses() -> None:
    run = Building("failed")
    one = run.exec()
    run.access(one, run.found(b"/w/secret"), Act.READ, error=13)
    run.write(one, b"/w/out")
    assert "used" not in parsed(run.graph())


def test_a_run_of_nothing() -> None:
    document = parsed(Building("nothing").graph())
    assert list(document["activity"]) == ["run:run"]


def test_what_is_not_known_is_left_out() -> None:
    run = Building("going on")
    one = run.exec()
    run.read(one, b"/w/in", digest=None, size=None, modified=None, changed=None)
    document = parsed(run.graph(ended=None, status=None, started=None))
    assert set(document["activity"]["run:run"]) & {"prov:startTime", "prov:endTime", "probe:status"} == set()
    assert not {"probe:digest", "probe:size"} & set(document["entity"][version(document, "/w/in")])


@pytest.mark.parametrize("path", [b"/w/a b%20?#c", b"/\xff\xfe\n", "/ü/日本".encode(), b"/w/a;b=c,d@e:f"])
def test_a_file_url_keeps_every_byte(path: bytes) -> None:
    url = file_url(path)
    assert url.isascii()
    assert not set(url) & set(" \n?#")
    assert unquote_to_bytes(url.removeprefix("file://")) == path


def test_text_is_readable() -> None:
    assert readable(b"a\xff\n\x1b\xc2\x85 \\ \xc3\xbc") == "a\\xff\\x0a\\x1b\\x85 \\ ü"
    assert readable("\udcff\u2028") == "\\xff\\u2028"
    assert readable(readable(b"\xff\n")) == readable(b"\xff\n")


def test_times_are_exact() -> None:
    assert spell_time(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert spell_time(-1) == "1969-12-31T23:59:59.999999999Z"
    assert spell_time(2**62 * 2) is None or spell_time(2**62 * 2).startswith("2262")  # type: ignore[union-attr]
    assert spell_time(10**30) is None


def test_no_document_is_built_in_memory() -> None:
    run = Building("large")
    execs = [run.exec() for _ in range(20)]
    for number in range(20_000):
        run.read(execs[number % 20], b"/w/%d" % (number // 4))
    graph = run.graph()

    class Counting(io.RawIOBase):
        size = 0

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.size += len(piece)
            return len(piece)

    out = Counting()
    tracemalloc.start()
    write(graph, out, {})  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.size > 6_000_000
    assert peak < out.size
