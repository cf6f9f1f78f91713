"""Nextflow's tasks in containers: real ones of podman and Charliecloud, in images of this machine's files.

What is asked of docker, singularity and apptainer is looked at with a stand-in: no evidence that they do it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Needs, absent
from nextflows import PLACE, assert_same, observed, seen, start
from probe_core.model import GapReason
from probe_nextflow.installation import install
from roots import make_root
from workflows import READS, Workflow, environment, newest, record, run, write

PROGRAMS = (
    "bash", "sh", "cat", "sort", "perl", "env", "ps", "tee", "sed", "awk", "grep", "cut", "tr", "tail",
    "head", "echo", "true", "ls", "date", "sleep", "mktemp", "mkdir", "touch", "rm",
)  # fmt: skip
IMAGE = "localhost/task:1"
# A machine whose limits cannot be raised has podman ask for more than it may have.
RUN_OPTIONS = "--network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"


@pytest.fixture
def around(nextflow: Path, home: Path) -> dict[str, str]:
    """The variables of a recorded Nextflow."""
    return {"NXF_HOME": str(home), "NXF_ANSI_LOG": "false", "NEXTFLOW": str(nextflow), "USER": "root"}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system with what a task's script and Nextflow's trace call."""
    root = make_root(tmp_path_factory.mktemp("image"), PROGRAMS)
    (root / "usr").mkdir(exist_ok=True)
    (root / "usr/bin").symlink_to("../bin")
    write(root, {"ch/environment": "IN_IMAGE=yes\n"})
    return root


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory, needs: Needs, root: Path) -> Iterator[dict[str, str]]:
    """The variables and the configuration of a podman with a store of its own."""
    needs("podman")
    runc = needs("runc")
    store = tmp_path_factory.mktemp("store")
    (store / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{store}/root"\nrunroot = "{store}/run"\n'
    )
    variables = {"CONTAINERS_STORAGE_CONF": str(store / "storage.conf")}
    _import(root, IMAGE, variables)
    tried = subprocess.run(
        ["podman", "--runtime", runc, "run", "--rm", *RUN_OPTIONS.split(), IMAGE, "echo", "works"],
        env=environment(**variables), capture_output=True, check=False,
    )  # fmt: skip
    if tried.stdout != b"works\n":
        absent(f"podman starts no container here: {os.fsdecode(tried.stderr).strip()}")
    yield variables | {"RUNTIME": runc}
    subprocess.run(["podman", "system", "reset", "--force"], env=environment(**variables),
                   capture_output=True, check=False)  # fmt: skip


def _import(root: Path, image: str, variables: dict[str, str]) -> None:
    packed = subprocess.run(["tar", "-C", root, "-c", "."], capture_output=True, check=True).stdout
    subprocess.run(
        ["podman", "import", "-", image], input=packed, env=environment(**variables),
        capture_output=True, check=False,
    )  # fmt: skip


def workflow_of(to: Path, configuration: str) -> Path:
    """Copy the pipeline, with what it is to be configured by."""
    shutil.copytree(PLACE / "container", to)
    (to / "nextflow.config").write_text(configuration)
    return to


def by_podman(podman: dict[str, str], image: str = IMAGE) -> str:
    """Give the configuration for real containers."""
    return (
        f"podman.enabled = true\npodman.engineOptions = '--runtime {podman['RUNTIME']}'\n"
        f"podman.runOptions = '{RUN_OPTIONS}'\nenv.FOO = 'foo'\n"
        f"params.image = '{image}'\nparams.options = '-e WORD=own'\n"
    )


