"""Finding plugins: entry points of the group ``probe``, and the core's own parts by the same hooks.

A plugin that cannot be loaded, or whose hook raises, is left out and remembered as a PluginError:
`probe doctor` reports it, and no other command, least of all a recording, is disturbed by it.

A recording asks for the engines alone. So they are found without pluggy, and without anything else that takes
long to import; pluggy has all plugins as soon as another hook is asked.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from probe_core.doors import TYPE_CHECKING, is_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import pluggy

    from probe_core.errors import PluginError
    from probe_core.hooks import Engine, Format

GROUP = "probe"
FOUND_BY = "found-by"  # in a run's folder: names of programs whose engines find steps afterwards
# The core's own plugins. They import what they need when they are used, not when they are found.
CORE = {"formats": "probe_core.formats", "lints": "probe_core.ask.lints"}

# What foreign code may do to us: anything but stopping us by the user's own wish.
_ANYTHING = (Exception, SystemExit)


class Entry:
    """An entry point: its name, the module (``module`` or ``module:attribute``), and who brings it."""

    __slots__ = ("name", "origin", "value")

    def __init__(self, name: str, value: str, origin: str) -> None:
        self.name, self.value, self.origin = name, value, origin

    def load(self) -> Any:
        """Import the module, and give it or its attribute."""
        module, _, attribute = self.value.partition(":")
        found = import_module(module)
        for name in filter(None, attribute.split(".")):
            found = getattr(found, name)
        return found


class Plugins:
    """The plugins of one installation, and what went wrong with them."""

    def __init__(self, entries: list[Entry] | None = None) -> None:
        """Take the core's parts and ``entries`` (those of the group ``probe``, unless others are given)."""
        self.faults: list[PluginError] = []
        self.origins: dict[str, str] = {  # plugin's name: the distribution (or module) it comes from
            f"core {name}": module for name, module in CORE.items()
        }
        self._loaded: list[tuple[str, Any]] = []
        self._hooks: pluggy.PluginManager | None = None
        for entry in _entries() if entries is None else entries:
            self.origins[entry.name] = entry.origin
            self._load(entry.name, entry.load, self._loaded)

    @property
    def hooks(self) -> pluggy.PluginManager:
        """Give pluggy's manager, with the core's parts and all plugins that could be loaded."""
        if self._hooks is None:
            import pluggy

            from probe_core import hooks

            self._hooks = pluggy.PluginManager(hooks.PROJECT)
            self._hooks.add_hookspecs(hooks.Specifications)
            core: list[tuple[str, Any]] = []
            for name, module in CORE.items():
                self._load(f"core {name}", lambda module=module: import_module(module), core)  # type: ignore[misc]
            for name, plugin in core + self._loaded:
                self._register(self._hooks, name, plugin)
        return self._hooks

    def ask(self, hook: str, /, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Call ``hook`` of one plugin after the other (the latest found first): its name and its answer.

        A plugin that raises becomes one of ``faults`` and the next one is asked. Answers that are iterators
        are read to their end here, so that their errors are caught too. Answers of None are left out.
        """
        from collections.abc import Iterator as Later

        for implementation in reversed(getattr(self.hooks.hook, hook).get_hookimpls()):
            wanted = [arguments[name] for name in implementation.argnames]
            try:
                answer = implementation.function(*wanted)
                if isinstance(answer, Later):
                    answer = list(answer)
            except _ANYTHING as error:
                self.blame(implementation.plugin_name, error)
            else:
                if answer is not None:
                    yield implementation.plugin_name, answer

    def engines(self) -> Iterator[tuple[str, Any]]:
        """Give what ``probe_engine`` of each plugin answers, in the order of their names, without pluggy."""
        for name, plugin in self._loaded:
            ask = getattr(plugin, "probe_engine", None)
            if not is_hook(ask) or ask is None:
                continue
            try:
                engine = ask()
            except _ANYTHING as error:
                self.blame(name, error)
            else:
                if engine is not None:
                    yield name, engine

    def blame(self, plugin: str, error: BaseException | str) -> None:
        """Remember that ``plugin`` failed (once for each reason)."""
        from probe_core.errors import PluginError

        if isinstance(error, str):
            error = PluginError(plugin, error)
        elif not isinstance(error, PluginError):
            error = PluginError(plugin, f"{type(error).__name__}: {error}".replace("\n", " "))
        if str(error) not in map(str, self.faults):
            self.faults.append(error)

    def _load(self, name: str, load: Callable[[], Any], loaded: list[tuple[str, Any]]) -> None:
        try:
            loaded.append((name, load()))
        except _ANYTHING as error:
            self.blame(name, error)

    def _register(self, hooks: pluggy.PluginManager, name: str, plugin: Any) -> None:
        try:
            hooks.register(plugin, name)
            hooks.check_pending()
        except _ANYTHING as error:
            self.blame(name, error)
            if hooks.get_plugin(name) is not None:
                hooks.unregister(plugin, name)


def _entries() -> list[Entry]:
    """Give the entry points of our group in the order of their names, each name once.

    As importlib.metadata finds them, whose import alone would take longer than all else of a start.
    """
    found: dict[str, Entry] = {}
    seen: set[str] = set()
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))  # noqa: PTH208 -- hot
        except OSError:
            continue  # an archive, or nothing
        for name in names:
            distribution = name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
            if name.endswith((".dist-info", ".egg-info")) and distribution not in seen:
                seen.add(distribution)
                for entry in _entries_in(folder, name):
                    found.setdefault(entry.name, entry)
    return [found[name] for name in sorted(found)]


def _entries_in(folder: str, place: str) -> Iterator[Entry]:
    """Read our group's section of a distribution's entry points; ``place`` is called ``name-version.…``."""
    try:
        with open(os.path.join(folder, place, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123 -- hot
            text = file.read()
        if f"[{GROUP}]".encode() not in text:
            return
        lines = text.decode("utf-8").splitlines()
    except (OSError, ValueError):
        return
    name, _, version = place.rpartition(".")[0].partition("-")
    origin = f"{name.replace('_', '-')} {version.partition('-')[0]}".strip()
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield Entry(key.strip(), value.partition("[")[0].strip(), origin)


_PLUGINS: list[Plugins] = []


def plugins() -> Plugins:
    """Give this process's plugins, loaded at the first call."""
    if not _PLUGINS:
        _PLUGINS.append(Plugins())
    return _PLUGINS[0]


def plugin_manager() -> pluggy.PluginManager:
    """Give pluggy's manager with everything registered. To call a hook, `Plugins.ask` is the safe way."""
    return plugins().hooks


def engines() -> dict[str, Engine]:
    """Give the workflow engines by name. A plugin whose engine is not one is blamed and left out."""
    found: dict[str, Engine] = {}
    for plugin, engine in plugins().engines():  # who came first keeps the name
        lacking = [name for name in _ENGINE if not hasattr(engine, name)]
        if lacking:
            plugins().blame(plugin, f"its engine lacks {', '.join(lacking)}")
        elif engine.name in found:
            plugins().blame(plugin, f"there is another engine called '{engine.name}'")
        else:
            found[engine.name] = engine
    return dict(sorted(found.items()))


_ENGINE = ("name", "commands", "prepare", "declared", "remedy")


def engine_of(command: Sequence[bytes]) -> Engine | None:
    """Give the engine that is recognised by the first word of a command line, with or without its folder,
    else one that recognises the command itself."""
    base = command[0].rpartition(b"/")[2].decode("utf-8", "surrogateescape")
    known = engines().values()
    found = next((engine for engine in known if base in engine.commands), None)
    return found or next((engine for engine in known if _recognises(engine, command)), None)


def _recognises(engine: Engine, command: Sequence[bytes]) -> bool:
    recognises = getattr(engine, "recognises", None)
    try:
        return recognises is not None and bool(recognises(command))
    except _ANYTHING as error:
        plugins().blame(engine.name, error)
        return False


def surroundings(run_folder: Path, environment: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Give the variables that let every engine, started anywhere below a recording, declare its steps.

    An adapter that fails is blamed and adds nothing.
    """
    gained: dict[bytes, bytes] = {}
    for engine in engines().values():
        ask = getattr(engine, "surroundings", None)
        try:
            if ask is not None:
                gained.update(ask(run_folder, {**environment, **gained}))
        except _ANYTHING as error:
            plugins().blame(engine.name, error)
    names = [name for engine in engines().values() for name in getattr(engine, "found_by", ())]
    if names:
        _leave(f"{os.fspath(run_folder)}/{FOUND_BY}", "\n".join(names))
    return gained


def _leave(place: str, text: str) -> None:
    try:
        with open(place, "w") as file:  # noqa: PTH123 - pathlib takes too long to import at the start
            file.write(text)
    except OSError:
        pass  # the launcher says what is wrong with the folder


def formats() -> dict[str, Format]:
    """Give the export formats by name."""
    from probe_core.hooks import Format

    found: dict[str, Format] = {}
    for plugin, some in reversed(list(plugins().ask("probe_formats"))):
        for one in some:
            if not isinstance(one, Format):
                plugins().blame(plugin, f"{one!r} is not a Format")
            elif one.name in found:
                plugins().blame(plugin, f"there is another format called '{one.name}'")
            else:
                found[one.name] = one
    return dict(sorted(found.items()))


def format_for(name: str) -> Format:
    """Give the format called ``name``, or the one a file called so is written in, by its ending.

    Raises UsageError, with the list of formats, when there is none, or more than one for that ending.
    """
    from probe_core.errors import UsageError

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
