"""`probe nextflow …`: what the user's own nextflow needs so that nf-probe is among its plugins."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from probe_core.hooks import Preparation
from probe_nextflow.declarations import FOLDER
from probe_nextflow.installation import JAR, PLUGIN, VERSION, home_folder, install

OLDEST = (25, 4)  # the first Nextflow with the interface that nf-probe implements
_DEFAULT = b"NXF_PLUGINS_DEFAULT"
_ALLOWED = b"NXF_PLUGINS_ALLOWED"
_VERSION = re.compile(rb"NXF_VER:-['\"]?(\d+)\.(\d+)")
# A launcher that gives NXF_HOME (or the like) a value of its own, and not only a default.
_FORCES = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?(NXF_(?:HOME|PLUGINS_DIR|PLUGINS_DEFAULT))=(?![\"']?\$\{?NXF_)", re.M
)
_SAID = re.compile(r"version (\d+)\.(\d+)")

# A list in NXF_PLUGINS_DEFAULT switches off that Nextflow adds these itself, by what the configuration says.
_CLOUDS = {
    b"nf-amazon": re.compile(rb"awsbatch|\bs3://"),
    b"nf-google": re.compile(rb"google-(batch|lifesciences)|\bgs://"),
    b"nf-azure": re.compile(rb"azurebatch|\baz://"),
    b"nf-k8s": re.compile(rb"['\"]k8s['\"]|\bkuberun\b"),
    b"nf-weblog": re.compile(rb"\bweblog\b"),
}
_LARGEST = 1 << 20  # bytes of a configuration file that is looked through
_LAUNCHER = 1 << 16  # bytes of the launcher

# For a Nextflow without the plugin: every task's processes carry the task's name, and no more is told.
_FALLBACK = "env {{\n    PROBE_RUN = '{run}'\n    PROBE_STEP = 'nextflow:${{PWD: -33}}'\n}}\n"


def opened(command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]) -> Preparation:
    """Prepare a command line of Nextflow. Only ``run`` starts tasks; other commands stay as they are."""
    if b"run" not in command[1:]:
        return Preparation(tuple(command))
    hindrance = _hindrance(command[0], environment)
    if hindrance is not None:
        return _without_plugin(command, run_folder, *hindrance)
    added = {_DEFAULT: _plugins(command, environment), b"NXF_HOME": os.fsencode(home_folder(environment))}
    return Preparation(tuple(command), added)


def _hindrance(program: bytes, environment: Mapping[bytes, bytes]) -> tuple[str, str] | None:
    """Tell why the plugin cannot be used, and what to do; None when it is installed."""
    if environment.get(_DEFAULT) == b"false":
        return (
            "NXF_PLUGINS_DEFAULT=false forbids plugins that the configuration does not name",
            "unset NXF_PLUGINS_DEFAULT for the recording",
        )
    allowed = environment.get(_ALLOWED)
    if allowed is not None and not re.search(rb"(^|,)nf-probe(@|,|$)", allowed):
        return f"NXF_PLUGINS_ALLOWED does not name {PLUGIN}", f"add {PLUGIN} to NXF_PLUGINS_ALLOWED"
    if not JAR.exists():
        return (
            f"this installation of PROBE lacks {PLUGIN} (it was built without Maven)",
            "install PROBE from a wheel, or build it where Maven and a JDK are",
        )
    path, launcher = _launcher(program, environment)
    if forced := _FORCES.search(launcher):
        name = forced[1].decode()
        return f"{path} sets {name} itself", f"let it keep a {name} that is set already: ${{{name}:-…}}"
    version = _version(path, launcher, environment)
    if version is not None and version < OLDEST:
        return (
            f"Nextflow {version[0]}.{version[1]:02} is older than 25.04, which {PLUGIN} needs",
            "record with Nextflow 25.04 or newer (NXF_VER=25.04.4)",
        )
    try:
        install(environment)
    except OSError as error:
        place = error.filename or "the plugins folder"
        return (
            f"{PLUGIN} cannot be installed in {place}: {error.strerror}",
            "let NXF_HOME (or NXF_PLUGINS_DIR) name a folder that you may write to",
        )
    return None


def _plugins(command: Sequence[bytes], environment: Mapping[bytes, bytes]) -> bytes:
    """Give the list of default plugins: ours, and those that Nextflow would have chosen without a list."""
    ours = f"{PLUGIN}@{VERSION}".encode()
    before = environment.get(_DEFAULT, b"")
    if before not in (b"", b"true"):
        others = [name for name in before.split(b",") if name.partition(b"@")[0] != PLUGIN.encode()]
        return b",".join((*others, ours))
    texts = [b"\n".join(command), *_configurations(command, environment)]
    clouds = [name for name, sign in _CLOUDS.items() if any(map(sign.search, texts))]
    if b"NXF_ENABLE_AWS_SES" in environment and b"nf-amazon" not in clouds:
        clouds.append(b"nf-amazon")
    return b",".join((*clouds, ours))


def _configurations(command: Sequence[bytes], environment: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """Give the text of the configuration files that this command line reads, those they may include too."""
    home = home_folder(environment)
    named = [os.fsdecode(word) for word in command[1:] if not word.startswith(b"-")]
    files = [home / "config", Path("nextflow.config"), *(Path(name) for name in named if "config" in name)]
    for name in named:
        project = Path(name) if Path(name).is_dir() else Path(name).parent
        if Path(name).exists() or (project := home / "assets" / name).is_dir():
            files += [*project.glob("*.config"), *project.glob("conf/*.config")]
    for file in dict.fromkeys(files):
        try:
            if file.stat().st_size <= _LARGEST:
                yield file.read_bytes()
        except OSError:
            continue


def _launcher(program: bytes, environment: Mapping[bytes, bytes]) -> tuple[Path | None, bytes]:
    """Find the nextflow that is meant, with the beginning of its text."""
    path = shutil.which(os.fsdecode(program), path=os.fsdecode(environment.get(b"PATH", b"")) or None)
    if path is None:
        return None, b""
    try:
        with Path(path).open("rb") as file:
            return Path(path), file.read(_LAUNCHER)
    except OSError:
        return Path(path), b""


def _version(
    path: Path | None, launcher: bytes, environment: Mapping[bytes, bytes]
) -> tuple[int, int] | None:
    """Tell the version of Nextflow: as its launcher has it, else as it says; None when it cannot be told."""
    found = re.match(rb"(\d+)\.(\d+)", environment.get(b"NXF_VER", b"")) or _VERSION.search(launcher)
    if found:
        return int(found[1]), int(found[2])
    return _asked(path, environment) if path is not None else None


def _asked(path: Path, environment: Mapping[bytes, bytes]) -> tuple[int, int] | None:
    """Ask a nextflow that is not the usual launcher; the answer is kept, since Java takes its time."""
    from probe_core.capture.place import default_spool

    try:
        status = path.stat()
    except OSError:
        return None
    signs = f"{path} {status.st_mtime_ns} {status.st_size}"
    kept = Path(default_spool(), "nextflow-versions.json")
    known: dict[str, str] = {}
    try:
        known = json.loads(kept.read_text())
        return _said(known[signs])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        done = subprocess.run(
            [path, "-version"], env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    if _said(done.stdout) is not None:
        try:
            aside = kept.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps({**known, signs: done.stdout}))
            aside.rename(kept)
        except (OSError, TypeError):
            pass  # asked again next time
    return _said(done.stdout)


def _said(text: str) -> tuple[int, int] | None:
    found = _SAID.search(text)
    return (int(found[1]), int(found[2])) if found else None


def _without_plugin(command: Sequence[bytes], run_folder: Path, reason: str, remedy: str) -> Preparation:
    """Give every task's processes the task's name by a configuration file, and leave the reason as a gap."""
    folder = run_folder / "declarations" / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = f"{reason}; of Nextflow's tasks only their names are known"
    line = {"note": "gap", "text": text, "remedy": remedy}
    (folder / "without-plugin.jsonl").write_text(json.dumps(line) + "\n")
    if b"-C" in command:
        return Preparation(tuple(command), notes=(text,))  # the user said which configuration alone counts
    file = folder / "probe.config"
    file.write_text(_FALLBACK.format(run=str(run_folder).replace("\\", "\\\\").replace("'", "\\'")))
    at = command.index(b"run", 1)
    before, after = command[: at + 1], command[at + 1 :]
    return Preparation((*before, b"-c", os.fsencode(file), *after), notes=(text,))
