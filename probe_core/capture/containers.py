"""Starters of containers: what their command lines say, and where paths inside lie outside.

libprobe adds to the command line (or the environment) of a starter that it knows what programs inside need
to be recorded, with a token (libprobe/container.c). Here such a command line is read again: which engine,
image and token; and without ours it is what the user wrote.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

PLACE = b"/.probe"
UNSEEN_TIMEOUT = 10.0  # seconds that an engine may take to tell an image's id

_TOKEN = re.compile(rb"PROBE_CONTAINER=([0-9a-f]{16})\Z")
_OCI = (b"podman", b"docker", b"nerdctl")
_APPTAINER = (b"apptainer", b"singularity")
STARTERS = tuple(map(bytes.decode, (*_OCI, *_APPTAINER, b"bwrap", b"ch-run", b"unshare")))
_RUNS = (b"run", b"create", b"exec", b"start", b"restart", b"build", b"play", b"kube", b"compose", b"up")
# What is done to an engine's own store alone; `cp`, `save`, `commit` and the like touch the user's files.
_OWN_WORK = (
    *(b"rm", b"rmi", b"stop", b"kill", b"wait", b"pull", b"inspect", b"ps", b"images", b"logs", b"version"),
    *(b"info",),
)
_APPTAINER_RUNS = (b"exec", b"run", b"shell", b"test", b"instance")
# Options before an engine's subcommand that take the next argument (as in libprobe/container.c).
_ENGINE_VALUES = frozenset(
    b"--cgroup-manager --conmon --events-backend --hooks-dir --log-level -l --module --namespace -n"
    b" --root --runroot --runtime --runtime-flag --storage-driver --storage-opt --tmpdir --volumepath"
    b" --imagestore --config --network-config-dir --cni-config-dir --network-cmd-path"
    b" --registries-conf --tlscacert --tlscert --tlskey --address -a --snapshotter --data-root --url"
    b" --connection -c --context -H --host --identity --ssh".split()
)
# Options of `run` and `create` that take no value; all others do.
_FLAGS = frozenset(
    b"--detach --init --interactive --tty --rm --rmi --privileged --read-only --read-only-tmpfs"
    b" --replace --quiet --publish-all --no-healthcheck --no-hosts --oom-kill-disable --sig-proxy"
    b" --tls-verify --http-proxy --env-host --disable-content-trust --passwd --unsetenv-all --help"
    b" --use-api-socket".split()
)
_SHORT_FLAGS = frozenset(b"ditPq")
_CHARLIECLOUD_VALUES = frozenset(
    b"-b --bind -c --cd -g --gid -m --mount -s --storage -u --uid --join-pid --join-ct --join-tag".split()
)
_APPTAINER_VALUES = frozenset(
    b"--add-caps --app --apply-cgroups -B --bind --blkio-weight --cpus --cpu-shares --cpuset-cpus"
    b" --cwd --dns --docker-host --drop-caps --env --env-file --fusemount -H --home --hostname"
    b" --memory --mount --network --network-args -o --overlay --pem-path --pid-file --pwd -S --scratch"
    b" --security --shell -W --workdir".split()
)


@dataclass(frozen=True, slots=True)
class Start:
    """A command line that starts a container."""

    engine: str  # "podman", "bwrap" …
    token: bytes | None  # ours, when it was brought in
    image: bytes | None  # as the user named it; None: the engine knows none
    arguments: tuple[bytes, ...]  # without what libprobe added
    inspect: tuple[bytes, ...] = ()  # the command that tells the image's id

    @property
    def own_root(self) -> bool:
        """Whether its root file system is an image's, and no folder of this machine's."""
        return self.engine in ("podman", "docker", "nerdctl", "apptainer", "singularity")


def read_start(program: bytes, arguments: Sequence[bytes]) -> Start | None:
    """Read a program's command line; None when it starts no container."""
    if program in arguments[1:3]:  # a script: its interpreter stands in front
        front = tuple(arguments[: arguments.index(program, 1)])
        start = _read(program, arguments[len(front) :])
        return replace(start, arguments=(*front, *start.arguments)) if start is not None else None
    return _read(program, arguments)


def works_for_itself(program: bytes, arguments: Sequence[bytes]) -> bool:
    """Tell whether a container engine was called for its own store alone, as with ``podman rm``."""
    if program.rpartition(b"/")[2] not in _OCI:
        return False
    at = _skip(arguments, 1, _ENGINE_VALUES)
    at += at < len(arguments) and arguments[at] in (b"container", b"image")
    return at < len(arguments) and arguments[at] in _OWN_WORK


