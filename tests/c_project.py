"""A small C project whose Makefile is right: a generated header, a library made by a make below."""

from __future__ import annotations

PROJECT = {
    "Makefile": """OBJ = main.o one.o two.o
all: prog docs.txt
prog: $(OBJ) lib/lib.a
\t$(CC) -o $@ $^
main.o: main.c common.h table.h
one.o: one.c common.h one.h
two.o: two.c common.h table.h | headers
%.o: %.c
\t$(CC) -c -o $@ $<
table.h: make-table.sh values.txt
\tsh make-table.sh values.txt > $@.new
\tcmp -s $@.new $@ || cp $@.new $@
\trm $@.new
headers: table.h
lib/lib.a: FORCE
\t@$(MAKE) -s -C lib
docs.txt: one.h two.c | out
\tgrep -h int $^ > $@; date > out/stamp.tmp; mv out/stamp.tmp out/stamp; rm out/stamp
out: ; mkdir -p $@
gen-a.c gen-b.c &: values.txt ; cp $< gen-a.c; cp $< gen-b.c
clean: ; rm -f *.o
FORCE:
.PHONY: all clean headers FORCE
""",
    "lib/Makefile": """lib.a: x.o y.o ; @$(AR) rcsD $@ $^
x.o y.o: %.o: %.c x.h ../common.h ; @$(CC) -c -o $@ $<
""",
    "lib/x.c": '#include "x.h"\n#include "../common.h"\nint x(void) { return X; }\n',
    "lib/y.c": '#include "x.h"\n#include "../common.h"\nint y(void) { return X + COMMON; }\n',
    "lib/x.h": "#define X 4\n",
    "make-table.sh": 'sed "s/^/#define TABLE /" "$1"\n',
    "values.txt": "3\n",
    "common.h": "#define COMMON 1\n",
    "one.h": "#define ONE 2\nint one(void);\n",
    "main.c": '#include "common.h"\n#include "table.h"\nint one(void);\nint main(void) { return one(); }',
    "one.c": '#include "common.h"\n#include "one.h"\nint x(void);\nint one(void) { return ONE + x(); }\n',
    "two.c": '#include "common.h"\n#include "table.h"\nint two(void) { return TABLE; }\n',
}
