"""Print what pyproject.toml asks for, one a line: the run-time's own, or those of the extras named.

So that the Makefile can install them once, apart from the package, which is rebuilt often.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extras: list[str]) -> list[str]:
    """Give the project's dependencies, or those of ``extras`` when there are any."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    if not extras:
        return list(project["dependencies"])
    return [line for extra in extras for line in project["optional-dependencies"][extra]]


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
