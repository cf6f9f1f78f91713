"""Races, files written twice, inputs never read, outputs not made: what is found, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from graphs import Building
from probe_core.ask.check import check
from probe_core.ask.order import Order
from probe_core.model import Act, GapReason, RunGraph

CC = b"/usr/bin/cc"


def found(graph: RunGraph) -> list[tuple[str, str | None, bytes | None]]:
    return [
        (one.lint, None if one.step is None else graph.steps[one.step].rule, one.path)
        for one in check(graph, {})
    ]


def generated(header: dict[str, object], build: dict[str, object], **facts: object) -> Building:
    """One step makes gen.h, a compiler that lists its inputs itself reads it in another one."""
    run = Building(facts=facts)
    first = run.step("gen.h", outputs=[b"/w/gen.h"], inputs=[b"/w/gen.in"], **header)  # type: ignore[arg-type]
    maker = run.exec(b"/usr/bin/sed", step=first)
    run.read(maker, b"/w/gen.in")
    second = run.step("a.o", outputs=[b"/w/a.o"], **({"inputs": [b"/w/a.c"]} | build))  # type: ignore[arg-type]
    compiler = run.exec(CC, step=second, arguments=[b"cc", b"-MMD", b"-c", b"a.c"])
    run.write(maker, b"/w/gen.h")
    run.read(compiler, b"/w/a.c")
    run.read(compiler, b"/w/gen.h")
    run.write(compiler, b"/w/a.o")
    return run


RACE = ("race", "a.o", b"/w/gen.h")


def test_a_generated_header_that_nothing_orders_is_a_race() -> None:
    graph = generated({}, {}).graph()
    assert found(graph) == [RACE]
    (one,) = check(graph, {})
    assert one.message == "a.o reads gen.h, which gen.h makes; nothing orders them"
    assert ["cc -MMD -c a.c" in one.evidence[0], "sed" in one.evidence[1]] == [True, True]


@pytest.mark.parametrize(
    "build",
    [
        {"inputs": [b"/w/a.c", b"/w/gen.h"]},
        {"order_only": [b"/w/gen.h"]},
        {"order_only": [b"/w/headers"]},  # a name of which nothing is known may stand for it
    ],
)
def test_an_order_that_is_declared_or_cannot_be_told_is_no_race(build: dict[str, object]) -> None:
    assert found(generated({}, build).graph()) == []


def test_names_without_steps_lead_on() -> None:
    name = {"output": "/w/headers", "inputs": ["/w/gen.h"], "order_only": []}
    other = name | {"inputs": ["/w/gen.in"]}
    build: dict[str, object] = {"order_only": [b"/w/headers"]}
    assert found(generated({}, build, without_steps=[name]).graph()) == []
    assert found(generated({}, build, without_steps=[other]).graph()) == [RACE]


def test_steps_of_two_schedulers_are_not_compared() -> None:
    one, other = {"facts": {"scheduler": "1"}}, {"facts": {"scheduler": "2"}}
    assert found(generated(one, dict(other)).graph()) == []
    assert found(generated(one, dict(one)).graph()) == [RACE]


def test_steps_inside_steps_are_ordered_by_those_around_them() -> None:
    def below(**order: list[bytes]) -> Building:
        run = Building()
        one = run.step("lib", outputs=[b"/w/lib.stamp"])
        two = run.step("app", outputs=[b"/w/app.stamp"], **order)  # type: ignore[arg-type]
        make = run.step("lib.a", outputs=[b"/w/lib.a"], parent=one)
        link = run.step("app.out", outputs=[b"/w/app.out"], parent=two)
        maker, linker = (
            run.exec(b"/usr/bin/ar", step=make),
            run.exec(CC, step=link, arguments=[b"cc", b"-MD"]),
        )
        run.write(run.exec(b"/bin/sh", step=one), b"/w/lib.stamp")
        run.write(run.exec(b"/bin/sh", step=two), b"/w/app.stamp")
        run.write(maker, b"/w/lib.a")
        run.read(linker, b"/w/lib.a")
        run.write(linker, b"/w/app.out")
        return run

    assert found(below().graph()) == [("race", "app.out", b"/w/lib.a")]
    assert found(below(order_only=[b"/w/lib.stamp"]).graph()) == []


def test_an_undeclared_input_says_itself_that_nothing_orders_it() -> None:
    run = Building()
    run.write(run.exec(CC, step=run.step("made", outputs=[b"/w/made"])), b"/w/made")
    one = run.exec(CC, step=run.step("user", inputs=[b"/w/in"], outputs=[b"/w/out"]))
    run.read(one, b"/w/in")
    run.read(one, b"/w/made")
    run.write(one, b"/w/out")
    graph = run.graph()
    assert found(graph) == [("undeclared-input", "user", b"/w/made")]
    assert "nothing orders before" in check(graph, {})[0].evidence[1]


def test_what_a_chain_of_rules_leads_to_is_declared_where_the_engine_says_so() -> None:
    def chained(**facts: object) -> RunGraph:
        run = Building()
        first = run.exec(CC, step=run.step("b", inputs=[b"/w/a"], outputs=[b"/w/b"], facts=facts))
        run.read(first, b"/w/a")
        run.write(first, b"/w/b")
        second = run.exec(CC, step=run.step("c", inputs=[b"/w/b"], outputs=[b"/w/c"], facts=facts))
        run.read(second, b"/w/b")
        run.read(second, b"/w/a")
        run.write(second, b"/w/c")
        return run.graph()

    assert found(chained(chains_rebuild=True)) == []
    assert found(chained()) == [("undeclared-input", "c", b"/w/a")]


def test_a_file_that_two_loose_steps_write_is_found_once() -> None:
    def twice(**order: list[bytes]) -> RunGraph:
        run = Building()
        one = run.exec(CC, step=run.step("one", outputs=[b"/w/one", b"/w/log"]))
        run.write(one, b"/w/log")
        run.write(one, b"/w/one")
        two = run.exec(CC, step=run.step("two", outputs=[b"/w/two", b"/w/log"], **order))  # type: ignore[arg-type]
        run.write(two, b"/w/log")
        run.write(two, b"/w/two")
        return run.graph()

    assert found(twice()) == [("written-twice", "two", b"/w/log")]
    assert found(twice(order_only=[b"/w/one"])) == []


def unread(**more: object) -> tuple[Building, int, int]:
    run = Building()
    inputs = [b"/w/in", b"/w/never"]
    step = run.step("out", inputs=inputs, outputs=[b"/w/out"], **more)  # type: ignore[arg-type]
    one = run.exec(CC, step=step)
    run.read(one, b"/w/in")
    run.found(b"/w/never", size=7)
    run.write(one, b"/w/out", size=9)
    return run, step, one


UNUSED = ("unused-input", "out", b"/w/never")


def test_an_input_that_is_never_read_is_found() -> None:
    graph = unread()[0].graph()
    assert found(graph) == [UNUSED]
    assert check(graph, {})[0].message == "out declares never, which it never reads"


@pytest.mark.parametrize("act", [Act.LOOKUP, Act.EXECUTE, Act.RENAME_FROM, Act.METADATA, Act.READ])
def test_an_input_that_was_looked_at_in_any_way_is_used(act: Act) -> None:
    run, _, one = unread()
    run.read(one, b"/w/never", act=act)
    assert found(run.graph()) == []


def test_what_was_not_seen_whole_is_not_judged() -> None:
    run, _, one = unread()
    run.gap(GapReason.STATIC, b"/w/tool", exec=one)
    assert found(run.graph()) == []
    assert found(unread(status=1)[0].graph()) == []
    assert found(unread(facts={"phony": True})[0].graph()) == []


def test_an_input_that_a_command_names_was_meant() -> None:
    run, step, _ = unread()
    run.exec(b"/bin/ln", step=step, arguments=[b"ln", b"-s", b"never", b"out"])
    assert found(run.graph()) == []


def test_an_empty_file_is_a_mark() -> None:
    run = Building()
    one = run.exec(CC, step=run.step("out", inputs=[b"/w/stamp"], outputs=[b"/w/out"]))
    run.found(b"/w/stamp", size=0)
    run.write(one, b"/w/out", size=9)
    assert found(run.graph()) == []
    two = run.exec(CC, step=run.step("mark", inputs=[b"/w/out"], outputs=[b"/w/mark"]))
    run.write(two, b"/w/mark", size=0)
    assert found(run.graph()) == []
    step = run.step("all", inputs=[b"/w/mark", b"/w/out"], outputs=[b"/w/all"])
    run.found(b"/w/all", size=20)
    run.write(run.exec(b"/usr/bin/touch", step=step), b"/w/all", size=20)
    assert found(run.graph()) == []


def test_what_many_steps_declare_alike_is_declared_for_all_of_them() -> None:
    def objects(*read: bytes, seeded: bool = False) -> Building:
        run = Building()
        for name in (b"a", b"b"):
            inputs = [b"/w/" + name + b".c", b"/w/all.h"] + ([b"/w/b.h"] if seeded or name == b"b" else [])
            step = run.step(name.decode(), inputs=inputs, outputs=[b"/w/" + name + b".o"])
            one = run.exec(CC, step=step)
            for path in (b"/w/all.h", b"/w/b.h"):
                run.found(path, size=5)
            run.read(one, b"/w/" + name + b".c")
            for path in read if name == b"b" else ():
                run.read(one, path)
            run.write(one, b"/w/" + name + b".o", size=9)
        return run

    assert found(objects(b"/w/b.h").graph()) == []
    assert found(objects(b"/w/b.h", b"/w/all.h").graph()) == [("unused-input", "a", b"/w/all.h")]
    assert found(objects(b"/w/b.h", b"/w/all.h", seeded=True).graph()) == []


def test_an_output_that_the_step_leaves_alone_while_it_makes_another_file() -> None:
    run = Building()
    step = run.step("old", outputs=[b"/w/old"])
    one = run.exec(CC, step=step)
    run.found(b"/w/old", size=3)
    run.write(one, b"/w/bin/old", size=4)
    assert found(run.graph()) == [("unmade-output", "old", b"/w/old")], "and bin/old is told with it"
    run.read(one, b"/w/old", act=Act.LOOKUP)  # as `cmp -s new old || mv new old` does
    assert [lint for lint, _, _ in found(run.graph())] == ["undeclared-output"]


@pytest.mark.parametrize(
    ("output", "made", "is_named"),
    [
        ("prog", "prog-1.2", True),
        ("prog", "bin/prog", True),
        ("lib.so", "lib.so.1", True),
        ("check", "check.out", False),
        ("install", "prog", False),
    ],
)
def test_an_output_that_never_comes_while_another_name_does(output: str, made: str, is_named: bool) -> None:
    run = Building()
    one = run.exec(CC, step=run.step(output, outputs=[f"/w/{output}".encode()]))
    run.read(one, b"/w/in")  # it is made each time, whatever it reads
    run.write(one, f"/w/{made}".encode(), size=4)
    wanted = [("unmade-output", output, f"/w/{output}".encode())]
    assert found(run.graph()) == (wanted if is_named else [])


def test_an_output_that_its_own_step_takes_away_never_comes() -> None:
    def taken(*, by_another: bool) -> RunGraph:
        run = Building()
        step = run.step("lib.a", outputs=[b"/w/lib.a"])
        one = run.exec(CC, step=step)
        run.read(one, b"/w/in.o")
        for size in (4, 5):  # as ar and ranlib do
            run.write(one, b"/w/lib.a", size=size)
        run.remove(run.exec(b"/usr/bin/engine") if by_another else one, b"/w/lib.a")
        run.write(one, b"/w/lib.a-renamed", size=5)
        return run.graph()

    assert found(taken(by_another=False)) == [("unmade-output", "lib.a", b"/w/lib.a")]
    assert found(taken(by_another=True)) == [
        ("undeclared-input", "lib.a", b"/w/in.o"),
        ("undeclared-output", "lib.a", b"/w/lib.a-renamed"),
    ]


def test_a_list_that_several_steps_have_as_a_whole_is_shared_whatever_else_one_of_them_has() -> None:
    headers = [b"/w/1.h", b"/w/2.h", b"/w/3.h"]

    def objects(*, own: int) -> Building:
        run = Building()
        for name in (b"one", b"main"):
            more = [b"/w/own%d.c" % number for number in range(own)] if name == b"one" else []
            step = run.step(name.decode(), inputs=[b"/w/" + name + b".c", *headers, *more], outputs=[name])
            one = run.exec(CC, step=step, arguments=[b"cc"])
            for path in headers:
                run.found(path, size=5)
            for path in [b"/w/" + name + b".c", *(headers if name == b"one" else [headers[0]]), *more]:
                run.read(one, path)
            run.write(one, name, size=9)
        return run

    assert found(objects(own=0).graph()) == []
    assert found(objects(own=26).graph()) == []


def test_one_strange_input_is_named_among_those_that_the_same_steps_declare() -> None:
    run = Building()
    for name, read in ((b"a", [b"/w/1.h", b"/w/2.h"]), (b"b", [b"/w/1.h", b"/w/2.h", b"/w/3.h"])):
        more = [b"/w/own%d.h" % number for number in range(4)] if name == b"b" else []
        inputs = [b"/w/" + name + b".c", b"/w/1.h", b"/w/2.h", b"/w/3.h", *more]
        step = run.step(name.decode(), inputs=inputs, outputs=[b"/w/" + name + b".o"])
        one = run.exec(CC, step=step)
        run.found(b"/w/3.h", size=5)
        for path in [b"/w/" + name + b".c", *read, *more]:
            run.read(one, path)
        run.write(one, b"/w/" + name + b".o", size=9)
    assert found(run.graph()) == [("unused-input", "a", b"/w/3.h")]


def test_what_one_step_makes_for_another_counts_though_it_is_removed_later() -> None:
    def passing(*declared: bytes) -> RunGraph:
        run = Building()
        first = run.exec(CC, step=run.step("make", inputs=[b"/w/in"], outputs=[b"/w/a", *declared]))
        run.read(first, b"/w/in")
        run.write(first, b"/w/passed")
        run.write(first, b"/w/a")
        second = run.exec(CC, step=run.step("use", inputs=[b"/w/a", *declared], outputs=[b"/w/out"]))
        run.read(second, b"/w/a")
        run.read(second, b"/w/passed")
        run.write(second, b"/w/out")
        run.remove(run.exec(b"/usr/bin/engine"), b"/w/passed")
        return run.graph()

    assert found(passing(b"/w/passed")) == []
    assert found(passing()) == [
        ("undeclared-output", "make", b"/w/passed"),
        ("undeclared-input", "use", b"/w/passed"),
    ]


@pytest.mark.parametrize(("read", "lints"), [(False, []), (True, ["undeclared-output", "undeclared-input"])])
def test_a_log_is_an_output_only_where_somebody_reads_it(read: bool, lints: list[str]) -> None:
    run = Building()
    one = run.exec(CC, step=run.step("make", outputs=[b"/w/a"]))
    run.write(one, b"/w/a")
    run.write(one, b"/w/make.log")
    two = run.exec(CC, step=run.step("use", inputs=[b"/w/a"], outputs=[b"/w/out"]))
    run.read(two, b"/w/a")
    if read:
        run.read(two, b"/w/make.log")
    run.write(two, b"/w/out")
    assert [lint for lint, _, _ in found(run.graph())] == lints


def test_an_index_that_is_declared_beside_its_file_need_not_be_read() -> None:
    run = Building()
    one = run.exec(CC, step=run.step("call", inputs=[b"/w/a.bam", b"/w/a.bam.bai"], outputs=[b"/w/out"]))
    run.read(one, b"/w/a.bam")
    run.found(b"/w/a.bam.bai", size=8)
    run.write(one, b"/w/out")
    assert found(run.graph()) == []


def test_a_hidden_folder_in_which_a_step_works_hides_nothing() -> None:
    def inside(folder: bytes) -> RunGraph:
        run = Building()
        step = run.step("count", outputs=[b"/w/.test/out"])
        told = run._graph.steps[step]
        assert told.declaration is not None
        run._graph.steps[step] = replace(told, declaration=replace(told.declaration, directory=folder))
        one = run.exec(CC, step=step)
        run.read(one, b"/w/.test/codes.txt")
        run.read(one, b"/w/.test/.git/config")
        run.write(one, b"/w/.test/left")
        run.write(one, b"/w/.test/out")
        return run.graph()

    assert found(inside(b"/w")) == []
    assert found(inside(b"/w/.test")) == [
        ("undeclared-input", "count", b"/w/.test/codes.txt"),
        ("undeclared-output", "count", b"/w/.test/left"),
    ]


def test_a_long_chain_is_not_walked_to_its_end_for_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Building()
    for number in range(60):
        before, after = b"/w/%d" % number, b"/w/%d" % (number + 1)
        one = run.exec(CC, step=run.step(f"s{number}", inputs=[before], outputs=[after]))
        run.read(one, before)
        run.write(one, after)
    looked: list[int] = []
    edges = Order._edges

    def counted(self: Order, step: int, *, usual: bool) -> Iterator[tuple[bytes, bool]]:
        looked.append(step)
        return edges(self, step, usual=usual)

    monkeypatch.setattr(Order, "_edges", counted)
    assert found(run.graph()) == []
    assert len(looked) < 4 * 60


def test_a_list_that_many_steps_share_may_differ_by_little() -> None:
    headers = [b"/w/%d.h" % number for number in range(9)]
    run = Building()
    for name, more in ((b"a", [b"/w/b.c"]), (b"b", [])):
        step = run.step(
            name.decode(), inputs=[b"/w/" + name + b".c", *headers, *more], outputs=[b"/w/" + name]
        )
        one = run.exec(CC, step=step)
        run.read(one, b"/w/" + name + b".c")
        for path in (*headers, b"/w/b.c"):
            run.found(path, size=5)
        for path in headers if name == b"b" else ():
            run.read(one, path)
        run.write(one, b"/w/" + name, size=9)
    assert found(run.graph()) == [("unused-input", "a", b"/w/b.c")]
