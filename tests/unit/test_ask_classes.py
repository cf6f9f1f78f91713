"""What is shown and what is folded: the classes of files."""

from __future__ import annotations

import pytest

from graphs import Building
from probe_core.ask.classes import FileClass, below_any, classify, is_boring, is_shipped, program_prefixes
from probe_core.model import Act

READ, BOTH = {Act.READ}, {Act.WRITE, Act.REMOVE}
D, L, P = FileClass.DATA, FileClass.LIBRARY, FileClass.PROGRAM
S, C, T, Y = FileClass.SCRIPT, FileClass.CONFIGURATION, FileClass.TEMPORARY, FileClass.SYSTEM
CONDA = b"/home/al/conda"


@pytest.mark.parametrize(
    ("path", "acts", "file_class", "boring"),
    [
        (b"/w/reads.fq.gz", READ, D, False),
        (b"/data/x", READ, D, False),
        (b"/tmp/x", READ, D, False),  # nobody knows where it comes from: worth a look
        (b"/w/fit.py", READ, S, False),
        (b"/w/run", {Act.EXECUTE}, P, False),
        (b"/w/run.sh", {Act.EXECUTE, Act.READ}, S, False),
        (b"/w/libown.so", {Act.LOAD}, L, False),
        (b"/w/__pycache__/own.cpython-311.pyc", READ, L, True),
        (b"/w/.venv/lib/python3.11/site-packages/numpy/core.py", READ, L, True),
        (b"/w/.snakemake/metadata/x", READ, C, True),
        (b"/w/sort1234", BOTH, T, True),
        (b"/tmp/sort1234", BOTH, T, True),
        (b"/usr/bin/sort", {Act.EXECUTE}, P, True),
        (b"/usr/lib/x86_64-linux-gnu/libc.so.6", {Act.LOAD}, L, True),
        (b"/usr/share/zoneinfo/UTC", READ, Y, True),
        (b"/usr/share/doc/bowtie2/lambda.fa", READ, D, False),
        (b"/usr/lib/python3/dist-packages/palmerpenguins/data/penguins.csv", READ, D, False),
        (b"/usr/lib/R/library/stats/R/stats.rdb", READ, L, True),
        (b"/etc/passwd", READ, C, True),
        (b"/home/al/.bashrc", READ, C, True),
        (b"/home/al/data/x", READ, D, False),
        (b"/proc/cpuinfo", READ, Y, True),
        (b"/dev/shm/part", READ, D, False),
        (CONDA + b"/bin/samtools", {Act.EXECUTE}, P, True),
        (CONDA + b"/share/model.bin", READ, Y, True),
        (CONDA + b"/work/model.bin", READ, D, False),
        (b"/usrlocal/x", READ, D, False),
        (b"/w/\xff\n", READ, D, False),
    ],
)
def test_classes(path: bytes, acts: set[Act], file_class: FileClass, boring: bool) -> None:
    run = Building()
    run.exec(CONDA + b"/bin/samtools")
    run.exec(b"/bin/sh")
    graph = run.graph()
    prefixes = program_prefixes(graph.run, graph.execs)
    assert classify(path, acts, graph.run, prefixes) is file_class
    assert is_boring(path, file_class, graph.run, prefixes) is boring


def test_the_working_directory_is_the_users_wherever_it_is() -> None:
    run = Building(directory=b"/opt/project")
    run.exec(b"/opt/project/bin/tool")
    run.exec(b"/opt/bin/other")  # its prefix holds the project, so it is no environment
    graph = run.graph()
    prefixes = program_prefixes(graph.run, graph.execs)
    assert prefixes == frozenset()
    assert not is_shipped(b"/opt/project/data", graph.run, prefixes)
    assert is_shipped(b"/opt/elsewhere", graph.run, prefixes)


def test_folders_are_whole_names() -> None:
    assert below_any(b"/usr/x", (b"/usr",))
    assert below_any(b"/usr", (b"/usr/",))
    assert not below_any(b"/usrx", (b"/usr",))
    assert below_any(b"/any", [b"/"])
