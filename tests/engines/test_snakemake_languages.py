"""Snakemake's scripts in Rust and R Markdown, by their real tools: as with the local executor, and seen."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conftest import Needs
from snakemakes import ROOT, by_both
from workflows import SCRIPTS, newest

pytest.importorskip("snakemake")
TOOLS = ROOT / ".cache" / "rust"

RUST = {
    "Snakefile": """rule all:
    input: "rust.txt"
rule rust:
    input: "in.txt"
    output: "rust.txt"
    params: word="colophon"
    script: "scripts/copy.rs"
""",
    "scripts/copy.rs": """use std::fs;

fn main() -> std::io::Result<()> {
    let hidden = fs::read_to_string("hidden.txt")?;
    let text = fs::read_to_string(&snakemake.input[0])?;
    fs::write(&snakemake.output[0], format!("{}{}{}", text, hidden, snakemake.params.word))
}
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}

MARKDOWN = {
    "Snakefile": """rule all:
    input: "page.html"
rule page:
    input: "in.txt"
    output: "page.html"
    script: "page.Rmd"
""",
    "page.Rmd": """---
title: "Colophon"
output:
  html_document:
    self_contained: false
    theme: null
---

```{r}
readLines(snakemake@input[[1]])
readLines("hidden.txt")
```
""",
    "in.txt": "in\n",
    "hidden.txt": "hidden\n",
}


def only_where_proved() -> None:
    if not os.environ.get("PROBE_PROVE"):
        pytest.skip("compiles for minutes, or needs large packages: `make prove`")


def rust_script(needs: Needs) -> Path:
    """Give the folder of rust-script, which is compiled once."""
    cargo = needs("cargo")
    if not (TOOLS / "bin" / "rust-script").exists():
        subprocess.run([cargo, "install", "--quiet", "--root", TOOLS, "rust-script"], check=True)
    return TOOLS / "bin"


@pytest.mark.slow
def test_a_script_in_rust(tmp_path: Path, needs: Needs) -> None:
    only_where_proved()
    path = f"{rust_script(needs)}:{SCRIPTS}:{os.environ['PATH']}"
    pair = by_both(tmp_path, RUST, "--cores", "1", PATH=path)
    assert pair.local.done.returncode == 0, pair.local.done.stderr
    pair.assert_alike(log=False)  # what the compiler takes is told in seconds
    assert (pair.probe.directory / "rust.txt").read_text() == "in\nhidden\ncolophon"
    workflow = newest("snakemake")
    assert workflow.reads("rust") >= {"in.txt", "hidden.txt"}
    assert workflow.writes("rust") >= {"rust.txt"}
    assert workflow.programs("rust") >= {"rust-script", "cargo"}
    declaration = workflow.step("rust").declaration
    assert declaration is not None
    assert declaration.facts["script"]["path"] == str(pair.probe.directory / "scripts" / "copy.rs")


@pytest.mark.slow
def test_a_page_in_r_markdown(tmp_path: Path, needs: Needs) -> None:
    only_where_proved()
    needs("/usr/lib/R/site-library/rmarkdown/DESCRIPTION", package="r-cran-rmarkdown")
    needs("pandoc")
    pair = by_both(tmp_path, MARKDOWN, "--cores", "1")
    assert pair.local.done.returncode == 0, pair.local.done.stderr
    pair.assert_alike(log=False)
    workflow = newest("snakemake")
    assert workflow.reads("page") >= {"in.txt", "hidden.txt"}
    assert "page.html" in workflow.writes("page")
    assert workflow.programs("page") >= {"R", "pandoc"}
    declaration = workflow.step("page").declaration
    assert declaration is not None
    assert declaration.facts["script"]["path"] == str(pair.probe.directory / "page.Rmd")
