"""Programs of languages that link statically, watched: goroutines, threads and what they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from probe_core.capture.spool import Spool
from probe_core.model import Act
from probe_core.stitch import stitch
from recording import READS
from watching import ATTEMPTED, watch

GO = """package main
import ("bytes"; "fmt"; "os"; "os/exec"; "sync")
func main() {
    text, _ := os.ReadFile("input")
    os.MkdirAll("a/b", 0755)
    os.WriteFile("a/b/x", text, 0644)
    os.Rename("a/b/x", "a/b/y")
    os.Stat("none")
    var all sync.WaitGroup
    var lock sync.Mutex
    right := 0
    for i := 0; i < 8; i++ {
        all.Add(1)
        go func() {
            defer all.Done()
            for j := 0; j < 3; j++ {
                out, err := exec.Command("/bin/cat", "input").Output()
                lock.Lock()
                if err == nil && bytes.Equal(out, text) { right++ }
                lock.Unlock()
            }
        }()
    }
    all.Wait()
    fmt.Println(right)
}
"""


def test_go(tmp_path: Path, needs) -> None:
    needs("go", package="golang-go")
    (tmp_path / "main.go").write_text(GO)
    made = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", "prog", "main.go"], cwd=tmp_path, env=made, check=True)
    place = tmp_path / "place"
    place.mkdir()
    seen = watch(place, tmp_path / "prog")
    assert seen.result.stdout == "24\n"
    own = [frame for frame in seen.frames if frame.detail & ATTEMPTED]
    assert {frame.path for frame in own if frame.kind == "WRITE"} == {str(place / "a/b/x")}
    renames = [frame.texts[:2] for frame in own if frame.kind == "RENAME"]
    assert renames == [[str(place / "a/b/x"), str(place / "a/b/y")]]
    assert [frame.error for frame in own if frame.path == str(place / "none")] == [2]
    reads = [frame for frame in seen.of("READ") if frame.path in ("input", str(place / "input"))]
    assert len(reads) == 24 + 1  # each cat once, by its preload
    assert seen.gaps() == []
    graph = stitch(Spool(place / "spool").runs()[0], [])
    rows = zip(graph.accesses.version, graph.accesses.act, strict=True)
    read = {graph.versions[version].path for version, act in rows if Act(act) in READS}
    assert os.fsencode(place / "input") in read


RUST = """use std::{fs, process::Command, thread};
fn main() {
    let text = fs::read("input").unwrap();
    fs::create_dir_all("a/b").unwrap();
    let all: Vec<_> = (0..8).map(|i| thread::spawn(move || {
        fs::write(format!("a/b/{i}"), "x").unwrap();
        Command::new("/bin/cat").arg("input").output().unwrap().stdout.len()
    })).collect();
    fs::rename("a/b/0", "a/b/moved").unwrap();
    let sum: usize = all.into_iter().map(|one| one.join().unwrap()).sum();
    println!("{}", sum == 8 * text.len());
}
"""


@pytest.mark.skipif(not os.environ.get("PROBE_PROVE"), reason="Rust's compiler is large: with PROBE_PROVE=1")
def test_rust(tmp_path: Path, needs) -> None:
    compiler = needs("rustc")
    (tmp_path / "main.rs").write_text(
        RUST.replace('fs::rename("a/b/0"', 'fs::write("a/b/0", "x").unwrap(); fs::rename("a/b/0"')
    )
    flags = ["-C", "target-feature=+crt-static", "-o", tmp_path / "main"]
    subprocess.run([compiler, *flags, tmp_path / "main.rs"], cwd=tmp_path, check=True)
    seen = watch(tmp_path, tmp_path / "main")
    assert seen.result.stdout == "true\n"
    assert seen.gaps() == []
    written = {frame.path for frame in seen.of("WRITE") if "/a/b/" in frame.path}
    assert {str(tmp_path / "a/b" / str(number)) for number in range(8)} <= written
    reads = [frame for frame in seen.of("READ") if Path(frame.path) in (Path("input"), tmp_path / "input")]
    assert len({frame.exec for frame in reads}) == 9