def _read(program: bytes, arguments: Sequence[bytes]) -> Start | None:
    name = program.rpartition(b"/")[2]
    if name in _OCI:
        return _read_oci(name, arguments)
    if name in _APPTAINER:
        return _read_apptainer(name, arguments)
    if name == b"bwrap":
        token, own = _without_block(arguments)
        return Start("bwrap", token, None, own)
    if name == b"ch-run":
        return _read_charliecloud(arguments)
    return Start("unshare", None, None, tuple(arguments)) if name == b"unshare" else None


def _read_oci(name: bytes, arguments: Sequence[bytes]) -> Start | None:
    at = _skip(arguments, 1, _ENGINE_VALUES)
    before = at
    if at < len(arguments) and arguments[at] in (b"container", b"image"):
        at += 1
    if at >= len(arguments) or arguments[at] not in _RUNS:
        return None
    token = next((found[1] for one in arguments if (found := _TOKEN.search(one))), None)
    own = tuple(one for one in arguments if token is None or not _is_added(one))
    image = _image(own, at + 1) if own[at] in (b"run", b"create") else None
    inspect = (*own[:before], b"image", b"inspect", b"--format", b"{{.Id}}", image) if image else ()
    return Start(name.decode(), token, image, own, inspect)


def _is_added(argument: bytes) -> bool:
    """Whether libprobe put this argument on podman's or ch-run's command line."""
    option, _, value = argument.partition(b"=")
    if option == b"--volume":
        return b":" + PLACE + b"/" in value
    if option == b"--bind":
        return value.endswith((b"/lib:/mnt/8", b":/mnt/9"))
    ours = (b"LD_PRELOAD=" + PLACE, b"LD_PRELOAD=/mnt/8/", b"PROBE_RUN=", b"PROBE_STEP=", b"PROBE_CONTAINER=")
    return option in (b"--env", b"--set-env") and value.startswith(ours)


def _image(arguments: Sequence[bytes], at: int) -> bytes | None:
    while at < len(arguments) and arguments[at].startswith(b"-") and arguments[at] != b"--":
        option = arguments[at]
        short = option[1:2] != b"-" and set(option[1:]) <= _SHORT_FLAGS
        alone = b"=" in option or option in _FLAGS or short or (option[1:2] != b"-" and len(option) > 2)
        at += 1 if alone else 2
    at += at < len(arguments) and arguments[at] == b"--"
    return arguments[at] if at < len(arguments) else None


def _skip(arguments: Sequence[bytes], at: int, valued: frozenset[bytes]) -> int:
    """Give the place of the first argument that is no option, nor an option's value."""
    while at < len(arguments) and arguments[at].startswith(b"-") and arguments[at] != b"--":
        at += 2 if arguments[at] in valued else 1
    return at


def _read_apptainer(name: bytes, arguments: Sequence[bytes]) -> Start | None:
    at = _skip(arguments, 1, frozenset((b"-c", b"--config")))
    if at >= len(arguments) or arguments[at] not in _APPTAINER_RUNS:
        return None
    at += 2 if arguments[at] == b"instance" else 1
    at = _skip(arguments, at, _APPTAINER_VALUES)
    return Start(name.decode(), None, arguments[at] if at < len(arguments) else None, tuple(arguments))


def _read_charliecloud(arguments: Sequence[bytes]) -> Start:
    token = next((found[1] for one in arguments if (found := _TOKEN.search(one))), None)
    own = tuple(one for one in arguments if token is None or not _is_added(one))
    at = _skip(own, 1, _CHARLIECLOUD_VALUES)
    return Start("ch-run", token, own[at] if at < len(own) else None, own)


def _without_block(arguments: Sequence[bytes]) -> tuple[bytes | None, tuple[bytes, ...]]:
    """Take out what stands between our first bind and the token's ``--setenv``."""
    words = list(arguments)
    try:
        end = words.index(b"PROBE_CONTAINER")
        begin = max(
            place
            for place in range(end)
            if words[place] == b"--ro-bind"
            and words[place + 3 : place + 4] == [b"--bind"]
            and b"libprobe" in words[place + 1]
        )
    except ValueError:
        return None, tuple(arguments)
    return words[end + 1], (*words[:begin], *words[end + 2 :])