def assert_tasks_are_seen(workflow: Workflow, image: str, engine: str) -> None:
    """All four ran, in a container or not; what was read undeclared is known by its name here."""
    assert observed(workflow) == (4, 4)
    # What watches a task's memory for the trace may be killed at its end, before it has begun.
    assert not [gap.detail for gap in workflow.graph.gaps if gap.reason is not GapReason.NOT_ENTERED]
    sorting = next(one for one in workflow.graph.steps if one.name.startswith("INSIDE") and one.attempt == 2)
    assert {"undeclared.txt", "words.txt"} <= workflow.touched(sorting, READS)
    assert sorting.declaration is not None
    told = sorting.declaration.facts
    assert (told["container"], told["container_engine"]) == (image, engine)
    programs = {one.program for one in workflow.graph.execs if one.step == sorting.number}
    assert any(program.endswith(b"/sort") and program != b"/usr/bin/sort" for program in programs)


@pytest.mark.slow
def test_tasks_in_containers_of_podman(
    podman: dict[str, str], nextflow: Path, home: Path, around: dict[str, str], tmp_path: Path
) -> None:
    plain = workflow_of(tmp_path / "plain" / "w", by_podman(podman))
    recorded = workflow_of(tmp_path / "recorded" / "w", by_podman(podman))
    words = ["run", "main.nf", "-with-trace", "trace.txt"]
    done = start(nextflow, home, plain, *words, **podman)
    assert done.returncode == 0, done.stdout + done.stderr
    workflow, told = record(["nextflow", *words], recorded, **around, **podman)
    assert told.returncode == 0, told.stdout + told.stderr
    for directory in (plain, recorded):
        (directory / "trace.txt").unlink()
    assert_same(seen(recorded, told), seen(plain, done))
    assert "OWN FOO" in told.stdout
    assert_tasks_are_seen(workflow, IMAGE, "podman")
    assert run(["probe", "check"], recorded).stdout.count("undeclared-input") == 1

    _, told = record(["nextflow", *words, "-resume"], plain, **around, **podman)
    assert "Submitted" not in told.stdout.replace("Submitted process > INSIDE", "", 1)
    assert told.stdout.count("Cached process") >= 2


HOST = """process STRAY {
    container params.image
    containerOptions "-v $params.tools:/usr/local/bin:ro"

    output:
    stdout

    script:
    'greet'
}

workflow { STRAY() }
"""


@pytest.mark.slow
def test_a_program_of_the_host_in_a_container_is_a_finding(
    podman: dict[str, str], around: dict[str, str], tmp_path: Path
) -> None:
    greet = write(tmp_path / "tools", {"greet": "#!/bin/sh\necho hello\n"}) / "greet"
    greet.chmod(0o755)
    directory = workflow_of(tmp_path / "w", by_podman(podman))
    (directory / "main.nf").write_text(HOST)
    words = ["nextflow", "run", "main.nf", "--tools", str(greet.parent)]
    workflow, done = record(words, directory, **around, **podman)
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = json.loads(run(["probe", "check", "--json"], directory).stdout)["findings"]
    assert (one["lint"], one["path"]) == ("outside-environment", str(greet))
    assert "of the host inside the container" in one["message"]
    assert one["remedy"] == (
        "bring 'greet' along in the image that process STRAY in main.nf names, and no longer from the host"
    )
    assert not workflow.graph.gaps


OTHER = """process FOREIGN {
    container params.foreign
    shell '/bin/sh'
    errorStrategy 'ignore'

    output:
    path 'out.txt'

    script:
    'copies'
}

process LEFT {
    container params.image
    containerOptions '--env LD_PRELOAD=/own.so'

    output:
    path 'out.txt'

    script:
    'seq 3 2> /dev/null > out.txt || echo no seq > out.txt'
}

workflow {
    FOREIGN()
    LEFT()
}
"""


