"""PROV-JSON, held against what others wrote: the W3C note's schema, the prov package, ProvToolbox."""

from __future__ import annotations

import copy
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import prov.model
import pytest

from prov_documents import GRAPHS, Document, export, parsed, statements, time_faults

LEVELS = ("step", "process", "exec")
CASES = [(name, level) for name in GRAPHS for level in LEVELS]
ROOT = Path(__file__).parents[2]
TOOLBOX = ROOT / "tests" / "conformance" / "provtoolbox"
JARS = ROOT / ".cache" / "provtoolbox-2.2.1"

Verdicts = dict[str, tuple[Counter[str], set[str]]]

# ProvToolbox's names of statements.
KINDS = {
    "entity": "PROV_ENTITY",
    "activity": "PROV_ACTIVITY",
    "agent": "PROV_AGENT",
    "used": "PROV_USAGE",
    "wasGeneratedBy": "PROV_GENERATION",
    "wasInvalidatedBy": "PROV_INVALIDATION",
    "wasStartedBy": "PROV_START",
    "wasInformedBy": "PROV_COMMUNICATION",
    "wasDerivedFrom": "PROV_DERIVATION",
    "specializationOf": "PROV_SPECIALIZATION",
    "wasInfluencedBy": "PROV_INFLUENCE",
    "wasAssociatedWith": "PROV_ASSOCIATION",
    "actedOnBehalfOf": "PROV_DELEGATION",
    "wasAttributedTo": "PROV_ATTRIBUTION",
}


def document(name: str, level: str) -> Document:
    """Give a document with all there is to tell, guesses too."""
    return parsed(GRAPHS[name](), level=level, derivations=True, all=True)


def counted(one: Document) -> Counter[str]:
    """Count a document's statements by kind."""
    return Counter({kind: len(some) for kind, some in one.items() if kind != "prefix"})


def spoiled(name: str, change: Callable[[Document], object]) -> Document:
    """Give a good document with one thing made wrong."""
    one = copy.deepcopy(document(name, "process"))
    change(one)
    return one


# What is wrong with each of these must be noticed.


def use_as_activity(one: Document) -> None:
    entity = statements(one, "used")[0]["prov:entity"]
    one["used"]["_:wrong"] = {"prov:activity": entity, "prov:entity": entity}


def derive_in_a_circle(one: Document) -> None:
    made = [some["prov:entity"] for some in statements(one, "wasGeneratedBy")]
    for number, (new, old) in enumerate([(made[0], made[1]), (made[1], made[0])]):
        one["wasDerivedFrom"][f"_:wrong{number}"] = {"prov:generatedEntity": new, "prov:usedEntity": old}


def make_twice_at_once(one: Document) -> None:
    first = statements(one, "wasGeneratedBy")[0]
    one["wasGeneratedBy"]["_:wrong"] = {**first, "prov:time": "1999-01-01T00:00:00Z"}


def end_before_start(one: Document) -> None:
    one["activity"]["run:process-0"]["prov:endTime"] = "1999-01-01T00:00:00.000000000Z"


def use_before_it_was_made(one: Document) -> None:
    made = {some["prov:entity"] for some in statements(one, "wasGeneratedBy")}
    used = next(some for some in statements(one, "used") if some["prov:entity"] in made)
    used["prov:time"] = "1999-01-01T00:00:00.000000000Z"


# The schema.


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft4Validator:
    """Give the schema of the W3C note, as the prov package brings it."""
    text = (files("prov.tests") / "schemas" / "prov-json.schema.json").read_text("utf-8")
    return jsonschema.Draft4Validator(json.loads(text))


@pytest.mark.parametrize(("name", "level"), CASES)
def test_fits_the_schema(schema: jsonschema.Draft4Validator, name: str, level: str) -> None:
    assert [error.message for error in schema.iter_errors(document(name, level))] == []


def test_the_schema_can_refuse(schema: jsonschema.Draft4Validator) -> None:
    assert list(schema.iter_errors(spoiled("tiny", lambda one: one["used"].update(wrong={"prov:time": "x"}))))
    assert list(schema.iter_errors(spoiled("tiny", lambda one: one.update(unknown={}))))


# The prov package.


