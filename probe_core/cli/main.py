"""`probe`: the way in, and the one place where errors become a sentence and an exit status.

`probe record` stands between the user's prompt and the user's command, so its plain form is read here
without click; whatever is not plain (an unknown option, --help) goes to click, which explains it.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Sequence

    import click
else:  # what `signal` wraps in enumerations, at the price of a quarter of Python's own start
    import _signal

INTERRUPTED = 130
_BEFORE = ("--history", "--spool", "--debug")  # options of `probe` itself
_MEANT = r"\. \(?Did you mean(?: one of)?:? (.+?)\?\)?$"  # as click ends its sentence

# verb: its module and the command in it; the order is that of `probe --help`
VERBS = {
    "record": "probe_core.cli.record:record",
    "runs": "probe_core.cli.runs:runs",
    "show": "probe_core.cli.show:show",
    "why": "probe_core.cli.why:why",
    "uses": "probe_core.cli.why:uses",
    "check": "probe_core.cli.check:check",
    "export": "probe_core.cli.export:export",
    "forget": "probe_core.cli.forget:forget",
    "doctor": "probe_core.cli.doctor:doctor",
}


def main() -> None:
    """Run `probe` with the words of the command line."""
    # Python ignores these two; a recorded command must not inherit that, and `probe … | head` ends quietly.
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    words = sys.argv[1:]
    sys.exit(guarded(lambda: _run(words), debug=_wants_debug(words)))


def _run(words: Sequence[str]) -> object:
    if words and not words[0].startswith("-") and (words[0] == "record" or words[0] not in VERBS):
        gc.disable()  # soon another program: collecting among the modules imported would be 4 % of the start
        from probe_core.cli.recording import engine_request, plain_request, start

        request = plain_request(words[1:]) if words[0] == "record" else engine_request(words)
        if request is not None:
            start(request)
    from probe_core.cli.verbs import probe

    return probe.main(args=list(words), prog_name="probe", standalone_mode=False)


def _wants_debug(words: Sequence[str]) -> bool:
    """Tell whether --debug stands before the verb: it must hold even when reading the words fails."""
    before = []
    for word in words:
        if not word.startswith("-"):
            break
        before.append(word)
    return "--debug" in before or os.environ.get("PROBE_DEBUG", "") not in ("", "0")


def guarded(call: Callable[[], object], *, debug: bool = False) -> int:
    """Run ``call`` and give the exit status; what it raises becomes one sentence on standard error."""
    try:
        result = call()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 128 + _signal.SIGPIPE
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _told(error)
    return result if isinstance(result, int) else 0


def _told(error: Exception) -> int:
    from probe_core.errors import ProbeError

    if isinstance(error, ProbeError):
        return _say(str(error), error.exit_status)
    if isinstance(error, OSError) and error.filename is not None:
        from probe_core.ask.wording import shown

        reason = (error.strerror or str(error)).lower()
        return _say(f"{shown(os.fspath(error.filename))}: {reason}", 1)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return _say(f"not all could be written: {(error.strerror or str(error)).lower()}", 1)
    told = _told_by_click(error)
    if told is not None:
        return told
    return _say(f"{type(error).__name__}: {error}; this is a fault in PROBE; run again with --debug", 1)


def _told_by_click(error: Exception) -> int | None:
    """Give the exit status of an error of click's, after it was shown; None for another one."""
    if "click" not in sys.modules:
        return None
    import click

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        _show(error)
        return error.exit_code
    return None


def _show(error: click.ClickException) -> None:
    """Show a wrong command line in one sentence that ends with where help is; one without words, the help."""
    import re

    import click

    from probe_core.printable import printable

    context = getattr(error, "ctx", None)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    path = context.command_path if context is not None else "probe"
    if isinstance(error, click.NoSuchOption) and error.option_name in _BEFORE and context is not None:
        _say(f"{error.option_name} stands before the command: probe {error.option_name} … {path[6:]} …", 2)
        return
    message = printable(error.format_message()).rstrip(".")
    message = re.sub(_MEANT, r"; did you mean \1", message[:1].lower() + message[1:])
    _say(f"{message}; see `{path} --help`", 2)


def _say(sentence: str, status: int) -> int:
    from probe_core.printable import printable

    text = f"probe: {printable(sentence)}\n"
    try:
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode("utf-8", "replace"))
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nowhere to say it
    return status


def _drop_output() -> None:
    """Point standard output at nothing, so that the interpreter's last flush has no more to say."""
    from contextlib import suppress

    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