@pytest.mark.slow
def test_an_image_of_another_machine_and_a_container_that_cannot_be_entered(
    podman: dict[str, str], needs: Needs, nextflow: Path, home: Path, around: dict[str, str], tmp_path: Path
) -> None:
    """Both run, or fail, as without recording; what was not seen is a gap of its task, with what to pass."""
    program = tmp_path / "image/bin/sh"
    program.parent.mkdir(parents=True)
    compiler = needs("aarch64-linux-gnu-gcc", package="gcc-aarch64-linux-gnu")
    source = write(tmp_path, {"sh.c": MUSL}) / "sh.c"
    subprocess.run([compiler, "-static", "-o", program, source], check=True)
    _import(tmp_path / "image", "localhost/arm:1", podman)
    plain, recorded = tmp_path / "plain" / "w", tmp_path / "recorded" / "w"
    for directory in (plain, recorded):
        workflow_of(directory, by_podman(podman) + "params.foreign = 'localhost/arm:1'\n")
        (directory / "main.nf").write_text(OTHER)
    done = start(nextflow, home, plain, "run", "main.nf", **podman)
    workflow, told = record(["nextflow", "run", "main.nf"], recorded, **around, **podman)
    assert done.returncode == told.returncode == 0, told.stdout + told.stderr
    assert_same(seen(recorded, told), seen(plain, done))
    left, foreign = workflow.step("LEFT"), workflow.step("FOREIGN")
    assert left.status == 0
    assert foreign.declaration is not None
    assert foreign.declaration.facts["error_action"] == "IGNORE"
    (gap,) = workflow.graph.gaps
    assert (gap.reason, gap.step) == (GapReason.CONTAINER, left.number)
    assert "--env=LD_PRELOAD=/.probe/libprobe.so" in gap.remedy


@pytest.mark.slow
def test_the_plugin_alone_enters_containers(
    podman: dict[str, str], nextflow: Path, home: Path, tmp_path: Path
) -> None:
    directory = workflow_of(tmp_path / "w", "plugins { id 'nf-probe@0.1.0' }\n" + by_podman(podman))
    variables = environment(NXF_HOME=str(home))
    install({os.fsencode(name): os.fsencode(value) for name, value in variables.items()})
    done = start(nextflow, home, directory, "run", "main.nf", **podman)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_tasks_are_seen(newest("nextflow"), IMAGE, "podman")


@pytest.mark.slow
def test_tasks_in_containers_of_charliecloud(
    root: Path, needs: Needs, around: dict[str, str], tmp_path: Path
) -> None:
    needs("ch-run", package="charliecloud")
    tried = subprocess.run(["ch-run", root, "--", "true"], env=environment(USER="root"),
                           capture_output=True, check=False)  # fmt: skip
    if tried.returncode:
        absent(f"Charliecloud starts no container here: {os.fsdecode(tried.stderr).strip()}")
    configuration = (
        "charliecloud.enabled = true\ncharliecloud.writeFake = false\nenv.FOO = 'foo'\n"
        f"params.image = '{root}'\nparams.options = '--set-env=WORD=own'\n"
    )
    directory = workflow_of(tmp_path / "w", configuration)
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OWN FOO" in done.stdout
    assert_tasks_are_seen(workflow, str(root), "charliecloud")


@pytest.mark.parametrize("engine", ["docker", "singularity", "apptainer"])
def test_what_is_asked_of_other_engines(engine: str, nextflow: Path, home: Path, tmp_path: Path) -> None:
    """With a stand-in, and the plugin alone: the options, and that they would do; no more than that."""
    image = "task" if engine == "docker" else str(tmp_path / "task.sif")
    (tmp_path / "task.sif").touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    shutil.copy(PLACE / "stand-in" / "engine", tools / engine)
    configuration = (
        f"plugins {{ id 'nf-probe@0.1.0' }}\n{engine}.enabled = true\n"
        f"params.image = '{image}'\nparams.options = '--memory 2g'\n"
    )
    directory = workflow_of(tmp_path / "w", configuration)
    variables = environment(NXF_HOME=str(home))
    install({os.fsencode(name): os.fsencode(value) for name, value in variables.items()})
    (tools / "image").write_text(image)
    more = {"PATH": f"{tools}:{variables['PATH']}"}
    done = start(nextflow, home, directory, "run", "main.nf", **more)
    assert done.returncode == 0, done.stdout + done.stderr
    workflow = newest("nextflow")
    assert observed(workflow) == (4, 4), [
        (
            s.name,
            s.attempt,
            s.status,
            s.declaration and s.declaration.facts.get("work_dir"),
            s.declaration and s.declaration.facts.get("runs_command"),
        )
        for s in workflow.graph.steps
    ]
    sorting = next(one for one in workflow.graph.steps if one.name.startswith("INSIDE") and one.attempt == 2)
    assert "undeclared.txt" in workflow.touched(sorting, READS)
    first, second, third = (line.split("\0") for line in (tools / "calls").read_text().splitlines())
    assert "--memory" not in first + third
    assert second[second.index("--memory") + 1] == "2g"
    for words in (first, second, third):
        (library,) = {word.partition("LD_PRELOAD=")[2] for word in words if "LD_PRELOAD=" in word}
        assert f"{library}:{library}:ro" in words
        assert len([word for word in words if "PROBE_STEP=nextflow:" in word]) == 1