def bwrap_binds(arguments: Sequence[bytes], directory: bytes) -> list[tuple[bytes, bytes | None]]:
    """Give (path inside, path outside or None) of bubblewrap's options; relative ones below ``directory``."""
    found: list[tuple[bytes, bytes | None]] = [(b"/", None)]
    for at, option in enumerate(arguments):
        if re.fullmatch(rb"--(dev-|ro-)?bind(-try)?", option) and at + 2 < len(arguments):
            source = arguments[at + 1]
            source = os.path.normpath(directory + b"/" + source if source[:1] != b"/" else source)
            found.append((os.path.normpath(arguments[at + 2]), source))
        elif option in (b"--tmpfs", b"--dev", b"--proc", b"--mqueue") and at + 1 < len(arguments):
            found.append((os.path.normpath(arguments[at + 1]), None))
    return found


def image_id(start: Start, program: bytes, directory: bytes) -> str | None:
    """Ask the engine for the id of an image ("sha256:…"); None when it does not tell."""
    if not start.inspect:
        return None
    import subprocess  # seldom needed, and brings threads, signals and selectors

    hidden = ("LD_PRELOAD", "PROBE_RUN", "PROBE_STEP", "PROBE_CONTAINER")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    try:
        asked = subprocess.run(
            [os.fsdecode(program), *map(os.fsdecode, start.inspect[1:])],
            env=clean, cwd=directory or b"/", stdin=subprocess.DEVNULL, capture_output=True,
            timeout=UNSEEN_TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    told = asked.stdout.decode(errors="replace").strip().removeprefix("sha256:")
    return f"sha256:{told}" if asked.returncode == 0 and re.fullmatch("[0-9a-f]{64}", told) else None


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of a mountinfo: which folder of which file system stands where."""

    point: bytes
    device: bytes  # "254:0"
    root: bytes
    kind: bytes


def read_mountinfo(text: bytes) -> list[Mount]:
    """Read a /proc/PID/mountinfo; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(b" - ")
        fields, kind = left.split(b" "), right.split(b" ")[0]
        if len(fields) > 5 and kind:
            found.append(Mount(_plain(fields[4]), fields[2], _plain(fields[3]), kind))
    return found


def here() -> list[Mount]:
    """Give the mounts of this process; none where they cannot be read."""
    try:
        return read_mountinfo(Path("/proc/self/mountinfo").read_bytes())
    except OSError:
        return []


def _plain(text: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text)


class View:
    """The file system as the programs of one container see it."""

    def __init__(self, points: Sequence[tuple[bytes, bytes | None]]) -> None:
        """``points``: where something is mounted inside, and the path outside, None when it has none."""
        self.points = dict(points)  # the last one counts, as for the kernel

    @classmethod
    def of_mounts(cls, inside: Sequence[Mount], outside: Sequence[Mount], *, own_root: bool) -> View:
        """Make it from both tables of mounts. ``own_root``: the root is an image's, wherever it may lie."""
        found = [(mount.point, _outside(mount, outside)) for mount in inside]
        if own_root:
            found = [(point, None if point == b"/" and place != b"/" else place) for point, place in found]
        return cls(found)

    def same(self) -> bool:
        """Whether every path is what it is outside."""
        return all(point == place for point, place in self.points.items())

    def outside(self, path: bytes) -> bytes | None:
        """Give the path outside of a path inside; None when it has none."""
        point = path
        while point not in self.points:
            if point in (b"", b"/"):
                return None
            point = point.rpartition(b"/")[0] or b"/"
        place = self.points[point]
        if place is None:
            return None
        return (place.rstrip(b"/") + b"/" + path[len(point) :].lstrip(b"/")).rstrip(b"/") or b"/"


def _outside(mount: Mount, outside: Sequence[Mount]) -> bytes | None:
    """Give the path outside of what is mounted there; the same path where that is one of them."""
    found = []
    for other in outside:
        if other.device == mount.device and _lies_in(mount.root, other.root):
            rest = mount.root[len(other.root.rstrip(b"/")) :].lstrip(b"/")
            found.append(((other.point.rstrip(b"/") + b"/" + rest).rstrip(b"/") or b"/", len(other.root)))
    if any(path == mount.point for path, _ in found):
        return mount.point
    return max(found, key=lambda one: one[1])[0] if found else None


def _lies_in(path: bytes, folder: bytes) -> bool:
    return folder == b"/" or path == folder or path.startswith(folder + b"/")
