"""Secrets are taken out, and nothing else."""

from __future__ import annotations

import pytest

from paper import PaperFiles
from probe_core.hooks import Declared
from probe_core.model import Declaration, Run, RunState
from probe_core.stitch import stitch_traces
from probe_core.stitch.redact import Redactor, redact_text
from probe_core.stitch.siphash import siphash
from segments import TraceBuilder

KEY = bytes(range(16))


def test_siphash_is_that_of_its_authors():
    assert siphash(KEY, bytes(range(15))) == 0xA129CA6149BE45E5
    assert siphash(KEY, b"") == 0x726FDB47DD0E0E31
    assert siphash(KEY, bytes(range(8))) == 0x93F5F5799A932462


@pytest.mark.parametrize(("text", "kept"), [
    (b"--password=CANARY", b"--password=<redacted>"),
    (b"--db-password=CANARY", b"--db-password=<redacted>"),
    (b"mysql --password CANARY -h db", b"mysql --password <redacted> -h db"),
    (b"--api-key='CAN ARY'", b"--api-key=<redacted>"),
    (b"AWS_SECRET_ACCESS_KEY=CANARY aws s3 ls", b"AWS_SECRET_ACCESS_KEY=<redacted> aws s3 ls"),
    (b"export TOKEN=CANARY; run", b"export TOKEN=<redacted>; run"),
    (b'{"password": "CANARY"}', b'{"password": <redacted>}'),
    (b"Authorization: Bearer CANARY-CANARY", b"Authorization: Bearer <redacted>"),
    (b"https://user:CANARY@host/x", b"https://user:<redacted>@host/x"),
    (b"git clone https://user:CANARY@host/x y", b"git clone https://user:<redacted>@host/x y"),
    (b"postgresql://:CANARY@host", b"postgresql://:<redacted>@host"),
    (b"AKIAIOSFODNN7EXAMPLE", b"<redacted>"),
    (b"ghp_abcdefghijklmnopqrstuvwxyz0123456789", b"<redacted>"),
])  # fmt: skip
def test_by_the_look(text, kept):
    assert redact_text(text) == kept


@pytest.mark.parametrize("text", [
    b"--input=a.txt", b"tokenizer --vocab=v.txt", b"sort -k 2,2", b"--passes=3", b"--key 2", b"a/b@c:d",
    b"http://host:80/x", b"awk '{print $1}' secrets.txt", b"compass=north", b"-p", b"basic.c", b"--keyword=x",
])  # fmt: skip
def test_harmless_texts_stay(text):
    assert redact_text(text) == text
    assert Redactor().arguments([text, b"next"]) == (text, b"next")


def test_the_argument_after_a_bare_option():
    arguments = Redactor().arguments
    assert arguments([b"x", b"--token", b"CANARY", b"y"]) == (b"x", b"--token", b"<redacted>", b"y")
    assert arguments([b"x", b"--password", b"--verbose"]) == (b"x", b"--password", b"--verbose")


def test_by_equality_with_a_secret_variable():
    redactor = Redactor([(KEY, siphash(KEY, b"hunter2-CANARY"))])
    assert redactor.text(b"hunter2-CANARY") == b"<redacted>"
    assert redactor.text(b"-phunter2") == b"-phunter2"
    assert redactor.text(b"--login=hunter2-CANARY") == b"--login=<redacted>"
    assert redactor.text(b"curl -H 'X: hunter2-CANARY' host") == b"curl -H 'X: <redacted>' host"


def test_a_secret_met_in_arguments_is_taken_out_of_paths():
    redactor = Redactor()
    redactor.arguments([b"clone", b"https://me:CANARY1@host/repo"])
    assert redactor.path(b"/w/https:/me:CANARY1@host/repo") == b"/w/https:/me:<redacted>@host/repo"
    assert redactor.path(b"/w/CANARY1") == b"/w/<redacted>"
    assert redactor.path(b"/w/token=1") == b"/w/token=1"


def test_json():
    params = {"password": "CANARY", "n": 1}
    told = {"shell": "curl https://u:CANARY@h", "params": params, "l": ["--token=CANARY"]}
    assert "CANARY" not in str(Redactor().json(told))
    assert Redactor().json(told)["params"]["n"] == 1


def test_nothing_of_a_canary_stays_in_a_graph():
    builder = TraceBuilder()
    environment = ((b"DB_PASSWORD", siphash(builder.key, b"CANARY-in-env"), None), (b"LANG", 1, b"C"))
    arguments = ["git", "clone", "https://me:CANARY-in-url@host/x", "--opt", "CANARY-in-env"]
    one = builder.start(100, 1, "/bin/git", arguments, "/w", environment=environment)
    builder.lookup(one, "https://me:CANARY-in-url@host/x", error=2)
    builder.exec(one, "/bin/gone", ["gone", "--password=CANARY-in-note"], entered=False, pid=101)
    builder.gap(one, 9, "sh -c --token=CANARY-in-gap")
    command = (b"git", b"https://me:CANARY-in-url@host/x")
    facts = {"config": "--token=CANARY-in-facts"}
    run = Run("1", None, None, command, b"/w", "host", "me", state=RunState.ENDED, facts=facts)
    shell = {"shell": "x --secret=CANARY-in-shell"}
    told = Declaration(b"k", "toy", "rule", "x --token=CANARY-in-name", facts=shell)
    declared = Declared((told,), gaps=("--token=CANARY-in-sentence",))
    graph = stitch_traces(run, [builder.trace()], [declared], PaperFiles())
    assert "CANARY" not in repr(graph)
    assert [variable.name for variable in graph.environments[0]] == [b"DB_PASSWORD", b"LANG"]


def test_declared_files_are_named_as_versions_are():
    redactor = Redactor()
    redactor.arguments([b"--token", b"CANARY1"])
    told = Declaration(b"k", "toy", "r", "r", inputs=(b"/w/CANARY1.txt", b"/w/a"), outputs=(b"/w/token=b",))
    kept = redactor.declaration(told)
    assert kept.inputs == (redactor.path(b"/w/CANARY1.txt"), b"/w/a")
    assert kept.outputs == told.outputs
