"""Real programs run recorded as they run unrecorded: status, output, errors, and the files they leave."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from calls.frames import frames, lost
from calls.recorded import make_run, surroundings

PYTHON = """
import json, multiprocessing, os, shutil, subprocess, sys
print(subprocess.run("exit 3", shell=True).returncode, os.popen("echo hi").read())
with multiprocessing.Pool(2) as pool:
    print(pool.map(abs, range(-5, 5)))
open("a", "w").write("x" * 1000)
os.rename("a", "b")
shutil.copytree("/etc/apt", "apt")
print(subprocess.run(["pwd"], cwd="/usr", capture_output=True).stdout)
sys.exit(5)
"""
NODE = """
const fs = require("fs"), child = require("child_process");
fs.writeFileSync("x", "hi"); console.log(fs.readFileSync("x", "utf8"));
console.log(child.execSync("echo hi; pwd", {cwd: "/usr"}).toString()); process.exitCode = 4;
"""
JAVA = """
import java.nio.file.*;
class A { public static void main(String[] a) throws Exception {
  Files.writeString(Path.of("o"), "x"); System.out.println(Files.readString(Path.of("o")));
  System.exit(new ProcessBuilder("sh", "-c", "echo hi; exit 3").inheritIO().start().waitFor()); } }
"""
GIT = "git -c user.email=a@b -c user.name=n -c init.defaultBranch=m"
DATED = "GIT_AUTHOR_DATE=2020-01-01T00:00:00Z GIT_COMMITTER_DATE=2020-01-01T00:00:00Z"
COMMANDS = {
    "bash": "cut -d: -f1 /etc/passwd | sort | tee o | wc -l; (exit 3); echo $?; diff <(echo a) <(echo b); "
    "exec 5>f; echo x >&5; exec 5>&-; cat f; trap 'echo bye' EXIT; read l </etc/hostname; echo $l",
    "dash": "dash -c 'set -e; x=$(echo a; echo b); echo $x; (cd /usr; pwd); echo no >&2; exit 9'",
    "python3": "python3 program",
    "perl": 'perl -e \'use File::Find; find(sub{}, "/etc/apt"); open(F, ">x"); print F "hi"; close F; '
    'print `cat x`; exit system("exit 2;") >> 8\'',
    "gcc": "echo 'int main(void){return 7;}' >a.c; gcc -O2 a.c -o a; ./a; echo $?; gcc -c none.c",
    "make": "printf 'all: a b\\na:\\n\\techo a >a\\nb:\\n\\techo b | tr b c >b; cat b\\n' >Makefile; "
    "make -sj2",
    "git": f"{GIT} init -q r; cd r; echo x >f; git add f; {DATED} {GIT} commit -qm m; git log; cd ..; "
    "git clone -q r s; ls s; rm -rf r/.git s/.git",
    "tar": "cp -r /etc/apt d; tar czf d.tgz d; mkdir e; tar xzf d.tgz -C e; diff -r d e/d; rm d.tgz",
    "sort": "seq 1 100000 | sort -R --random-source=/etc/passwd -S 1M -T . | sort -n -S 1M -T . | md5sum",
    "xargs": "find /etc/apt -type f | sort | xargs -P4 -n1 cat | wc -c; find . -type f -exec rm {} +",
    "node": "node program",
    "java": "cp program A.java; java A.java",
    "sqlite3": "sqlite3 t.db 'create table a(b); insert into a values(1),(2); select sum(b) from a;'",
    "sed": "seq 5 >q; sed -i s/3/x/ q; cat q; awk '{print $1*2 >\"w\"}' q; cp q r; mv r s; "
    "ln -s s l; rm s; ls",
    "ssh": "ssh -V",
    "Rscript": 'Rscript -e \'cat(1+1, fill=TRUE); writeLines("x", "o"); q(status=3)\'',
    "env": "env -i /bin/sh -c 'echo $HOME; /bin/ls /usr; exit 6'",
    "timeout": "timeout 1 sleep 5; echo $?; nohup true; setsid echo hi; nice echo x; kill -9 $BASHPID",
}
PROGRAMS = {"python3": PYTHON, "node": NODE, "java": JAVA}
STATED = {"python3": 5, "node": 4, "java": 3, "Rscript": 3, "perl": 2}


def tree(folder: Path) -> dict[str, str]:
    """What is left below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


@pytest.mark.parametrize("tool", COMMANDS)
def test_unharmed(tool: str, tmp_path: Path, needs) -> None:
    needs(tool)
    outcomes = []
    run = make_run(tmp_path)
    work = tmp_path / "work"
    for recorded in (False, True):
        work.mkdir()
        (work / "program").write_text(PROGRAMS.get(tool, ""))
        environment = surroundings(run)
        if not recorded:
            del environment["LD_PRELOAD"], environment["PROBE_RUN"]
        command = ["bash", "-c", COMMANDS[tool]]
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=120
        )
        outcomes.append((done.returncode, done.stdout, done.stderr, tree(work)))
        work.rename(tmp_path / f"work-{recorded}")
    assert outcomes[1] == outcomes[0]
    assert outcomes[0][0] == STATED.get(tool, outcomes[0][0])
    assert {"START", "EXEC"} <= {frame.kind for frame in frames(run)}
    assert lost(run) == 0
