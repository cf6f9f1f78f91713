"""Thirty real commands, by table: what behaviour and truth are tested with.

``prepare`` is a shell text run unrecorded in an empty folder; ``run`` is the argument vector recorded there.
``needs`` names programs beyond the base system, with the Debian package that brings each.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One row."""

    name: str
    run: tuple[str, ...]
    prepare: str = ""
    needs: tuple[tuple[str, str], ...] = ()
    steady: bool = True  # output and tree are the same from run to run


def _shell(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


NUMBERS = "seq 1 20000 | tac > numbers; seq 1 2000 > more"
SOURCE = """mkdir -p src; for i in 1 2 3; do echo "int f$i(int x) { return x * $i; }" > src/f$i.c; done
cat > src/main.c <<'C'
#include <stdio.h>
#include "f.h"
int main(void) { printf("%d\\n", f1(1) + f2(2) + f3(3)); return 0; }
C
echo 'int f1(int); int f2(int); int f3(int);' > src/f.h
cat > Makefile <<'M'
OBJECTS = src/main.o src/f1.o src/f2.o src/f3.o
prog: $(OBJECTS)
\tgcc -o $@ $(OBJECTS)
src/main.o: src/f.h
%.o: %.c
\tgcc -O1 -c -o $@ $<
libf.a: src/f1.o src/f2.o
\tar rcsD $@ $^
M
tar cf src.tar src Makefile"""
REPOSITORY = """git init -q -b main origin; cd origin; git config user.email a@b; git config user.name n
for i in 1 2 3; do echo $i > f$i; git add f$i; GIT_AUTHOR_DATE=2020-01-01T00:00:00Z \
GIT_COMMITTER_DATE=2020-01-01T00:00:00Z git commit -qm $i; done"""
PYTHON = sys.executable

COMMANDS = (
    Command("true", ("true",)),
    Command("false", ("false",)),
    Command("echo", ("echo", "a", "b c")),
    Command("cat", ("cat", "numbers", "more"), NUMBERS),
    Command("sh-pipeline", _shell("grep 7 numbers | sort -n | uniq -c | head -20 > top; wc -l < top"), NUMBERS),
    Command(
        "bash-pipeline",
        ("bash", "-c", "set -o pipefail; diff <(sort numbers) <(sort more) | tail -n 3; echo ${PIPESTATUS[@]} | tee st"),
        NUMBERS,
    ),
    Command("bash-loop", ("bash", "-c", "for f in a b c; do echo $f > $f; done; (cat a; cat b) > ab; mv ab c; rm a"),),
    Command("subshell-status", _shell("(exit 3); echo $?; exit 7")),
    Command("sort-with-temporary-files", ("sort", "-S", "100k", "-T", ".", "-o", "sorted", "big"),
            "seq 1 200000 | tac > big"),
    Command("find-xargs-parallel", _shell("find d -type f -print0 | sort -z | xargs -0 -n 4 -P 4 wc -c | wc -l"),
            "mkdir d; for i in $(seq 1 40); do echo $i > d/$i; done"),
    Command("cp-tree", ("cp", "-r", "d", "e"), "mkdir -p d/s; echo 1 > d/1; echo 2 > d/s/2; ln -s 1 d/link"),
    Command("mv-rm", _shell("mv d/1 d/3; rm -r d/s; ln d/3 d/4; ln -s 3 d/5; rmdir e; chmod 600 d/3"),
            "mkdir -p d/s e; echo 1 > d/1; echo 2 > d/s/2"),
    Command("sed-in-place", ("sed", "-i", "s/1/one/", "more"), NUMBERS),
    Command("awk", ("awk", '{ s += $1 } END { print s > "sum"; print s }', "numbers"), NUMBERS),
    Command("tar-create", ("tar", "--sort=name", "--mtime=@0", "-cf", "out.tar", "src"), SOURCE),
    Command("tar-extract", _shell("mkdir x && tar -C x -xzf src.tgz && ls x/src"), SOURCE + "; gzip -nc src.tar > src.tgz"),
    Command("gzip", _shell("gzip -nk numbers && gunzip -c numbers.gz | cmp - numbers"), NUMBERS),
    Command("gcc", ("gcc", "-O1", "-Isrc", "-o", "prog", "src/main.c", "src/f1.c", "src/f2.c", "src/f3.c"), SOURCE,
            (("gcc", "gcc"),)),
    Command("make-from-tarball", _shell("mkdir b && tar -C b -xf src.tar && make -s -C b prog libf.a && b/prog"), SOURCE,
            (("make", "make"), ("gcc", "gcc"))),
    Command("make-parallel", ("make", "-s", "-j4", "prog"), SOURCE, (("make", "make"), ("gcc", "gcc"))),
    Command("git-clone", _shell("git clone -q origin copy && git -C copy log --format=%s"), REPOSITORY,
            (("git", "git"),)),
    Command("git-commit", _shell("cd origin && echo 4 > f4 && git add f4 && git status --short"), REPOSITORY,
            (("git", "git"),)),
    Command("python", (PYTHON, "-c", "import json,csv; json.dump([1], open('o.json','w')); print(open('more').readline())"),
            NUMBERS),
    Command("python-subprocess", (PYTHON, "-c",
            "import subprocess as s; print(s.run(['wc','-l','more'],capture_output=True,text=True).stdout); "
            "s.run('cat more | tail -1', shell=True)"), NUMBERS),
    Command("python-threads", (PYTHON, "-c",
            "from concurrent.futures import ThreadPoolExecutor as T\n"
            "with T(8) as t: print(sum(t.map(lambda i: len(open('more').read()), range(100))))"), NUMBERS),
    Command("python-multiprocessing", (PYTHON, "-c",
            "import multiprocessing as m\n"
            "def f(i):\n  open(f'p{i}','w').write(str(i)); return i\n"
            "if __name__ == '__main__':\n  with m.get_context('fork').Pool(3) as p: print(p.map(f, range(6)))")),
    Command("perl", ("perl", "-ne", "END { open O, '>', 'count'; print O $.; print $., \"\\n\" }", "numbers"), NUMBERS,
            (("perl", "perl"),)),
    Command("R", ("Rscript", "--vanilla", "-e", "x <- read.table('more'); write.csv(summary(x$V1), 'o.csv'); cat(sum(x$V1))"),
            NUMBERS, (("Rscript", "r-base-core"),)),
    Command("java", ("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "Main.java"),
            "cat > Main.java <<'J'\nimport java.nio.file.*;\npublic class Main { public static void main(String[] a) "
            "throws Exception { Files.writeString(Path.of(\"o\"), \"x\"); System.out.println(Files.readString("
            "Path.of(\"Main.java\")).length()); } }\nJ", (("javac", "default-jdk-headless"),)),
    Command("node", ("node", "-e", "const f=require('fs'); f.writeFileSync('o', f.readFileSync('more')); console.log(f.statSync('o').size)"),
            NUMBERS, (("node", "nodejs"),)),
    Command("sqlite3", _shell("sqlite3 db 'create table t(a); insert into t values (1),(2); select sum(a) from t'"), "",
            (("sqlite3", "sqlite3"),)),
    Command("samtools", _shell("samtools view -b -o a.bam a.sam && samtools sort -O sam --no-PG a.bam && samtools index a.bam"),
            "printf '@HD\\tVN:1.6\\tSO:coordinate\\n@SQ\\tSN:c\\tLN:100\\nr\\t0\\tc\\t1\\t60\\t4M\\t*\\t0\\t0\\tACGT\\tIIII\\n' > a.sam",
            (("samtools", "samtools"),), steady=False),
    Command("env-cleared", ("env", "-i", "/bin/sh", "-c", "cat more | wc -l"), NUMBERS),
    Command("shell-script", ("./script", "x"),
            "printf '#!/bin/sh\\necho $0 $1; cat script > copy\\n' > script; chmod +x script"),
    Command("here-document", _shell("cat <<E > o\nhello $((1+2))\nE\ncat o")),
    Command("signal-death", _shell("kill -TERM $$")),
    Command("not-found", _shell("no-such-command-here; echo $?")),
)
