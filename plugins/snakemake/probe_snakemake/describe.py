"""What a Snakemake job and its workflow say of themselves, as JSON.

Everything is asked for with care: an attribute that another Snakemake names otherwise costs that one
fact and not the job.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

TEXT_MOST = 4000  # characters of one parameter's text that are kept
DIGEST_MOST = 1 << 30  # bytes; a larger temporary file is told by its identity only

Facts = dict[str, Any]


def run_facts(workflow: Any, directory: str) -> Facts:
    """Tell what Snakemake had read before the first job: workflow files and configuration, digested."""
    files = []
    for source in told(lambda: list(workflow.included), []):
        path = told(partial(_source_path, source, directory), str(source))
        files.append(described(path))
    for path in told(lambda: list(workflow.configfiles), []):
        files.append(described(absolute(str(path), directory)))
    return {
        "engine": "snakemake",
        "version": told(_version, ""),
        "directory": directory,
        "workflow_files": list({file["path"]: file for file in files}.values()),
        "configuration": told(lambda: plain(workflow.globals["config"]), {}),
        "commit": told(lambda: commit_of(Path(workflow.main_snakefile).resolve().parent), None),
        "own_paths": [absolute(".snakemake", directory)],
        "bookkeeping": [
            absolute(f".snakemake/{name}", directory) for name in ("metadata", "incomplete", "locks")
        ],
    }


def commit_of(folder: Path) -> str | None:
    """Give the commit that is checked out around ``folder``, by git's files; None outside a repository."""
    place = next((one / ".git" for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if place is None:
        return None
    if place.is_file():  # a work tree beside its repository
        place = (place.parent / place.read_text().removeprefix("gitdir:").strip()).resolve()
    head = (place / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    shared = place / (place / "commondir").read_text().strip() if (place / "commondir").exists() else place
    for base in (place, shared):
        if (base / name).is_file():
            return (base / name).read_text().strip()
    packed = (shared / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)


def cluster_facts(environment: Mapping[str, str]) -> Facts:
    """Tell where a cluster's scheduler runs this job."""
    facts = {"host": os.uname().nodename}
    for name, variable in (("job", "SLURM_JOB_ID"), ("array", "SLURM_ARRAY_JOB_ID"), ("job", "PBS_JOBID"),
                           ("job", "LSB_JOBID"), ("partition", "SLURM_JOB_PARTITION")):  # fmt: skip
        if value := environment.get(variable):
            facts.setdefault(name, value)
    return {"cluster": facts}


def job_facts(job: Any, directory: str, shell: str | None = None) -> Facts:
    """Tell what ``job`` declares: files as absolute paths, the rest as Snakemake has it.

    ``shell`` is the text of its shell command, where that is known already.
    """
    rule = job.rule
    of_rule = _of_rule(rule, job, directory)
    wildcards = told(lambda: dict(job.wildcards_dict), {})
    values = ", ".join(f"{name}={value}" for name, value in wildcards.items())
    facts: Facts = {
        "rule": str(rule.name),
        "name": f"{rule.name} ({values})" if values else str(rule.name),
        "attempt": told(lambda: int(job.attempt), 1),
        "inputs": files(told(lambda: job.input, ()), directory),
        "outputs": files(told(lambda: job.output, ()), directory),
        "logs": files(told(lambda: job.log, ()), directory),
        "wildcards": plain(wildcards),
        "params": told(lambda: named(job.params), {}),
        "resources": told(lambda: named(job.resources), {}),
        "threads": told(lambda: int(job.threads), None),
        "priority": told(lambda: plain(job.priority), None),
        "jobid": told(lambda: int(job.jobid), None),
        **of_rule,
    }
    facts |= _program(job, of_rule["kind"], directory, shell)
    facts |= _surroundings(job, directory)
    if benchmark := told(lambda: job.benchmark, None):
        facts["benchmark"] = absolute(str(benchmark), directory)
        facts["logs"].append(facts["benchmark"])
    return facts


_rules: dict[int, tuple[Any, Facts]] = {}  # by identity: Snakemake's rules compare by all their outputs


def _of_rule(rule: Any, job: Any, directory: str) -> Facts:
    """Tell what is the same for all jobs of a rule; found out once."""
    known = _rules.get(id(rule))
    if known is None:
        known = _rules[id(rule)] = (
            rule,
            {
                "kind": _kind(job),
                "snakefile": told(lambda: absolute(str(rule.snakefile), directory), None),
                "line": told(lambda: _line(rule), None),
            },
        )
    return known[1]


def _line(rule: Any) -> int:
    """Give the rule's line in the Snakefile; Snakemake's own number counts in what it made of that."""
    lines = rule.workflow.linemaps[rule.snakefile]
    return int(lines[rule.lineno])


def _kind(job: Any) -> str:
    for kind in ("shell", "script", "notebook", "wrapper", "template_engine", "cwl", "run"):
        if told(lambda kind=kind: bool(getattr(job, f"is_{kind}")), False):  # type: ignore[misc]
            return kind
    return "none"


def _program(job: Any, kind: str, directory: str, shell: str | None) -> Facts:
    """Tell what the rule runs: the shell's text, or the script with its digest."""
    rule = job.rule
    match kind:
        case "shell":
            command = shell or str(told(lambda: job.shellcmd, None) or "")
            digest = hashlib.sha256(command.encode(errors="surrogatepass")).hexdigest()
            return {"shell": command, "shell_digest": f"sha256:{digest}"}
        case "script" | "notebook" | "cwl":
            source = told(lambda: job._path_to_source_file(getattr(rule, kind)), None)
            path = told(lambda: _source_path(source, directory), str(getattr(rule, kind)))
            return {"script": described(path)}
        case "wrapper":
            own: Facts = told(lambda: _wrapper(job, directory), {})
            return {"wrapper": str(rule.wrapper), **own}
        case "run":
            text = str(told(lambda: rule.run_func_src, None) or "")
            return {"code": f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"}
        case _:
            return {"runs_command": False}


def _wrapper(job: Any, directory: str) -> Facts:
    """Tell the script of a wrapper that is a local file."""
    from snakemake import wrapper

    prefix = told(lambda: job.rule.workflow.workflow_settings.wrapper_prefix, None)
    place = _source_path(wrapper.get_path(job.rule.wrapper, prefix=prefix), directory)
    names = (place, *(f"{place}/wrapper{ending}" for ending in wrapper.EXTENSIONS))
    found = next((name for name in names if Path(name).is_file()), None)
    return {"script": described(found)} if found else {}


def _conda(spec: Any, directory: str) -> Any:
    """Tell a rule's conda environment: its file with the digest, else its folder or name."""
    if source := getattr(spec, "file", None):
        return described(_source_path(source, directory))
    return str(getattr(spec, "path", None) or getattr(spec, "name", None) or spec)


def _surroundings(job: Any, directory: str) -> Facts:
    facts: Facts = {}
    if spec := told(lambda: job.conda_env_spec, None):
        facts["conda"] = told(lambda: _conda(spec, directory), str(spec))
    if container := told(lambda: job.container_img_url, None):
        facts["container"] = str(container)
    if modules := told(lambda: job.env_modules, None):
        facts["modules"] = told(lambda: [str(name) for name in modules.names], str(modules))
    if told(lambda: bool(job.is_shadow), False):
        facts["shadow"] = told(lambda: str(job.rule.shadow_depth), True)
    if group := told(lambda: job.rule.group or job.rule._group, None):  # hidden where jobs run here
        facts["group"] = str(group)
    if retries := told(lambda: int(job.restart_times), 0):
        facts["retries"] = retries
    return facts


def temporary_digests(job: Any, directory: str) -> Facts:
    """Digest the outputs that Snakemake may remove before the run ends."""
    found: Facts = {}
    for name in told(lambda: sorted(map(str, job.temp_output)), []):
        path = absolute(name, directory)
        try:
            found[path] = _identity(path)
        except OSError:
            continue
    return found


def _identity(path: str) -> Facts:
    """What one open of a regular file says: digest, and the identity it stands for. OSError else."""
    with Path(path).open("rb") as file:
        before = os.fstat(file.fileno())
        digest = None
        if before.st_size <= DIGEST_MOST:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return {
        "digest": digest,
        "size": before.st_size,
        "modified": before.st_mtime_ns,
        "changed": before.st_ctime_ns,
        "inode": before.st_ino,
    }


def files(names: Any, directory: str) -> list[str]:
    """Give the absolute paths of a job's files; what lies in no file system is left out."""
    return [absolute(str(name), directory) for name in names if "://" not in str(name)]


def absolute(name: str, directory: str) -> str:
    """Give ``name``, which Snakemake's working directory counts for, as an absolute path."""
    return os.path.normpath(f"{directory}/{name}" if not name.startswith("/") else name)


def described(path: str) -> Facts:
    """Give a file's path and its digest, None when it cannot be read."""
    try:
        status = Path(path).stat()
    except OSError:
        return {"path": path, "digest": None}
    return {"path": path, "digest": _digest(path, status.st_mtime_ns, status.st_size)}


@lru_cache(maxsize=1024)
def _digest(path: str, _modified: int, _size: int) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return None


def _source_path(source: Any, directory: str) -> str:
    try:
        path = str(source.get_path_or_uri(secret_free=True))
    except TypeError:  # before 9.4 or so
        path = str(source.get_path_or_uri())
    return path if "://" in path or path.startswith("git+") else absolute(path, directory)


def named(values: Any) -> Facts:
    """Give Snakemake's named list as a dictionary; what has no name goes by its position."""
    found = {str(name): plain(value) for name, value in values.items()}
    kept = list(found.values())
    for position, value in enumerate(values):
        if (shown := plain(value)) not in kept:
            found[str(position)] = shown
    return found


def plain(value: Any) -> Any:
    """Give ``value`` as JSON has it; what JSON has no word for as its text."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)[:TEXT_MOST]
        case Mapping():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(part) for part in value]
        case _:
            return str(value)[:TEXT_MOST]


def told(ask: Callable[[], Any], otherwise: Any) -> Any:
    """Give the answer of ``ask``, or ``otherwise`` when this Snakemake has none."""
    try:
        return ask()
    except Exception:
        return otherwise


def _version() -> str:
    from importlib.metadata import version

    return version("snakemake")
