"""Imports run one way: this test reads the sources, so that a shortcut does not go unseen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A part may import itself and what is named here.
BELOW: dict[str, set[str]] = {
    "errors": set(),
    "printable": set(),
    "model": set(),
    "doors": set(),
    "hooks": {"model", "errors", "printable", "doors"},
    "capture": {"model", "errors", "printable", "hooks", "plugins"},
    "stitch": {"model", "errors", "printable", "hooks", "plugins", "capture"},
    "history": {"model", "errors", "printable", "hooks", "plugins", "capture", "stitch"},
    "ask": {"model", "errors", "printable", "hooks", "plugins", "capture", "stitch", "history"},
    "formats": {"model", "errors", "printable", "hooks", "plugins", "capture", "stitch", "history", "ask"},
}
BELOW["remake"] = BELOW["sinks"] = BELOW["formats"] | {"formats"}
BELOW["web"] = BELOW["cli"] = BELOW["remake"] | {"remake", "sinks", "doors"}
# plugins.py registers the core's own formats and lints by name, lazily.
BELOW["plugins"] = {"model", "errors", "printable", "doors", "hooks", "formats", "ask"}

# Who may import a library from outside.
OUTSIDE = {
    "cffi": {"capture"},
    "prov": {"formats"},
    "rdflib": {"formats"},
    "click": {"cli"},
    "rich": {"cli"},
    "sqlite3": {"history"},
    "pluggy": {"hooks", "plugins"},
}
ENGINES = {"snakemake", "probe_make", "probe_ninja", "probe_script", "probe_snakemake"} | {
    "snakemake_executor_plugin_probe"
}


def imports(source: str, package: str) -> Iterator[tuple[str, bool]]:
    """Give each imported module's absolute name, and whether it is imported for typing only."""
    tree = ast.parse(source)
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in typing_only
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                module = ".".join([*above, module]).rstrip(".")
            if module == "probe_core":
                yield from ((f"probe_core.{alias.name}", id(node) in typing_only) for alias in node.names)
            else:
                yield module, id(node) in typing_only


def part_of(module: str) -> str:
    """Name the part of probe_core that a dotted module belongs to."""
    return module.split(".")[1] if "." in module else ""


def faults(path: Path, root: Path = ROOT) -> list[str]:
    """List what ``path`` imports against the direction."""
    relative = path.relative_to(root)
    part = relative.parts[1].removesuffix(".py")
    package = ".".join(relative.parent.parts)
    found = []
    for module, typing_only in imports(path.read_text(), package):
        outer = module.split(".")[0]
        if outer == "probe_core":
            other = part_of(module)
            if other not in ("", part) and part in BELOW and other not in BELOW[part] and not typing_only:
                found.append(f"{relative}: {part} imports {module}")
        elif outer in OUTSIDE and part not in OUTSIDE[outer]:
            found.append(f"{relative}: {outer} is not for {part}")
        elif outer in ENGINES:
            found.append(f"{relative}: the core names an engine ({outer})")
    return found


MODULES = sorted(
    path
    for path in (ROOT / "probe_core").rglob("*.py")
    if path.relative_to(ROOT / "probe_core").parts != ("__init__.py",)
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    assert faults(path) == []


def test_every_part_has_a_place() -> None:
    parts = {path.relative_to(ROOT / "probe_core").parts[0].removesuffix(".py") for path in MODULES}
    assert parts <= set(BELOW), "name the new part in BELOW"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("model.py", "import probe_core.stitch"),
        ("capture/spool.py", "from probe_core.history.store import Store"),
        ("capture/spool.py", "from ..ask import why"),
        ("stitch/fold.py", "import cffi"),
        ("ask/why.py", "def f():\n    import click"),
        ("formats/graph.py", "import snakemake"),
    ],
)
def test_a_shortcut_is_seen(tmp_path: Path, name: str, source: str) -> None:
    path = tmp_path / "probe_core" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert faults(path, tmp_path)
