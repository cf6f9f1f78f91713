"""Faults put into a package's Makefiles, and what `probe check` has to say of each.

What depends on what is told by others than PROBE: by the Makefile itself, and by the compiler
(``make CC='cc -MMD'`` in a copy), whose lists are added to the Makefile first; each seed then takes
something away, or puts something in that nobody needs.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import seeds_parallel
from packages import Built, Fault, make
from seeds_parallel import SHARED, Raced

TAKEN = (".h", ".sh", ".y", ".def", ".map", ".tab", ".inc")  # a build goes on without these
MOST = 6  # seeds of one kind in one round


@dataclass
class Seeded:
    """What was changed: pairs of target and file taken out, and the findings that the rest must give."""

    removed: set[tuple[str, str]] = field(default_factory=set)
    expected: set[Fault] = field(default_factory=set)
    races: list[Raced] = field(default_factory=list)
    renamed: set[str] = field(default_factory=set)  # targets that their recipes do not make any more


def listed(place: Path) -> dict[str, set[str]]:
    """Build with the compiler's own lists, and give for each object the package's headers that went in."""
    done = make(place, "-j2", "CC=cc -MMD")
    found: dict[str, set[str]] = {}
    for file in place.rglob("*.d") if done.returncode == 0 else ():
        text = file.read_text(errors="replace").replace("\\\n", " ") if file.is_file() else ""
        if match := re.match(r"(\S+): (.*)", text):
            for base in (file.parent, *file.parents[: len(file.relative_to(place).parts)]):
                names = [os.path.normpath(base / name) for name in match[2].split()]
                if names and all(Path(name).exists() for name in names):
                    headers = {os.path.relpath(one, place) for one in names[1:]}
                    target = os.path.relpath(os.path.normpath(base / match[1]), place)
                    found[target] = {one for one in headers if not one.startswith(("../", "/"))}
                    break
    return found


def seed(built: Built, headers: dict[str, set[str]], place: Path, number: int) -> Seeded:
    """Change the Makefiles in ``place``, by what the recorded build of an untouched copy tells of rules."""
    chosen = random.Random(f"{place.name} {number}")
    seeded = Seeded()
    _take_words_out(built, place, chosen, seeded)
    _leave_out_of_lists(built, headers, place, chosen, seeded)
    _put_strangers_in(built, headers, place, chosen, seeded)
    _write_more(built, place, chosen, seeded)
    objects = {
        target: makefile
        for target, step in _steps(built)
        if target in headers and (makefile := _makefile_of(built, step, place)) is not None
    }
    if (made := seeds_parallel.make_a_header(built, place, objects, chosen)) is not None:
        seeded.expected.add(made.fault)
        seeded.races.append(made)
    return seeded


def expected(seeded: Seeded, before: Built, after: Built, headers: dict[str, set[str]]) -> set[Fault]:
    """Give the findings that the seeds call for: of what was taken out, what a target is not told any more.

    That it needs the file is the compiler's word, or the untouched Makefile's where the recipe read it.
    """
    needed = {(target, one) for target, some in headers.items() for one in some} | _read(before)
    told = _told(after)
    found = set(seeded.expected)
    known = {one for one, _ in told} - seeded.renamed  # what is never there is made each time
    for target, file in seeded.removed & needed:
        if (target, file) not in told and target in known:
            found.add(Fault("undeclared-input", target, file))
    return found


def _steps(built: Built) -> Iterator[tuple[str, int]]:
    assert built.workflow is not None
    for step in built.workflow.graph.steps:
        if step.declaration is not None:
            yield built.target(step.number), step.number


def _told(built: Built) -> set[tuple[str, str]]:
    """Give what each target declares, and each target with nothing."""
    assert built.workflow is not None
    found = set()
    for target, number in _steps(built):
        declaration = built.workflow.graph.steps[number].declaration
        assert declaration is not None
        names = [built.name(path) for path in (*declaration.inputs, *declaration.order_only)]
        found |= {(target, name) for name in (*names, "")}
    return found


def _read(built: Built) -> set[tuple[str, str]]:
    """Give what each target declares and its recipe read."""
    assert built.workflow is not None
    graph, question = built.workflow.graph, built.workflow.question
    found = set()
    for target, number in _steps(built):
        read = {graph.versions[one].path for one in question.versions_read(number)}
        declaration = graph.steps[number].declaration
        assert declaration is not None
        found |= {(target, built.name(path)) for path in declaration.inputs if path in read}
    return found


def _take_words_out(built: Built, place: Path, chosen: random.Random, seeded: Seeded) -> None:
    """Take prerequisites out of the lines in which they stand by name."""
    read = _read(built)
    found: list[tuple[Path, str, str, str]] = []
    for makefile in _makefiles(built, place):
        base = makefile.parent
        for match in re.finditer(
            r"^(?![\t#])([^:=#\n]+):(?![:=])((?:\\\n|[^\n=;#])*)$", _text(makefile), re.M
        ):
            owners = [os.path.relpath(os.path.normpath(base / one), place) for one in match[1].split()]
            for word in match[2].replace("\\\n", " ").split():
                file = os.path.relpath(os.path.normpath(base / word), place)
                if any((one, file) in read for one in owners) and file.endswith(TAKEN):
                    found.append((makefile, match[0], word, file))
    for makefile, line, word, file in chosen.sample(found, min(MOST, len(found))):
        text = _text(makefile)
        begin = text.find(line)
        if begin < 0:
            continue  # another seed changed the line
        head, colon, rest = line.partition(":")
        shorter = re.sub(rf"(?<=\s){re.escape(word)}(?=\s|\\|$)", "", rest)
        makefile.write_bytes(os.fsencode(text.replace(line, head + colon + shorter, 1)))
        for owner in head.split():
            seeded.removed.add((os.path.relpath(os.path.normpath(makefile.parent / owner), place), file))


def _leave_out_of_lists(
    built: Built, headers: dict[str, set[str]], place: Path, chosen: random.Random, seeded: Seeded
) -> None:
    """Add the compiler's lists to the Makefiles, except some of the headers that stand nowhere else."""
    told = _told(built)
    pairs = [(target, one) for target, some in sorted(headers.items()) for one in sorted(some)]
    missing = [pair for pair in pairs if pair not in told and (pair[0], "") in told]
    left = set(chosen.sample(missing, min(MOST, len(missing))))
    added = set(missing) - left
    for target, number in _steps(built):
        makefile = _makefile_of(built, number, place)
        more = [one for one in sorted(headers.get(target, ())) if (target, one) in added]
        if makefile is not None and more:
            _rule(makefile, place, target, more)
    seeded.removed |= left


