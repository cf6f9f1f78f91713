"""Finding plugins: entry points of the group ``probe``, and the core's own parts by the same hooks.

A plugin that cannot be loaded, or whose hook raises, is left out and remembered as a PluginError:
`probe doctor` reports it, and no other command, least of all a recording, is disturbed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

import pluggy

from probe_core import hooks
from probe_core.errors import PluginError, UsageError
from probe_core.hooks import Engine, Format

# The core's own plugins. They import what they need when they are used, not when they are found.
CORE = {"formats": "probe_core.formats", "lints": "probe_core.ask.lints"}

# What foreign code may do to us: anything but stopping us by the user's own wish.
_ANYTHING = (Exception, SystemExit)


class Plugins:
    """The plugins of one installation, and what went wrong with them."""

    def __init__(self, entries: list[EntryPoint] | None = None) -> None:
        """Load the core's parts and ``entries`` (those of the group ``probe``, unless others are given)."""
        self.hooks = pluggy.PluginManager(hooks.PROJECT)
        self.hooks.add_hookspecs(hooks.Specifications)
        self.faults: list[PluginError] = []
        self.origins: dict[str, str] = {}  # plugin's name: the distribution (or module) it comes from
        for name, module in CORE.items():
            if find_spec(module) is not None:
                self._register(f"core {name}", module, lambda module=module: import_module(module))  # type: ignore[misc]
        for entry in _entries() if entries is None else entries:
            origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
            self._register(entry.name, origin, entry.load)

    def ask(self, hook: str, /, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call ``hook`` of one plugin after the other (the latest found first): its name and its answer.

        A plugin that raises becomes one of ``faults`` and the next one is asked. Answers that are iterators
        are read to their end here, so that their errors are caught too. Answers of None are left out.
        """
        for implementation in reversed(getattr(self.hooks.hook, hook).get_hookimpls()):
            wanted = [arguments[name] for name in implementation.argnames]
            try:
                answer = implementation.function(*wanted)
                if isinstance(answer, Iterator):
                    answer = list(answer)
            except _ANYTHING as error:
                self.blame(implementation.plugin_name, error)
            else:
                if answer is not None:
                    yield implementation.plugin_name, answer

    def blame(self, plugin: str, error: BaseException) -> None:
        """Remember that ``plugin`` failed (once for each reason)."""
        if not isinstance(error, PluginError):
            error = PluginError(plugin, f"{type(error).__name__}: {error}".replace("\n", " "))
        if str(error) not in map(str, self.faults):
            self.faults.append(error)

    def _register(self, name: str, origin: str, load: Callable[[], Any]) -> None:
        self.origins[name] = origin
        try:
            self.hooks.register(load(), name)
            self.hooks.check_pending()
        except _ANYTHING as error:
            self.blame(name, error)
            if (plugin := self.hooks.get_plugin(name)) is not None:
                self.hooks.unregister(plugin, name)


def _entries() -> list[EntryPoint]:
    """Give the entry points of our group in the order of their names, each name once."""
    found = {entry.name: entry for entry in reversed(list(entry_points(group=hooks.PROJECT)))}
    return [found[name] for name in sorted(found)]


@cache
def plugins() -> Plugins:
    """Give this process's plugins, loaded at the first call."""
    return Plugins()


def plugin_manager() -> pluggy.PluginManager:
    """Give pluggy's manager with everything registered. To call a hook, `Plugins.ask` is the safe way."""
    return plugins().hooks


def engines() -> dict[str, Engine]:
    """Give the workflow engines by name. A plugin whose engine is not one is blamed and left out."""
    found: dict[str, Engine] = {}
    for plugin, engine in plugins().ask("probe_engine"):
        lacking = [name for name in _ENGINE if not hasattr(engine, name)]
        if lacking:
            plugins().blame(plugin, PluginError(plugin, f"its engine lacks {', '.join(lacking)}"))
        elif engine.name in found:
            plugins().blame(plugin, PluginError(plugin, f"there is another engine called '{engine.name}'"))
        else:
            found[engine.name] = engine
    return dict(sorted(found.items()))


_ENGINE = ("name", "commands", "surroundings", "prepare", "declared", "remedy")


def engine_of(command: bytes) -> Engine | None:
    """Give the engine that is recognised by the first word of a command line, with or without its folder."""
    base = command.rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    return next((engine for engine in engines().values() if base in engine.commands), None)


def formats() -> dict[str, Format]:
    """Give the export formats by name."""
    found: dict[str, Format] = {}
    for plugin, some in plugins().ask("probe_formats"):
        for one in some:
            if not isinstance(one, Format):
                plugins().blame(plugin, PluginError(plugin, f"{one!r} is not a Format"))
            elif one.name in found:
                plugins().blame(plugin, PluginError(plugin, f"there is another format called '{one.name}'"))
            else:
                found[one.name] = one
    return dict(sorted(found.items()))


def format_for(name: str) -> Format:
    """Give the format called ``name``, or the one a file called so is written in, by its ending.

    Raises UsageError, with the list of formats, when there is none, or more than one for that ending.
    """
    known = formats()
    if name in known:
        return known[name]
    fitting = [one for one in known.values() if name.endswith(one.endings)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{one.name} ({' '.join(one.endings)})" for one in known.values())
    if fitting:
        both = " or ".join(one.name for one in fitting)
        raise UsageError(f"'{name}' could be written as {both}; name the format")
    raise UsageError(f"there is no format for '{name}'; there are: {listed}")
