"""Read what nf-probe left in a run's folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probe_core.hooks import Declared, declared_lines, together
from probe_core.model import Declaration

FOLDER = "nextflow"  # below the run's declarations; one file a Nextflow process, one JSON object a line
_TASK = (
    "tag", "hash", "index", "container", "container_engine", "conda", "spack", "values", "template",
    "runs_command", "cached", "stored",
)  # fmt: skip
_END = ("failed", "aborted", "error_action", "native_id", "hostname", "patterns", "store_dir")
_RUN = (
    "version", "session", "run_name", "resume", "params", "profile", "stub_run", "preview", "command_line",
    "script_id", "repository", "revision", "commit", "container_engine", "work_dir", "launch_dir",
    "project_dir",
)  # fmt: skip
_OF_TASK = "directives."
Untold = str | tuple[str, str]  # what could not be told, maybe with what to do
_FATAL = ("TERMINATE", "FINISH")  # what Nextflow did about a failed task


@dataclass
class Reading:
    """What one Nextflow process told."""

    run: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)  # process: the script it stands in
    scripts: list[str] = field(default_factory=list)
    operators: list[dict[str, Any]] = field(default_factory=list)  # those that write files
    starts: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    complete: dict[str, Any] = field(default_factory=dict)
    gaps: list[Untold] = field(default_factory=list)


def declared(run_folder: Path) -> Declared | None:
    """Give the tasks of all Nextflows of a run, and their publishing; None when none declared anything."""
    folder = run_folder / "declarations" / FOLDER
    if not folder.is_dir():
        return None
    steps: list[Declaration] = []
    facts: list[dict[str, Any]] = []
    gaps: list[Untold] = []
    for file in sorted(folder.glob("*.jsonl")):
        reading = _read(file)
        steps += _steps(reading)
        facts.append(_facts_or_gap(reading))
        gaps += reading.gaps
    return Declared(tuple(steps), together(facts), tuple(gaps))


def _read(file: Path) -> Reading:
    who = f"Nextflow process {file.stem}"
    lines, gaps = declared_lines(file, who)
    reading = Reading(gaps=[*gaps])
    for line in lines:
        if not _take(line, reading):
            reading.gaps.append(f"a line that {who} wrote cannot be understood")
    reading.gaps += _collecting(reading.operators)
    if reading.run and not reading.complete:
        remedy = "nothing is needed: what it told before it ended is kept"
        reading.gaps.append((f"{who} did not tell how the workflow ended", remedy))
    return reading


def _take(line: Any, reading: Reading) -> bool:
    match line:
        case {"note": "run"}:
            reading.run = line
        case {"note": "process", "name": str(name)}:
            reading.modules[name] = str(line.get("module", ""))
        case {"note": "scripts"}:
            reading.scripts += [str(one) for one in line.get("files") or ()]
            reading.operators += line.get("operators") or []
        case {"note": "start", "key": str(key)}:
            reading.starts[key] = line
        case {"note": "end", "key": str(key)}:
            reading.ends[key] = line
        case {"note": "publish", "target": str()}:
            reading.published.append(line)
        case {"note": "output", "name": str()}:
            reading.outputs.append({name: line.get(name) for name in ("name", "value", "index")})
        case {"note": "error"}:
            pass  # the task that it is about tells so itself
        case {"note": "complete"}:
            reading.complete = line
        case {"note": "gap", "text": str(text), "remedy": str(remedy)}:
            reading.gaps.append((text, remedy))
        case {"note": "gap", "text": str(text)}:
            reading.gaps.append(text)
        case _:
            return False
    return True


def _collecting(operators: Iterable[Mapping[str, Any]]) -> Iterator[Untold]:
    """Name what Nextflow's own process writes without a word to anybody: its reads belong to all of it."""
    for one in operators:
        names = [name for name in one.get("from", ()) if isinstance(name, str)]
        source = f"results of {' and '.join(names)}" if names else "no task's results"
        yield (
            f"{one.get('operator')} ({source}) is carried out by Nextflow's own process: which of the files"
            " that it read went into which that it wrote is not told apart",
            "where it matters, let a process do it: `input: path files`, given by .collect(),"
            " and `cat $files > all.txt` as its script",
        )


def _steps(reading: Reading) -> Iterator[Declaration]:
    for key, start in reading.starts.items():
        try:
            yield _task(start, reading.ends.get(key, {}), reading)
        except (KeyError, TypeError, ValueError, AttributeError):
            reading.gaps.append(f"the declaration of task {key} cannot be understood")
    if unknown := reading.ends.keys() - reading.starts.keys():
        reading.gaps.append(f"{len(unknown)} tasks ended of which nothing else was told")
    outer = reading.run.get("outer")
    for number, line in enumerate(reading.published):
        try:
            step = _publishing(number, line, outer, reading)
        except (TypeError, ValueError):
            reading.gaps.append(f"what was told of publishing {line['target']} cannot be understood")
        else:
            if step is not None:
                yield step