def _put_strangers_in(
    built: Built, headers: dict[str, set[str]], place: Path, chosen: random.Random, seeded: Seeded
) -> None:
    """Give two objects a prerequisite each that their compiler did not list."""
    files = sorted(str(one.relative_to(place)) for one in place.rglob("*.[ch]") if one.stat().st_size)
    told = _told(built)
    objects = [one for one in _steps(built) if one[0] in headers and one[0].endswith((".o", ".lo"))]
    for target, number in chosen.sample(objects, min(2, len(objects))):
        makefile = _makefile_of(built, number, place)
        strange = [
            one for one in files
            if one not in headers[target] and (target, one) not in told
            and Path(one).stem != Path(target).stem
            and all(fault.path != one for fault in seeded.expected)
        ]  # fmt: skip
        if makefile is not None and strange:
            file = chosen.choice(strange)
            _rule(makefile, place, target, [file])
            seeded.expected.add(Fault("unused-input", target, file))


def _write_more(built: Built, place: Path, chosen: random.Random, seeded: Seeded) -> None:
    """Let recipes leave a file of their own each, two write the same one, and one program have another name
    or come twice.
    """
    by_rule = _rules(built, place)
    used = _used(built)
    rules = [rule for rule in sorted(by_rule, key=str) if _recipe_at(*rule) is not None]
    chosen.shuffle(rules)
    final = next((rule for rule in rules if len(by_rule[rule]) == 1 and by_rule[rule][0] not in used), None)
    changes: list[tuple[tuple[Path, int], str]] = []
    for rule in [one for one in rules if one != final][:1]:
        changes.append((rule, "\t@echo left > $@.left"))
        seeded.expected |= {Fault("undeclared-output", one, f"{one}.left") for one in by_rule[rule]}
    if final is not None:
        target = by_rule[final][0]
        if chosen.random() < 0.5:
            changes.append((final, "\t@echo other > $@-other"))
            seeded.expected.add(Fault("undeclared-output", target, f"{target}-other"))
        else:
            changes.append((final, "\t@mv $@ $@-renamed"))
            seeded.expected.add(Fault("unmade-output", target, target))
            seeded.renamed.add(target)
    changes += _write_twice(built, by_rule, rules, place, seeded)
    for (makefile, line), text in sorted(changes, key=lambda one: -one[0][1]):
        lines = _text(makefile).split("\n")
        at = _recipe_at(makefile, line)
        assert at is not None
        while "-renamed" in text and at < len(lines) and lines[at].startswith("\t"):
            at += 1  # behind the recipe's last line
        lines.insert(at, text)
        makefile.write_bytes(os.fsencode("\n".join(lines)))