@pytest.mark.parametrize(("name", "level"), CASES)
def test_prov_reads_and_unifies_it(name: str, level: str) -> None:
    text = export(GRAPHS[name](), level=level, derivations=True, all=True).decode()
    read = prov.model.ProvDocument.deserialize(content=text, format="json")
    assert len(read.records) == counted(json.loads(text)).total()
    assert len(read.unified().records) == len(read.records)
    assert prov.model.ProvDocument.deserialize(content=read.serialize(format="json"), format="json") == read


def test_prov_reads_the_values() -> None:
    read = prov.model.ProvDocument.deserialize(content=export(GRAPHS["tiny"]()).decode(), format="json")
    entities = [one for one in read.records if isinstance(one, prov.model.ProvEntity)]
    found = {
        str(value): {str(name): held for name, held in one.attributes}
        for one in entities
        for value in one.get_attribute("prov:location")
    }
    assert {"/w/in", "/w/out"} == {one["probe:path"] for one in found.values()}
    made = next(one for one in found.values() if one["probe:path"] == "/w/out")
    assert int(str(made["probe:size"].value)) == 10
    assert made["probe:digest"].startswith("sha256:")


def test_prov_can_refuse() -> None:
    def start_twice(one: Document) -> None:
        run = one["activity"]["run:run"]
        one["activity"]["run:run"] = [run, {**run, "prov:startTime": "1999-01-01T00:00:00Z"}]

    text = json.dumps(spoiled("tiny", start_twice))
    read = prov.model.ProvDocument.deserialize(content=text, format="json")
    with pytest.raises(prov.model.ProvException):
        read.unified()


# ProvToolbox.


@pytest.fixture(scope="module")
def verdicts(needs: Any, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    """Let ProvToolbox read all documents, good and spoiled: statements by kind, and violations."""
    java, folder = needs("java", package="default-jdk-headless"), tmp_path_factory.mktemp("documents")
    if not any(JARS.glob("prov-validation-*.jar")):
        maven = needs("mvn", package="maven", why="it fetches ProvToolbox")
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
        subprocess.run([maven, "-B", "-q", "-f", str(TOOLBOX / "pom.xml"), *goal], check=True, timeout=300)
    documents = {f"{name}-{level}": document(name, level) for name, level in CASES}
    for fault in (use_as_activity, derive_in_a_circle, make_twice_at_once):
        documents[fault.__name__] = spoiled("bigger", fault)
    paths = [folder / f"{name}.json" for name in documents]
    for path, one in zip(paths, documents.values(), strict=True):
        path.write_text(json.dumps(one))
    command = [java, "-XX:+UseSerialGC", "-cp", f"{JARS}/*", str(TOOLBOX / "Judge.java"), *map(str, paths)]
    done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        name, kinds, violations = line.split("\t")
        counts = Counter({kind: int(number) for kind, number in (pair.split("=") for pair in kinds.split())})
        found[Path(name).stem] = counts, set(violations.split())
    return found


@pytest.mark.parametrize(("name", "level"), CASES)
def test_provtoolbox_reads_it_and_finds_no_fault(
    verdicts: Verdicts, name: str, level: str
) -> None:
    kinds, violations = verdicts[f"{name}-{level}"]
    assert kinds == Counter({KINDS[kind]: size for kind, size in counted(document(name, level)).items()})
    assert violations == set()


@pytest.mark.parametrize(
    ("fault", "violation"),
    [
        (use_as_activity, "typeOverlap"),
        (derive_in_a_circle, "cycle"),
        (make_twice_at_once, "failedMerge"),
    ],
)
def test_provtoolbox_can_refuse(
    verdicts: Verdicts, fault: Callable[[Document], None], violation: str
) -> None:
    assert violation in {one.split("=")[0] for one in verdicts[fault.__name__][1]}


# Times.


@pytest.mark.parametrize(("name", "level"), CASES)
def test_times_are_in_order(name: str, level: str) -> None:
    assert list(time_faults(document(name, level))) == []


@pytest.mark.parametrize("fault", [end_before_start, use_before_it_was_made])
def test_times_out_of_order_are_seen(fault: Callable[[Document], None]) -> None:
    assert list(time_faults(spoiled("bigger", fault)))