def _task(start: Mapping[str, Any], end: Mapping[str, Any], reading: Reading) -> Declaration:
    process, outer = str(start["process"]), reading.run.get("outer")
    work = start.get("work_dir")
    facts: dict[str, Any] = {"process": process, **_chosen(start, _TASK), **_chosen(end, _END)}
    facts["directives"] = {
        name.removeprefix(_OF_TASK): value for name, value in start.items() if name.startswith(_OF_TASK)
    }
    if module := reading.modules.get(process):
        facts["module"] = module
    if isinstance(text := start.get("script"), str):
        facts["code"] = {
            "text": text,
            "digest": "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
        }
    facts["staged"] = {one["staged"]: one.get("source", one["path"]) for one in start.get("inputs", ())}
    facts["own_paths"] = [path for path in (work, start.get("template")) if path]
    if work:
        facts["work_dir"] = work
    done_by_nextflow = not start.get("runs_command", True)
    known_end = end.get("when")
    if start.get("cached"):
        facts["made_by"] = {"step": start["key"], "session": reading.run.get("session")}
    elif done_by_nextflow and not start.get("stored") and known_end:
        facts["in_engine"] = True
    status = end.get("status")
    if status is None and end.get("failed"):
        status = 1
    return Declaration(
        key=os.fsencode(start["key"]),
        engine="nextflow",
        rule=process,
        name=str(start.get("name", process)),
        attempt=int(start.get("attempt") or 1),
        inputs=_paths(one["path"] for one in start.get("inputs", ())),
        outputs=_paths((*end.get("outputs", ()), *_carried(end.get("channels", ()), work))),
        # Nextflow notices a task's start and end when it next looks; its processes' own times are better.
        started=start.get("when") if done_by_nextflow else None,
        ended=known_end if done_by_nextflow else None,
        status=status,
        directory=os.fsencode(work) if work else None,
        outer=os.fsencode(outer) if outer else None,
        facts=facts,
    )


def _carried(channels: Iterable[str], work: str | None) -> Iterator[str]:
    """Give the files in which Nextflow finds outputs that are no files: standard output, variables."""
    for name in dict.fromkeys(channels):
        if work:
            yield f"{work}/{name}"


def _publishing(number: int, line: Mapping[str, Any], outer: object, reading: Reading) -> Declaration | None:
    """Make a step of the copying that Nextflow does itself; a link leads to the task's file anyway."""
    target, source = str(line["target"]), line.get("source")
    if not isinstance(source, str) or not target.startswith("/") or Path(target).is_symlink():
        return None
    launched = reading.run.get("launch_dir")
    shown = target.removeprefix(f"{launched}/") if isinstance(launched, str) else target
    return Declaration(
        key=f"nextflow:publish:{reading.run.get('session', '')}:{number}".encode(),
        engine="nextflow",
        rule="publish",
        name=f"publish {shown}",
        inputs=_paths((source,)),
        outputs=_paths((target,)),
        started=line.get("when"),
        ended=line.get("when"),
        status=0,
        directory=os.fsencode(launched) if isinstance(launched, str) else None,
        outer=os.fsencode(outer) if isinstance(outer, str) else None,
        facts={"runs_command": False, "in_engine": True, "labels": line.get("labels") or []},
    )


def _facts_or_gap(reading: Reading) -> dict[str, Any]:
    try:
        return _facts(reading)
    except (TypeError, ValueError, AttributeError):
        reading.gaps.append("what was told of the workflow as a whole cannot be understood")
        return {"engine": "nextflow"}


def _facts(reading: Reading) -> dict[str, Any]:
    run = reading.run
    if not run:
        return {"engine": "nextflow"}
    files = [run.get("script"), *run.get("config_files", ()), *reading.scripts]
    launched = run.get("launch_dir")
    own = [run.get("bin_dir"), run.get("home_dir")]
    if launched:
        own += [f"{launched}/.nextflow", f"{launched}/.nextflow.log"]
    return {
        "engine": "nextflow",
        **_chosen(run, _RUN),
        "workflow_files": [_described(path) for path in dict.fromkeys(files) if path],
        "own_paths": [path for path in own if path],
        "published": [_chosen(one, ("source", "target")) for one in reading.published],
        "outputs": reading.outputs,
        "operators": reading.operators,
        "success": reading.complete.get("success"),
        "failed_in": [key for key, end in reading.ends.items() if end.get("error_action") in _FATAL],
    }


def _described(path: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            return {"path": path, "digest": f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"}
    except OSError:
        return {"path": path, "digest": None}


def _chosen(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: told[name] for name in names if told.get(name) is not None}


def _paths(names: Iterable[str]) -> tuple[bytes, ...]:
    """Give the absolute paths among ``names``; what lies in no file system (a URI) is left out."""
    return tuple(dict.fromkeys(os.fsencode(name) for name in names if name.startswith("/")))
