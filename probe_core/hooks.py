"""The hooks a plugin may implement. Entry-point group ``probe``; `probe doctor` lists what was found.

Each hook is called in one place. The core's own parts use the same ones. A plugin is a module (or
object) whose functions carry ``@hook`` and the names below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

from probe_core.doors import Preparation as Preparation
from probe_core.doors import hook as hook

if TYPE_CHECKING:  # whoever only asks for a plugin's engine need not pay for the model
    from probe_core.ask.question import Question
    from probe_core.model import Declaration, RunGraph, Step

PROJECT = "probe"
Specification = TypeVar("Specification", bound=Callable[..., Any])


def _spec(*, firstresult: bool = False) -> Callable[[Specification], Specification]:
    """Mark a specification, as pluggy.HookspecMarker does; who only needs a type need not import pluggy."""

    def marked(function: Specification) -> Specification:
        function.probe_spec = {"firstresult": firstresult}  # type: ignore[attr-defined]
        return function

    return marked


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that a recording saw, for an engine whose steps no variable tells apart."""

    number: int
    parent: int | None  # the number of the process that started it
    pid: int
    programs: tuple[tuple[bytes, tuple[bytes, ...]], ...]  # path and arguments, one after the other
    directory: bytes  # in which its first program started; empty: it went on with its parent's
    started: int
    ended: int | None
    status: int | None  # 0..255, 128 + signal
    pipes: frozenset[int]  # inodes of those that its programs were born with


@dataclass(frozen=True, slots=True)
class Declared:
    """What an engine's declarations say of a run.

    Facts that `probe check` knows, of a run or a declaration (absolute paths, or mappings with ``path``):
    ``own_paths``, ``workflow_files`` and ``script`` are the engine's own and never findings; ``phony`` (of a
    declaration) tells whether the rule makes nothing, where its outputs do not tell. Of a declaration too:
    ``patterns``, the names of its outputs as the rule writes them; ``container`` and ``conda``, the image
    and the environment that the rule names; ``scheduler`` and ``chains_rebuild``, see `probe_core.ask.order`;
    ``settled``, until when (ns) the engine itself may have changed the times of its outputs, unrecorded.
    Of a run: ``bookkeeping``, folders of ``own_paths`` with files for each step that only the engine reads;
    nothing is asked of them on the disk.
    """

    declarations: Sequence[Declaration] = ()
    # of the run: version, workflow files, configuration …
    facts: Mapping[str, Any] = field(default_factory=dict)
    gaps: Sequence[str | tuple[str, str]] = ()  # sentences: what the engine could not tell, and what to do
    # Steps found among the processes: numbers of those with which one begins, with its declaration. Several
    # processes may begin one step. Where one sets PROBE_STEP anew, that counts before it.
    find: Callable[[Sequence[Seen]], Iterable[tuple[int, Declaration]]] | None = None
    # Base names of programs: `find` is asked only where one of them ran. Empty: always.
    programs: frozenset[bytes] = frozenset()


def together(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the facts of several processes or engines as one: lists grow, else the earlier word counts."""
    facts: dict[str, Any] = {}
    for part in parts:
        for name, told in part.items():
            known = facts.setdefault(name, told)
            if known is not told and isinstance(known, list) and isinstance(told, list):
                facts[name] = known + [one for one in told if one not in known]
    return facts


def declared_lines(file: Path, who: str) -> tuple[list[Any], list[str]]:
    """Read what a process of an engine declared, one JSON value a line, and the gaps in that, as sentences.

    ``who`` wrote it ("Snakemake process 12"). A line that is no JSON is None; one without an end is torn
    and left out.
    """
    import json  # a recording's start need not pay for it

    def value(text: bytes) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            return None

    try:
        *whole, rest = file.read_bytes().split(b"\n")
    except OSError as error:
        return [], [f"what {who} declared cannot be read: {error.strerror}"]
    return [value(text) for text in whole], [f"{who} ended while it declared something"] if rest else []


class Engine(Protocol):
    """A workflow engine, as its adapter tells it.

    For `probe doctor` it may also have ``limits() -> Iterable[str]``, sentences on what it lacks here, and
    ``version_option: str``, where that is not ``--version``. Where a command is not known by its name,
    ``recognises(command: Sequence[bytes]) -> bool`` tells whether it is the engine's. Where variables let it
    declare its steps when it is started anywhere below a recording, they come from
    ``surroundings(run_folder: Path, environment: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]``.
    Where its steps are found afterwards (`Declared.find`), also in a recording in which it leaves nothing,
    ``found_by: tuple[str, ...]`` are the base names of its programs: it is asked when one of them ran.
    """

    name: str  # "make"; also the verb: `probe make …`
    commands: tuple[
        str, ...
    ]  # base names that `probe record` recognises in front: ("make", "gmake"); none: no verb

    def prepare(
        self, command: Sequence[bytes], run_folder: Path, environment: Mapping[bytes, bytes]
    ) -> Preparation:
        """Make the full door of the engine's own command line (``command[0]`` is the engine)."""

    def declared(self, run_folder: Path) -> Declared | None:
        """Read what the engine left in ``run_folder/declarations``; None when it left nothing."""

    def remedy(self, finding: Finding, step: Step | None = None) -> str | None:
        """What to write into the workflow's text to mend the finding about ``step``."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a format on the command line, ``--name VALUE`` (or a flag when ``default`` is a bool)."""

    name: str
    help: str
    default: str | bool | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """An export format. ``write`` streams; ``read`` exists where there is a reader."""

    name: str  # "prov-json"
    summary: str
    endings: tuple[str, ...]  # (".json",): the first is the default
    write: Callable[[RunGraph, BinaryIO, Mapping[str, Any]], None]
    options: tuple[Option, ...] = ()
    read: Callable[[BinaryIO], RunGraph] | None = None
    verb: str | None = None  # `probe VERB …` is `probe export NAME …`, and writes VERB with the first ending


@dataclass(frozen=True, slots=True)
class Sink:
    """A service that takes formats in. ``push`` is resumable: pushing twice changes nothing."""

    name: str
    summary: str
    push: Callable[[RunGraph, str, Mapping[str, Any]], None]  # graph, target, options


@dataclass(frozen=True, slots=True)
class Owner:
    """The package that a file belongs to, with the evidence."""

    system: str  # dpkg, pip, conda …
    package: str
    version: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of `probe check`."""

    lint: str  # "undeclared-input"
    step: int | None
    path: bytes | None
    message: str  # one sentence
    evidence: tuple[str, ...] = ()  # process, arguments, time
    remedy: str | None = None


class Specifications:
    """The hook specifications, in one class so that pluggy can check them."""

    @_spec()
    def probe_engine(self) -> Engine:  # type: ignore[empty-body]
        """Give one workflow engine."""

    @_spec()
    def probe_formats(self) -> Sequence[Format]:  # type: ignore[empty-body]
        """Give export formats."""

    @_spec()
    def probe_sinks(self) -> Sequence[Sink]:  # type: ignore[empty-body]
        """Give services to push to."""

    @_spec(firstresult=True)
    def probe_owner(self, path: bytes) -> Owner | None:
        """Tell which package a file belongs to; the first answer counts."""

    @_spec(firstresult=True)
    def probe_content_difference(self, kind: str, old: Path, new: Path) -> Iterator[str] | None:
        """Tell in words and numbers how two versions of a file differ; the first answer counts."""

    @_spec()
    def probe_findings(self, question: Question) -> Iterable[Finding]:  # type: ignore[empty-body]
        """Lint a run for `probe check`."""
