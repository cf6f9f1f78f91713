"""``network``: a step talks to another machine, so that what it makes hangs on what is there today.

Connections within the machine are left alone, and name servers: every program that looks up a name asks one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from probe_core.ask.judgement import Judgement, command_at
from probe_core.ask.question import Question
from probe_core.hooks import Finding
from probe_core.printable import printable

_NAME_SERVICES = frozenset(("53", "853", "5353", "5355"))


def network(question: Question) -> Iterator[Finding]:
    """Give each remote end that a declared step was connected with, once a step."""
    judgement = Judgement(question)
    graph = question.graph
    seen: set[tuple[int, str]] = set()
    for channel in graph.channels:
        if channel.kind != "remote" or not _is_elsewhere(channel.name):
            continue
        for number in dict.fromkeys((*channel.writers, *channel.readers)):
            step = judgement.owner(graph.execs[number].step)
            if step is None or (step, channel.name) in seen:
                continue
            seen.add((step, channel.name))
            message = (
                f"{printable(graph.steps[step].name)} talks to {printable(channel.name)}, which nothing pins"
            )
            yield Finding("network", step, None, message, (command_at(question, number),))


def _is_elsewhere(name: str) -> bool:
    """Tell whether ``tcp HOST:PORT`` is another machine, and no name server."""
    protocol, _, address = name.partition(" ")
    if protocol not in ("tcp", "udp", "ip"):
        return False
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, ""
    if port in _NAME_SERVICES:
        return False
    try:
        there = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return bool(host)
    mapped = getattr(there, "ipv4_mapped", None) or there
    return not (mapped.is_loopback or mapped.is_unspecified)
