"""Canary secrets: planted in arguments, the environment and a URL, found nowhere in what remains on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from recording import environment

PROBE = Path(sys.executable).parent / "probe"
CANARIES = {
    "argument": "canary-Arg-51f3a9",
    "variable": "canary-Var-77b0c2",
    "address": "canary-Url-e4d1a8",
    "echoed": "canary-Env-90cc1f",
}


def _everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_canary_remains(tmp_path: Path) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    env = environment(
        {
            "HOME": str(home),
            "PROBE_SPOOL": str(home / "spool"),
            "PROBE_HISTORY": str(home / "history.sqlite"),
            "DB_PASSWORD": CANARIES["variable"],
            "API_TOKEN": CANARIES["echoed"],
        }
    )
    script = (
        f"/bin/echo --password={CANARIES['argument']} > /dev/null; "
        f"/bin/echo https://me:{CANARIES['address']}@example.org/data > /dev/null; "
        '/bin/echo "$API_TOKEN" > /dev/null; echo kept > out'
    )
    (work / "job.sh").write_text(script)
    done = subprocess.run(
        [PROBE, "record", "sh", "job.sh"], cwd=work, env=env, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [PROBE, "show", "--json"], cwd=work, env=env, check=True, capture_output=True
    ).stdout
    exported = subprocess.run(
        [PROBE, "export", "prov-json", "-o", "-"], cwd=work, env=env, check=True, capture_output=True
    ).stdout
    remains = _everything(home)
    assert b"DB_PASSWORD" in remains, "the variable's name is kept"
    for name, canary in CANARIES.items():
        for place, text in {"disk": remains, "show": shown, "export": exported}.items():
            assert canary.encode() not in text, f"the {name} canary is in {place}"
