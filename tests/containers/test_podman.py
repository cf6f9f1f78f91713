"""Real containers of podman, from an image made of this machine's own files: nothing is fetched."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Needs, absent
from probe_core.model import GapReason
from recording import READS, Recording, environment, record
from roots import make_root, paths_of

# A machine whose limits cannot be raised has podman ask for more than it may have.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network=none")
IMAGE = "localhost/small:v1"


class Engine:
    """podman with a store of its own."""

    def __init__(self, store: Path, runtime: str) -> None:
        places = ("--root", str(store / "root"), "--runroot", str(store / "run"))
        self.words = ["podman", *places, "--storage-driver", "vfs", "--runtime", runtime]

    def run(self, *words: str, image: str = IMAGE, command: tuple[str, ...] = ("true",)) -> list[str]:
        return [*self.words, "run", "--rm", *LIMITS, *words, image, *command]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, needs: Needs) -> Iterator[Engine]:
    needs("podman")
    made = Engine(tmp_path_factory.mktemp("store"), needs("runc"))
    root = make_root(tmp_path_factory.mktemp("root"))
    packed = subprocess.run(["tar", "-C", root, "-c", "."], capture_output=True, check=True).stdout
    imported = subprocess.run(
        [*made.words, "import", "-", IMAGE], input=packed, capture_output=True, check=False
    )
    tried = subprocess.run(made.run(command=("echo", "works")), capture_output=True, check=False)
    if imported.returncode or tried.stdout != b"works\n":
        absent(f"podman starts no container here: {os.fsdecode(imported.stderr + tried.stderr).strip()}")
    yield made
    subprocess.run([*made.words, "rmi", "--force", IMAGE], capture_output=True, check=False)


def test_files_processes_and_image_are_told(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("input\n")
    script = "cat /data/in /etc/in-image > /data/out; echo $0 done"
    words = engine.run("-v", f"{tmp_path}:/data", command=("sh", "-c", script))
    told = record(words, tmp_path, tmp_path / "spool", {"PROBE_STEP": "s"})
    assert (told.result.returncode, told.result.stdout) == (0, b"sh done\n"), told.result.stderr
    assert bytes(tmp_path / "in") in told.touched(READS)  # mounted: its own name here
    made = next(v for v in told.graph.versions if v.path == bytes(tmp_path / "out") and v.made_by is not None)
    assert made.digest == "sha256:" + hashlib.sha256(b"input\nimage\n").hexdigest()
    inside = next(v for v in told.graph.versions if v.path.endswith(b"/etc/in-image"))
    assert inside.path == b"/container:small:v1/etc/in-image"
    assert inside.volume_path == b"/etc/in-image"
    asked = subprocess.run(
        [*engine.words, "image", "inspect", "--format", "{{.Id}}", IMAGE], capture_output=True, check=True
    )
    assert inside.volume == f"container {IMAGE} sha256:{asked.stdout.decode().strip()}"
    assert not told.graph.gaps


def test_a_script_of_this_machine_is_run_by_the_images_interpreter(engine: Engine, tmp_path: Path) -> None:
    script = tmp_path / "greet"
    script.write_text("#!/bin/sh -e\necho hello\n")
    script.chmod(0o755)
    words = engine.run("-v", f"{tmp_path}:/data", command=("sh", "-c", "/data/greet; :"))
    told = record(words, tmp_path, tmp_path / "spool", {})
    assert told.result.stdout == b"hello\n", told.result.stderr
    (ran,) = [one for one in told.graph.execs if b"/data/greet" in one.arguments[:3] and not one.forked]
    assert ran.program == b"/container:small:v1/bin/sh"


def test_processes_hang_below_the_starter_and_its_step(engine: Engine, tmp_path: Path) -> None:
    words = engine.run(command=("sh", "-c", "cat /etc/in-image; id -u"))
    told = record(["sh", "-c", 'PROBE_STEP=one "$@"; :', "sh", *words], tmp_path, tmp_path / "spool")
    assert told.result.returncode == 0, told.result.stderr
    execs = {one.arguments: one for one in told.graph.execs if not one.forked}
    podman = next(one for words, one in execs.items() if words[:1] == (b"podman",))
    inner = execs[b"sh", b"-c", b"cat /etc/in-image; id -u"]
    cat = execs[b"cat", b"/etc/in-image"]
    process = told.graph.processes
    assert process[cat.process].parent == inner.process
    assert process[inner.process].parent == podman.process
    (step,) = told.graph.steps
    assert {podman.step, inner.step, cat.step} == {step.number}
    assert [os.fsdecode(word) for word in podman.arguments] == engine.run(
        command=("sh", "-c", "cat /etc/in-image; id -u")
    ), "the command as the user wrote it"


def test_the_command_behaves_as_without(engine: Engine, tmp_path: Path) -> None:
    command = "id; pwd; cat /proc/1/cmdline | tr '\\0' ' '; ls /; cat; echo error >&2; exit 7"
    words = engine.run("-i", "--env", "A=b c", "--workdir", "/tmp", command=("sh", "-c", command))
    native = subprocess.run(
        words, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    told = record(words, tmp_path, tmp_path / "spool")
    assert native.returncode == told.result.returncode == 7
    assert native.stdout == told.result.stdout
    assert native.stderr == told.result.stderr


def test_only_our_own_variables_are_seen_inside(engine: Engine, tmp_path: Path) -> None:
    told = record(engine.run("--env", "A=b", command=("env",)), tmp_path, tmp_path / "spool")
    names = {line.partition(b"=")[0] for line in told.result.stdout.splitlines()}
    assert names & {b"LD_PRELOAD", b"PROBE_RUN", b"PROBE_CONTAINER"} == {
        b"LD_PRELOAD",
        b"PROBE_RUN",
        b"PROBE_CONTAINER",
    }
    native = subprocess.run(
        engine.run("--env", "A=b", command=("env",)), capture_output=True, check=True
    ).stdout
    known = {line.partition(b"=")[0] for line in native.splitlines()}
    assert names - known == {b"LD_PRELOAD", b"PROBE_RUN", b"PROBE_CONTAINER"}


def test_two_containers_do_not_share_what_they_write(engine: Engine, tmp_path: Path) -> None:
    write, read = (
        engine.run(command=("sh", "-c", "echo 1 > /tmp/x")),
        engine.run(command=("sh", "-c", "echo 2 > /tmp/x; cat /tmp/x")),
    )
    file = tmp_path / "both"
    file.write_text(
        "#!/bin/sh\n" + "\n".join(" ".join(_quoted(word) for word in words) for words in (write, read))
    )
    told = record(["sh", str(file)], tmp_path, tmp_path / "spool")
    assert told.result.stdout == b"2\n", told.result.stderr
    names = {v.path for v in told.graph.versions if v.path.endswith(b"/tmp/x")}
    assert names == {b"/container:small:v1/tmp/x", b"/container:small:v1#2/tmp/x"}


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def test_as_another_user_inside_it_is_a_gap_with_a_remedy(engine: Engine, tmp_path: Path) -> None:
    told = record(engine.run("--user", "1234:1234", command=("id", "-u")), tmp_path, tmp_path / "spool")
    assert (told.result.stdout, told.result.stderr) == (b"1234\n", b"")
    (one,) = [gap for gap in told.graph.gaps if gap.reason is GapReason.CONTAINER]
    assert one.about == IMAGE.encode()
    assert "--volume=$PROBE_RUN" in one.remedy
    assert "user who may write" in one.remedy


def test_without_leave_it_is_a_gap(engine: Engine, tmp_path: Path) -> None:
    told = record(engine.run(command=("env",)), tmp_path, tmp_path / "spool", {"PROBE_CONTAINERS": "gap"})
    assert b"PROBE" not in told.result.stdout
    assert [gap.reason for gap in told.graph.gaps] == [GapReason.CONTAINER]


def test_an_image_that_is_not_there_is_no_gap(engine: Engine, tmp_path: Path) -> None:
    told = record(engine.run("--pull=never", image="localhost/none:v1"), tmp_path, tmp_path / "spool")
    assert told.result.returncode == 125
    assert not told.graph.gaps


def test_a_program_without_a_loader_inside_is_a_gap(
    engine: Engine, tmp_path: Path, static_program: Path
) -> None:
    script = f"/prog/{static_program.name}; :"
    words = engine.run("-v", f"{static_program.parent}:/prog:ro", command=("sh", "-c", script))
    told = record(words, tmp_path, tmp_path / "spool")
    assert told.result.returncode == 0, told.result.stderr
    assert [(gap.reason, gap.about) for gap in told.graph.gaps] == [(GapReason.STATIC, bytes(static_program))]


def test_it_is_seen_in_show(engine: Engine, tmp_path: Path) -> None:
    told: Recording = record(engine.run(command=("cat", "/etc/in-image")), tmp_path, tmp_path / "spool")
    assert b"/container:small:v1/etc/in-image" in paths_of(told)