MUSL = """#include <stdio.h>
int main(void) {
    FILE *in = fopen("in.txt", "r"), *out = fopen("out.txt", "w");
    for (int c; (c = fgetc(in)) != EOF;) fputc(c, out);
    return fclose(out);
}
"""
TASK = """process COPY {
    container params.image
    shell '/bin/sh'

    input:
    path 'in.txt'

    output:
    path 'out.txt'

    script:
    'copies'
}

workflow { COPY(file("$projectDir/words.txt")) }
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["musl", "static", "32-bit"])
def test_images_of_other_kinds(
    kind: str, podman: dict[str, str], needs: Needs, around: dict[str, str], tmp_path: Path
) -> None:
    """An image with musl is entered; where no preload goes in there is a gap, and the pipeline runs on."""
    source = write(tmp_path, {"sh.c": MUSL}) / "sh.c"
    image = tmp_path / "image"
    program = image / "bin/sh"
    program.parent.mkdir(parents=True)
    for folder in ("tmp", "proc", "sys", "dev", "etc"):
        (image / folder).mkdir()
    if kind == "musl":
        subprocess.run([needs("musl-gcc", package="musl-tools"), "-o", program, source], check=True)
        (image / "lib").mkdir()
        loader = Path(needs("/lib/ld-musl-x86_64.so.1", package="musl")).resolve()
        shutil.copy(loader, image / "lib/ld-musl-x86_64.so.1")
    elif kind == "static":
        subprocess.run([needs("cc", package="gcc"), "-static", "-o", program, source], check=True)
    else:
        _narrow(needs, tmp_path, program)
    _import(image, f"localhost/{kind}:1", podman)
    configuration = by_podman(podman, f"localhost/{kind}:1").replace("env.FOO", "// ")
    directory = workflow_of(tmp_path / "w", configuration)
    (directory / "main.nf").write_text(TASK)
    workflow, done = record(["nextflow", "run", "main.nf"], directory, **around, **podman)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = directory.glob("work/*/*/out.txt")
    assert made.read_text() == "b\na\n"
    if kind == "musl":
        assert not workflow.graph.gaps
        assert "words.txt" in workflow.reads("COPY")
    else:
        assert [gap.reason for gap in workflow.graph.gaps] == [GapReason.CONTAINER]


NARROW = """
static int call(int n, int a, int b, int c) {
    int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory"); return r;
}
void _start(void) {
    static char text[4096];
    int size = call(3, call(5, (int)"in.txt", 0, 0), (int)text, sizeof text);
    call(4, call(5, (int)"out.txt", 0101, 0644), (int)text, size);
    call(1, 0, 0, 0);
}
"""


def _narrow(needs: Needs, place: Path, program: Path) -> None:
    """Build the same for 32 bits, which needs no libraries of 32 bits."""
    source = write(place, {"narrow.c": NARROW}) / "narrow.c"
    words = ["-m32", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie", "-fno-stack-protector"]
    done = subprocess.run([needs("cc", package="gcc"), *words, "-o", program, source], check=False)
    if done.returncode or subprocess.run([program], cwd=place, check=False).returncode:
        absent("programs of 32 bits cannot be built or run here")
