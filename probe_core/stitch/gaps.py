"""One sentence and one remedy for each reason why something was not seen."""

from __future__ import annotations

from collections.abc import Callable

from probe_core.model import Gap, GapReason
from probe_core.printable import printable

# Reason -> (sentence with {about}, remedy).
TEXTS: dict[GapReason, tuple[str, str]] = {
    GapReason.STATIC: (
        "{about} is statically linked, so what it read and wrote was not seen",
        "record with --static=watch (or --static=auto, as root), use a dynamically linked build of it,"
        " or declare its inputs and outputs in the workflow",
    ),
    GapReason.PRIVILEGED: (
        "{about} runs with changed privileges (set-uid, set-gid or capabilities), so it was not seen",
        "run it as a user who needs no such change, or declare its inputs and outputs",
    ),
    GapReason.FOREIGN: (
        "{about} is built for another word size or machine, so what it read and wrote was not seen",
        "record 32-bit programs on x86-64 with --static=watch, or use a build for this machine's own"
        " architecture",
    ),
    GapReason.UNREADABLE: (
        "{about} could not be read, so whether it can be recorded is not known",
        "make the program readable by the user who runs it",
    ),
    GapReason.IO_URING: (
        "{about} used io_uring; files that it opened that way were not seen",
        "switch io_uring off in that program for the recording",
    ),
    GapReason.NAMESPACE: (
        "{about} was loaded into a namespace of its own; its calls were not seen",
        "run without RTLD_DEEPBIND or dlmopen, or declare the files it touches",
    ),
    GapReason.ROOT_CHANGED: (
        "{about} changed its root or mounts; paths after that may name other files than recorded",
        "record inside the container or the new root, with probe-record copied there",
    ),
    GapReason.NO_ROOM: (
        "there was no room to record more (disk full, quota or read-only spool), {about} met it first",
        "free space, or set PROBE_SPOOL to a folder on another disk, and record again",
    ),
    GapReason.RAW_CALL: (
        "{about} made a system call by its number that may change files or programs",
        "declare the files that this program touches",
    ),
    GapReason.TOO_LONG: (
        "a path or argument of {about} was too long and was cut",
        "use shorter paths or arguments where the missing end matters",
    ),
    GapReason.DISARMED: (
        "{about} asks for another user's rights and ran without them: --static=watch takes them away",
        "record with --static=auto or --static=gap where such programs are needed",
    ),
    GapReason.UNWATCHED: (
        "what watched {about} was killed; from then on what it and its children did was not seen",
        "see who ends processes called probe-watch (a memory limit, a clean-up job), and record again",
    ),
    GapReason.SERVES_FILES: (
        "a program beside {about} serves a file system (FUSE), so from then on its files were not looked at",
        "start the file system outside the recording",
    ),
    GapReason.PAST_LIBC: (
        "{about} ended past libc: it makes its system calls itself (as Go does), or became another program"
        " so; what it did that way was not seen",
        "build it statically and record with --static=watch, or declare its inputs and outputs",
    ),
    GapReason.CONTAINER: (
        "what ran in the container of {about} was not seen",
        "copy probe-record into it and record there",
    ),
    GapReason.TORN: (
        "a process died while it wrote its last note; that one note is lost",
        "nothing is needed, unless the killed process is the one of interest: then run it again",
    ),
    GapReason.NOT_ENTERED: (
        "{about} was started but did not answer the recorder, so what it read and wrote was not seen",
        "see whether it was killed at once, or clears LD_PRELOAD; `probe doctor` tells what works here",
    ),
    GapReason.UNRECORDED_WRITER: (
        "{about} was changed by a writer that was not recorded, after it had been read or written",
        "keep other programs from writing it during the run, or record them too; then run again",
    ),
    GapReason.UNKNOWN_DESCRIPTOR: (
        "a file was inherited as an open descriptor ({about}) and could not be named",
        "open or redirect the file inside the recorded command",
    ),
    GapReason.NOT_OBSERVED: (
        "step {about} was declared to run a command, but no process of it was seen",
        "see whether the step ran on another host or in a container without the recorder",
    ),
    GapReason.LAUNCHER_LOST: (
        "nobody waited for the run's first process (its launcher was killed, or it had none, as under"
        " `make SHELL=probe-sh`), so its exit status is not known",
        "nothing that was recorded is lost; start it with `probe record` when its exit status matters",
    ),
    GapReason.ELSEWHERE: (
        "it was recorded {about}: its files were not looked at, so their contents are not known",
        "take it in where its files are, or keep them on a file system that both have",
    ),
    GapReason.UNREADABLE_SEGMENT: (
        "{about} could not be read in full",
        "see whether the disk is damaged or a newer PROBE wrote it; the rest of the run is kept",
    ),
    GapReason.NOT_RECORDED: (
        "{about} was not recorded",
        "start the engine through `probe`, so that its steps carry the recorder",
    ),
}

# Their sentence is not about a program: who shows them names it.
OF_A_PROGRAM = frozenset(
    (GapReason.NAMESPACE, GapReason.NO_ROOM, GapReason.TORN, GapReason.TOO_LONG, GapReason.UNREADABLE_SEGMENT)
)


def gap(
    reason: GapReason,
    about: bytes = b"",
    *,
    exec: int | None = None,
    step: int | None = None,
    detail: str = "",
) -> Gap:
    """Make a Gap; ``detail`` replaces the reason's usual sentence."""
    sentence, remedy = TEXTS[reason]
    return Gap(
        reason, about, exec, step, detail or sentence.format(about=printable(about) or "a program"), remedy
    )


def gap_of_engine(told: str | tuple[str, str], plain: Callable[[str], str] = str) -> Gap:
    """What an engine could not tell: a sentence, maybe with what to do; ``plain`` redacts."""
    sentence, remedy = (told, TEXTS[GapReason.NOT_RECORDED][1]) if isinstance(told, str) else told
    return Gap(GapReason.NOT_RECORDED, b"", None, None, plain(sentence), plain(remedy))
