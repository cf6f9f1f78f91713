"""Pipes and sockets between execs, by inode, and remote ends, by address.

Who holds only the writing end writes, who holds only the reading end reads. A holder of both (the
shell that made the pipe) is a party only where one side has nobody else. Holding it as a standard
stream, or as ``/dev/fd/N`` in the arguments, counts before a descriptor that was merely left open. A
forked shell that exec'd a program holding the same end only passed it on.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from probe_core.capture.trace import NONE, Kind
from probe_core.model import Channel
from probe_core.stitch.processes import Tree
from probe_core.stitch.tape import Tape

_READS, _WRITES = 1, 2
_ENDS = {os.O_RDONLY: _READS, os.O_WRONLY: _WRITES, os.O_RDWR: _READS | _WRITES}


@dataclass(slots=True)
class _Pipe:
    kind: str
    name: str
    first: int
    ends: dict[int, int] = field(default_factory=dict)  # program -> bits
    named: set[int] = field(default_factory=set)  # programs that hold it as a stream they surely know


def channels_of(tape: Tape, tree: Tree, number_of: list[int]) -> list[Channel]:
    """All channels with both a writer and a reader. ``number_of`` gives a program's final number."""
    channels: list[Channel] = []
    for pipe in sorted(_pipes(tape, tree).values(), key=lambda pipe: (pipe.first, pipe.name)):
        writers, readers = _parties(pipe, tree)
        if writers and readers and len(writers | readers) > 1:
            ordered = [tuple(sorted(number_of[program] for program in side)) for side in (writers, readers)]
            channels.append(Channel(len(channels), pipe.kind, pipe.name, ordered[0], ordered[1]))
    for program, name in _remote(tape, tree):
        party = (number_of[program],)
        channels.append(Channel(len(channels), "remote", name, party, party))
    return channels


def _remote(tape: Tape, tree: Tree) -> dict[tuple[int, str], None]:
    """Whom each program was connected with, once each, in order of time: program and "tcp host:port".

    A client's port, chosen by the kernel, says nothing: of those that were accepted the host alone is kept.
    """
    trace = tape.trace
    found: dict[tuple[int, str], None] = {}
    for row in tape.rows((Kind.REMOTE,)):
        if trace.error[row] or trace.path[row] == NONE:
            continue
        call, _, peer = os.fsdecode(trace.paths[trace.path[row]]).partition(" ")
        protocol, _, address = peer.partition(" ")
        if protocol in ("tcp", "udp", "ip"):
            host, _, port = address.rpartition(":")
            address = _plain(host) + (f":{port}" if call == "connect" else "")
        if address and address != "@":
            found.setdefault((tree.of_image[trace.image[row]], f"{protocol} {address}"))
    return found


def _plain(host: str) -> str:
    """Write an IPv6 address in its short form."""
    if not host.startswith("["):
        return host
    import ipaddress  # seldom needed, and takes a millisecond

    try:
        return f"[{ipaddress.ip_address(host[1:-1])}]"
    except ValueError:
        return host


def _pipes(tape: Tape, tree: Tree) -> dict[tuple[str, int, int], _Pipe]:
    trace = tape.trace
    pipes: dict[tuple[str, int, int], _Pipe] = {}
    other_end: dict[tuple[str, int, int], tuple[str, int, int]] = {}
    last_pair: tuple[int, tuple[str, int, int]] | None = None
    for row in tape.rows((Kind.DESCRIPTOR, Kind.PIPE)):
        number = trace.identity[row]
        identity = trace.identities[number] if number != NONE else None
        if identity is None or not (stat.S_ISFIFO(identity.mode) or stat.S_ISSOCK(identity.mode)):
            continue
        socket, image = stat.S_ISSOCK(identity.mode), trace.image[row]
        key = (tape.hosts[image], identity.device, identity.inode)
        if socket and trace.kind[row] == Kind.PIPE:  # the ends of a socketpair are noted one after the other
            if last_pair is not None and last_pair[0] == image and last_pair[1] != key:
                other_end[key] = last_pair[1]
                last_pair = None
            else:
                last_pair = (image, key)
        key = other_end.get(key, key)
        kind = "socket" if socket else "pipe"
        pipe = pipes.setdefault(key, _Pipe(kind, f"{kind}:[{key[2]}]", trace.when[row]))
        program = tree.of_image[image]
        pipe.ends[program] = pipe.ends.get(program, 0) | _ENDS.get(identity.flags & os.O_ACCMODE, 0)
        if identity.descriptor <= 2 or _is_argument(identity.descriptor, tree.programs[program].arguments):
            pipe.named.add(program)
    return pipes


def _parties(pipe: _Pipe, tree: Tree) -> tuple[set[int], set[int]]:
    kept = {program: ends for program, ends in pipe.ends.items() if not _passes_on(program, ends, pipe, tree)}
    if pipe.kind == "socket":  # both ways
        return set(kept), set(kept)
    writers = {program for program, ends in kept.items() if ends == _WRITES}
    readers = {program for program, ends in kept.items() if ends == _READS}
    if not writers and not readers:
        return set(), set()  # as make's job server: everybody holds both, it carries no data
    both = {program for program, ends in kept.items() if ends == _READS | _WRITES}
    if not writers and len(_branches(readers, both, tree)) > 1:
        return set(), set()  # one empty standard input for all, as make gives to parallel recipes
    return _knowing(writers, pipe) or both - readers, _knowing(readers, pipe) or both - writers


def _branches(readers: set[int], makers: set[int], tree: Tree) -> set[int]:
    """The children of the pipe's makers, themselves or by their descendants among the readers."""
    above = {tree.programs[program].life for program in makers}
    found: set[int] = set()
    for program in readers:
        life: int | None = tree.programs[program].life
        while life is not None and tree.lives[life].parent not in above:
            life = tree.lives[life].parent
        if life is not None:
            found.add(life)
    return found


def _knowing(side: set[int], pipe: _Pipe) -> set[int]:
    """Those that know of it, where some do: others hold a descriptor that was left open for them."""
    return side & pipe.named or side


def _passes_on(program: int, ends: int, pipe: _Pipe, tree: Tree) -> bool:
    own = tree.programs[program]
    if not own.forked:
        return False
    line = tree.lives[own.life].programs
    after = line[line.index(program) + 1 :]
    return bool(after) and pipe.ends.get(after[0], 0) & ends != 0


def _is_argument(descriptor: int, arguments: tuple[bytes, ...]) -> bool:
    """Whether the program was told the descriptor by name (process substitution)."""
    return any(
        b"/dev/fd/%d" % descriptor in text or b"/proc/self/fd/%d" % descriptor in text for text in arguments
    )
