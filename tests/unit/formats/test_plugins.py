"""Plugins: found, asked one by one, and never able to break what does not need them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from probe_core import plugins
from probe_core.errors import UsageError
from probe_core.plugins import Entry, Plugins, engine_of, engines, format_for, formats

ENGINE = """
from probe_core.hooks import hook
class Toy:
    name = "toy"
    commands = ("toyflow", "toy")
    def prepare(self, command, run_folder, environment): raise NotImplementedError
    def declared(self, run_folder): return None
    def remedy(self, finding): return None
@hook
def probe_engine(): return Toy()
"""
BROKEN = {
    "absent": (None, "ModuleNotFoundError"),
    "raising": ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    "leaving": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "failing": (
        "from probe_core.hooks import hook\n@hook\ndef probe_formats(): return 1 / 0",
        "ZeroDivisionError",
    ),
    "late": (
        "from probe_core.hooks import hook\n@hook\ndef probe_formats():\n    yield 1 / 0",
        "ZeroDivisionError",
    ),
    "odd": ("from probe_core.hooks import hook\n@hook\ndef probe_formats(): return ['text']", "not a Format"),
    "misspelt": ("from probe_core.hooks import hook\n@hook\ndef probe_fromats(): return []", "unknown hook"),
    "asking": ("from probe_core.hooks import hook\n@hook\ndef probe_formats(more): return []", "more"),
    "half": (
        "from probe_core.hooks import hook\nclass One: name = 'half'\n"
        "@hook\ndef probe_engine(): return One()",
        "its engine lacks commands",
    ),
    "twin": (
        "from probe_core.formats import PROV_JSON\nfrom probe_core.hooks import hook\n"
        "@hook\ndef probe_formats(): return [PROV_JSON]",
        "another format called 'prov-json'",
    ),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install plugins from their sources (None: the entry point's module is not there)."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(**sources: str | None) -> Plugins:
        entries = []
        for name, source in sources.items():
            module = f"plugin_{tmp_path.name}_{name}".replace("-", "_")
            if source is not None:
                (tmp_path / f"{module}.py").write_text(source)
            entries.append(Entry(name, module, "test 1"))
        found = Plugins(entries)
        monkeypatch.setattr(plugins, "plugins", lambda: found)
        return found

    return install


def test_the_core_is_a_plugin_like_others() -> None:
    assert {"prov-json", "dataflow-graph"} <= set(formats())
    assert "core formats" in dict(plugins.plugin_manager().list_name_plugin())


def test_an_engine_is_found_by_what_is_typed(install) -> None:
    install(toy=ENGINE)
    assert list(engines()) == ["toy"]
    assert engine_of([b"/opt/bin/toyflow"]).name == "toy"  # type: ignore[union-attr]
    assert engine_of([b"toyflow-2"]) is None
    assert engine_of([b"\xff"]) is None


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_and_the_others_work(install, name: str) -> None:
    source, reason = BROKEN[name]
    found = install(**{name: source, "toy": ENGINE})
    assert {"prov-json", "dataflow-graph"} <= set(formats())
    assert list(engines()) == ["toy"]
    formats()  # asked twice, told once
    assert [fault.plugin for fault in found.faults] == [name]
    assert reason in str(found.faults[0])
    assert "\n" not in str(found.faults[0])


def test_a_format_is_found_by_name_and_by_ending() -> None:
    assert format_for("prov-json").name == "prov-json"
    assert format_for("/tmp/picture.png").name == "dataflow-graph"
    assert format_for("run.json").name == "prov-json"


@pytest.mark.parametrize("name", ["", "prov", "x.xyz", "svg"])
def test_an_unknown_format_is_told_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=r"dataflow-graph \(\.svg .*prov-json") as caught:
        format_for(name)
    assert caught.value.exit_status == 2


def test_entry_points_are_found_where_python_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "one_thing-1.2.dist-info": "[console_scripts]\nx = y:z\n\n[probe]\n# said\n"
        "one = one.plugin\nsub = one:a.b [x]\n",
        "two-3.egg-info": "[probe]\ntwo=two\n[other]\nthree = three\n",
        "four-4.dist-info": "[probes]\nfour = four\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "entry_points.txt").write_text(text)
        distribution, _, rest = name.partition("-")
        about = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {rest[0]}\n"
        (tmp_path / name / ("METADATA" if "dist" in name else "PKG-INFO")).write_text(about)
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "absent")])
    found = plugins._entries()
    assert [(one.name, one.value) for one in found] == [
        ("one", "one.plugin"),
        ("sub", "one:a.b"),
        ("two", "two"),
    ]
    assert found[0].origin == "one-thing 1.2"
    assert {one.name for one in found} == {one.name for one in entry_points(group="probe")}


def test_doctor_tells_of_a_plugin_whose_hooks_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "misspelt.py").write_text(BROKEN["misspelt"][0] or "")
    (tmp_path / "odd_one-1.dist-info").mkdir()
    (tmp_path / "odd_one-1.dist-info" / "entry_points.txt").write_text("[probe]\nodd = misspelt\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PROBE_SPOOL": str(tmp_path / "spool")}
    command = [sys.executable, "-P", "-c", "from probe_core.cli.main import main; main()", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "odd (odd-one 1)" in done.stdout
    assert "plugin 'odd' failed" in done.stdout
    assert "unknown hook" in done.stdout


def test_finding_plugins_imports_nothing_heavy() -> None:
    heavy = ("prov", "cffi", "click", "rich", "sqlite3", "subprocess", "importlib.metadata")
    program = f"""
import sys
before = set(sys.modules)
from probe_core.plugins import CORE, Plugins
Plugins([])
print([name for name in {heavy} if name in sys.modules and name not in before])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
