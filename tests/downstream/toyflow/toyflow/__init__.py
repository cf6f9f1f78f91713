"""A workflow engine. A flow is a file of lines ``name: inputs -> outputs : command``, run in their order.

Of PROBE it knows nothing; like many engines it can write a log, and give each step's name to its commands:
``TOYFLOW_LOG`` names the log, ``TOYFLOW_TAG`` the variable that is to hold the name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Run the flow in the file given; ends as its first failing command."""
    flow = Path(sys.argv[1])
    for number, line in enumerate(flow.read_text().splitlines(), 1):
        name, _, rest = line.partition(":")
        files, _, command = rest.partition(":")
        if not command or line.startswith("#"):
            continue
        inputs, _, outputs = files.partition("->")
        tag = f"{os.getpid()}.{number}"
        step = {"tag": tag, "name": name.strip(), "inputs": inputs.split(), "outputs": outputs.split()}
        status = run(command.strip(), {"flow": str(flow.resolve()), "line": number, **step})
        if status:
            return status
    return 0


def run(command: str, step: dict[str, object]) -> int:
    """Run one step and log it."""
    environment = dict(os.environ)
    if "TOYFLOW_TAG" in environment:
        environment[environment["TOYFLOW_TAG"]] = f"toyflow:{step['tag']}"
    started = time.time_ns()
    status = subprocess.run(["sh", "-c", command], env=environment, check=False).returncode
    if "TOYFLOW_LOG" in environment:
        times = {"started": started, "ended": time.time_ns()}
        told = step | times | {"directory": str(Path.cwd()), "status": status}
        log = Path(environment["TOYFLOW_LOG"])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as out:
            out.write(json.dumps(told) + "\n")
    return status
