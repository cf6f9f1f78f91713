"""`probe check` on a Nextflow pipeline: undeclared reads, what a pattern caught, containers not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from nextflows import plugin_is_built
from probe_core.ask.check import check
from workflows import record, write

PIPELINE = """process COUNT {
    CONTAINER
    input: path words
    output: path 'PATTERN'
    script:
    '''
    sort words.txt > sorted.txt
    uniq -c sorted.txt > counted.txt
    '''
}
process TAKE {
    input: path files
    output: path 'out.tsv'
    script:
    '''
    grep -v -f CODES counted.txt > out.tsv
    '''
}
workflow {
    COUNT(file('words.txt')) | TAKE
}
"""
RIGHT = {"CONTAINER": "", "PATTERN": "counted.txt", "-f CODES": "nothing"}
Found = set[tuple[str, str, str]]


@pytest.fixture
def found(nextflow: Path, home: Path, tmp_path: Path):
    """Give what runs the pipeline with some of its words changed, and tells the findings."""
    plugin_is_built()

    def ask(**changes: str) -> Found:
        text = PIPELINE
        for word, instead in {**RIGHT, **{k.replace("_", " "): v for k, v in changes.items()}}.items():
            text = text.replace(word, instead)
        place = write(tmp_path / "w", {"main.nf": text, "words.txt": "a\nb\na\n", "codes": "zz\n"})
        around = {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow)}
        workflow, done = record(["nextflow", "run", "main.nf"], place, **around)
        assert done.returncode == 0, done.stdout
        findings = check(workflow.graph)
        assert all(one.remedy and one.evidence for one in findings)
        return {
            (
                one.lint,
                workflow.graph.steps[one.step or 0].rule,
                Path(str(one.path and one.path.decode())).name,
            )
            for one in findings
        }

    return ask


def test_a_right_pipeline_has_no_findings(found) -> None:
    assert found() == set()


def test_each_fault_is_named_and_nothing_else(found, tmp_path: Path) -> None:
    codes = tmp_path / "w" / "codes"
    assert found(
        **{
            "PATTERN": "*.txt",
            "-f CODES": f"-f {codes}",
            "CONTAINER": "container 'quay.io/biocontainers/coreutils:9'",
        }
    ) == {
        ("undeclared-input", "TAKE", "codes"),
        ("caught-by-pattern", "COUNT", "sorted.txt"),
        ("outside-environment", "COUNT", "None"),
    }
