"""The compiled reader under libFuzzer with AddressSanitizer and UBSan: what holds stands in reader/judge.c.

A few seconds from the corpus in `make test`, ten million executions in `make prove`. The judge is judged too:
readers with a fault put into them must be found out.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from conftest import absent
from evidence import FOLDER, PROVE, write_evidence
from fuzz.corpus import CORPUS, MOST, unpack

ROOT = Path(__file__).parents[2]
CAPTURE = ROOT / "probe_core" / "capture"
JUDGE = Path(__file__).parent / "reader"
RUNS = 10_000_000
SLICE = os.environ.get("PROBE_FUZZ_SECONDS", "")
LONGEST = 4100  # bytes of an input
CHECKED = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined",
           "-fno-sanitize-coverage=trace-cmp", "-DREADER_FIRST=128",
           *(f"-D{name}=scarce_{name}" for name in ("malloc", "calloc", "realloc"))]  # fmt: skip
WRONG = {
    "a frame that was not committed is read": ("reader-walk.c", "if (head.size < 0 && whole)", "if (whole)"),
    "what lies behind the used part is read": (
        "reader-walk.c", "limit = head->used < block->size ? head->used : block->size", "limit = block->size",
    ),
    "a count of texts is believed": (
        "reader-rows.c", "i < count && !reading->bad; i++", "i < count && !reading->bad && i < 1; i++",
    ),
    "a bad text is passed over in silence": (
        "reader-rows.c", "reading.failed |= tell(&reading, READER_BAD_TEXT);", ";",
    ),
    "a fold counted further is not shown again": (
        "reader-columns.c", "shown->digest == digest)", "1)",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory, needs) -> Path:
    """The judge, compiled; it is neither instrumented nor checked, for speed."""
    clang = needs("clang")
    asked = subprocess.run([clang, "-print-runtime-dir"], capture_output=True, text=True, check=True)
    if not list(Path(asked.stdout.strip()).glob("libclang_rt.fuzzer*")):
        absent("libFuzzer is not installed: sudo apt-get install libclang-rt-dev")
    folder = tmp_path_factory.mktemp("fuzz")
    for part in ("truth", "judge", "target", "mutate"):
        compiled(JUDGE / f"{part}.c", folder / f"{part}.o", "-c", "-Wall", "-Wextra", "-Werror")
    return folder


def compiled(source: Path, out: Path, *more: str | Path) -> None:
    includes = [f"-I{ROOT / 'libprobe'}", f"-I{CAPTURE}"]
    subprocess.run(["clang", "-g", "-O2", "-std=gnu11", *includes, *more, source, "-o", out], check=True)


def target(objects: Path, sources: Path) -> Path:
    """The fuzz target for the reader whose sources lie there."""
    made = objects / f"target-{sources.name}"
    first, *others = sorted(sources.glob("reader*.c"))
    compiled(first, made, *CHECKED, *others, *sorted(objects.glob("*.o")))
    return made


def run(made: Path, folder: Path, *options: str, timeout: float) -> subprocess.CompletedProcess[str]:
    corpus = folder / "corpus"
    corpus.mkdir()
    unpack(corpus)
    # Linux hands the most memory ever had on by exec, which the limit counts: a shell's is little.
    small = ["sh", "-c", '"$@"; exit', "sh"]
    sanitizer = "quarantine_size_mb=1:malloc_context_size=4"  # inputs are small, and so is what is freed
    return subprocess.run(
        [*small, made, *options, f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=1024",
         "-print_final_stats=1", f"-artifact_prefix={folder}/found-", corpus],
        capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        env={**os.environ, "ASAN_OPTIONS": sanitizer},
    )  # fmt: skip


def test_the_corpus_is_small() -> None:
    assert CORPUS.stat().st_size <= MOST


def test_the_reader_holds(objects: Path, tmp_path: Path) -> None:
    if PROVE and not SLICE:
        done = run(target(objects, CAPTURE), tmp_path, f"-runs={RUNS}", timeout=7200)
    else:
        seconds = int(SLICE) if PROVE else 5
        done = run(target(objects, CAPTURE), tmp_path, f"-max_total_time={seconds}", timeout=seconds + 120)
    found = [base64.b64encode(path.read_bytes()).decode() for path in tmp_path.glob("found-*")]
    assert done.returncode == 0, f"{done.stderr[-4000:]}\ninput, as base64: {found}"
    executions = int(re.findall(r"stat::number_of_executed_units: *(\d+)", done.stderr)[0])
    assert executions >= (RUNS if PROVE and not SLICE else 2000)
    _tell(done.stderr, executions)


def _tell(said: str, executions: int) -> None:
    """Add a row to the evidence: a run may be made in slices, and a changed reader begins anew."""
    (points,) = re.findall(r"\((\d+) PCs\)", said)
    reached, features, inputs = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", said)[-1]
    (seconds,) = re.findall(r"Done \d+ runs in (\d+) second", said)
    sources = b"".join(path.read_bytes() for path in sorted(CAPTURE.glob("reader*.[ch]")))
    reader = hashlib.sha256(sources).hexdigest()[:8]
    old = FOLDER / "fuzz.md"
    before = old.read_text().splitlines() if old.exists() else []
    rows = [line for line in before if f" | {reader} | " in line]
    rows.append(
        f"| {time.strftime('%Y-%m-%d %H:%M')} | {reader} | {executions:,} | {seconds}"
        f" | {inputs} | {features} | {reached} of {points} |"
    )
    total = sum(int(row.split("|")[3].replace(",", "")) for row in rows)
    text = f"""
The compiled reader (`probe_core/capture/reader*.c`) under libFuzzer with AddressSanitizer and UBSan, from the
corpus in `tests/fuzz/corpus.zip` by mutations that know the format. No crash, no hang (limit 10 s an input),
no row without its committed frame, no committed frame lost in silence (`tests/fuzz/reader/judge.c`).
`PROBE_FUZZ_SECONDS=600` makes a slice of it; each run adds a row. Executions in all: {total:,}.

| when | reader (SHA-256) | executions | seconds | inputs kept | features | points reached |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""
    write_evidence("fuzz", "The reader under coverage-guided fuzzing", f"make prove T={_HERE}", text)


_HERE = "tests/fuzz/test_coverage.py"


@pytest.mark.parametrize("fault", WRONG if PROVE else list(WRONG)[:1])
def test_a_wrong_reader_is_found_out(fault: str, objects: Path, tmp_path: Path) -> None:
    """The same run over a reader with one fault in it does not pass."""
    name, right, wrong = WRONG[fault]
    sources = tmp_path / re.sub(r"\W", "-", fault)
    sources.mkdir()
    for path in CAPTURE.glob("reader*.[ch]"):
        shutil.copy(path, sources)
    text = (sources / name).read_text()
    assert text.count(right) == 1
    (sources / name).write_text(text.replace(right, wrong))
    done = run(target(objects, sources), tmp_path, "-max_total_time=60", timeout=120)
    assert "does not hold" in done.stderr
    assert done.returncode != 0