def _used(built: Built) -> set[str]:
    """Give what a target declares, and what another one's recipe reads."""
    assert built.workflow is not None
    versions, question = built.workflow.graph.versions, built.workflow.question
    read = {
        name
        for target, number in _steps(built)
        for one in question.versions_read(number)
        if (name := built.name(versions[one].path)) != target
    }
    return read | {name for _, name in _told(built)}


def _write_twice(
    built: Built, by_rule: dict[tuple[Path, int], list[str]], rules: list[tuple[Path, int]], place: Path,
    seeded: Seeded,
) -> list[tuple[tuple[Path, int], str]]:  # fmt: skip
    """Give what two rules of one Makefile gain so that both write one file."""
    single = [one for one in rules if len(by_rule[one]) == 1 and by_rule[one][0] not in seeded.renamed]
    two = next(((one, other) for one in single for other in single
                if one[0] == other[0] and one != other), None)  # fmt: skip
    if two is None:
        return []
    order = [target for target, _ in _steps(built)]
    first, second = sorted(two, key=lambda one: order.index(by_rule[one][0]))
    folder = first[0].parent
    targets = [(by_rule[one][0], os.path.relpath(place / by_rule[one][0], folder)) for one in (first, second)]
    race, left = seeds_parallel.write_twice(targets[0], targets[1], os.path.relpath(folder, place))
    seeded.races.append(race)
    seeded.expected |= left
    lines = [f"\t@echo {name} > {SHARED}" for _, name in targets]
    return list(zip((first, second), lines, strict=True))


def _rules(built: Built, place: Path) -> dict[tuple[Path, int], list[str]]:
    """Give for each rule, by its place, the targets that it made."""
    found: dict[tuple[Path, int], list[str]] = {}
    assert built.workflow is not None
    for target, number in _steps(built):
        declaration = built.workflow.graph.steps[number].declaration
        assert declaration is not None
        makefile = _makefile_of(built, number, place)
        made = [built.name(built.workflow.graph.versions[one].path)
                for one in built.workflow.question.versions_written(number)]  # fmt: skip
        if makefile is not None and isinstance(declaration.facts.get("line"), int) and target in made:
            found.setdefault((makefile, declaration.facts["line"]), []).append(target)
    return found


def _recipe_at(makefile: Path, line: int) -> int | None:
    """Give the index of the first line of the recipe below ``line``, where its rule is; None without one."""
    lines = _text(makefile).split("\n")
    at = line - 1
    while at < len(lines) and lines[at].endswith("\\"):
        at += 1
    at += 1
    return at if at < len(lines) and lines[at].startswith("\t") else None


def _makefiles(built: Built, place: Path) -> list[Path]:
    found = (_makefile_of(built, number, place) for _, number in _steps(built))
    return sorted({one for one in found if one is not None})


def _makefile_of(built: Built, number: int, place: Path) -> Path | None:
    """Give the Makefile to write into for a step, in the copy at ``place``."""
    assert built.workflow is not None
    declaration = built.workflow.graph.steps[number].declaration
    assert declaration is not None
    makefiles = [declaration.facts.get("makefile"), *(declaration.facts.get("makefiles") or ())]
    for one in makefiles:
        if isinstance(one, str) and not os.path.relpath(one, built.place).startswith(".."):
            found = place / os.path.relpath(one, built.place)
            if found.is_file() and found.parent == place / built.name(declaration.directory or b""):
                return found
    return None


def _rule(makefile: Path, place: Path, target: str, inputs: list[str]) -> None:
    """Append a rule without a recipe, in the names of the Makefile's own folder."""
    names = [os.path.relpath(place / one, makefile.parent) for one in (target, *inputs)]
    with makefile.open("a") as file:
        file.write(f"\n{names[0]}: {' '.join(names[1:])}\n")


def _text(file: Path) -> str:
    return os.fsdecode(file.read_bytes())
