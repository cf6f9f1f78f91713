"""Taking secrets out of texts before anything is kept: arguments, paths, declarations' facts.

Two ways: by the look of the text (``--password=…``, bearer tokens, keys with a known beginning, the
password in a URL), and by equality with the value of an environment variable whose name looks secret,
of which only the recorder's keyed digest is known.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from probe_core.model import Declaration, Run
from probe_core.stitch.siphash import siphash

REDACTED = b"<redacted>"
_WORD = rb"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_]?key|access[-_]?key|auth[-_]?key" \
        rb"|private[-_]?key|credentials?|client[-_]?secret|secret[-_]?key|account[-_]?key" \
        rb"|access[-_]?token)"  # fmt: skip
SECRET_NAME = re.compile(
    rb"(?i)(?:pass(?:word|wd|phrase)?$|passw|secret|token|credential|api_?key|(?:^|_)(?:key|pwd|auth|pat)$"
    rb"|access_?key|private_?key|cookie|_dsn$|database_url)"
)
_VALUE = rb"""(?:"[^"]*"|'[^']*'|[^\s"'&;|)]+)"""
# Each pattern keeps group 1 and takes the rest out.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rb"(?i)(--?(?:[a-z0-9]+[-_])*" + _WORD + rb"(?:=|\s+))" + _VALUE,
        rb"(?i)((?:^|[\s;&?\"'{,(])(?:[a-z0-9]+[-_.])*" + _WORD + rb"[\"']?\s*[=:]\s*)" + _VALUE,
        rb"(?i)(\b(?:bearer|basic|token)\s+)[a-z0-9._~+/=-]{8,}",
        rb"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@?#\"']*:)[^\s/@\"']+(?=@)",
        rb"()(\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)",
        rb"()\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
        rb"|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,}"
        rb"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)",
        rb"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    )
)
_OPTION = re.compile(rb"(?i)--?(?:[a-z0-9]+[-_])*" + _WORD + rb"|-pw")
# What no secret of _PATTERNS is without, for text in lower case: (?i) would try every word at every byte.
_ANY = re.compile(
    rb"pass|pwd|secret|token|key|credential|bearer|basic\s|://|akia|asia|gh[pousr]_|github_pat|glpat-|xox|sk-|eyj"
)
_URL_PATH = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*:/{1,2}[^\s/:@]*:)[^\s/@]+(?=@)")
_PIECES = re.compile(rb"[^\s=:;,'\"@&?|<>()]{6,}")
_ONES = re.compile(rb"[^\s'\"]{6,}")


def redact_text(text: bytes) -> bytes:
    """``text`` without what looks like a secret."""
    if not _ANY.search(text.lower()):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rb"\g<1>" + REDACTED, text)
    return text


class Redactor:
    """Redacts the texts of a run; knows the digests of the run's secret-looking variables."""

    def __init__(self, secrets: Iterable[tuple[bytes, int]] = ()) -> None:
        """``secrets`` are pairs of a recorder's key and the keyed digest of a secret value."""
        self._digests: dict[bytes, set[int]] = {}
        for key, digest in secrets:
            if len(key) == 16:
                self._digests.setdefault(key, set()).add(digest)
        self._known: dict[bytes, bytes] = {}
        self._strings: dict[str, str] = {}
        self._learned: set[bytes] = set()  # secrets met in texts: they may stand in paths too

    def text(self, text: bytes) -> bytes:
        """One text; equal texts are looked at once."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = redact_text(self._without_equals(text))
            if known != text:
                self._learn(text, known)
        return known

    def path(self, path: bytes) -> bytes:
        """A path: only secrets that were met before, and a URL's password, as paths are names."""
        if b"@" in path and b":/" in path:
            path = _URL_PATH.sub(rb"\g<1>" + REDACTED, path)
        for secret in self._learned:
            if secret in path:
                path = path.replace(secret, REDACTED)
        return path

    def arguments(self, arguments: Sequence[bytes]) -> tuple[bytes, ...]:
        """An argument list; the argument after a bare ``--password`` goes too."""
        redacted: list[bytes] = []
        hide = False
        for argument in arguments:
            if hide and not argument.startswith(b"-"):
                redacted.append(REDACTED)
                self._remember(argument)
                hide = False
                continue
            redacted.append(self.text(argument))
            hide = _OPTION.fullmatch(argument) is not None
        return tuple(redacted)

    def string(self, text: str) -> str:
        """The same for text that is already decoded."""
        known = self._strings.get(text)
        if known is None:
            known = self._strings[text] = os.fsdecode(self.text(_encoded(text)))
        return known

    def json(self, value: Any) -> Any:
        """JSON with every string in it redacted, and what stands under a secret-looking name."""
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, dict):
            return {name: self._member(name, inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(inner) for inner in value]
        return value

    def run(self, run: Run) -> Run:
        """The run with its command and facts redacted."""
        return dataclasses.replace(run, command=self.arguments(run.command), facts=self.json(dict(run.facts)))

    def declaration(self, declaration: Declaration) -> Declaration:
        """The declaration with its name and facts redacted, and its files as versions' paths are."""

        def paths(given: Iterable[bytes]) -> tuple[bytes, ...]:
            return tuple(map(self.path, given))

        redacted = {
            "name": self.string(declaration.name),
            "inputs": paths(declaration.inputs),
            "outputs": paths(declaration.outputs),
            "order_only": paths(declaration.order_only),
            "logs": paths(declaration.logs),
            "facts": self.json(dict(declaration.facts)),
        }
        same = all(getattr(declaration, name) == value for name, value in redacted.items())
        return declaration if same else dataclasses.replace(declaration, **redacted)

    def _member(self, name: Any, inner: Any) -> Any:
        if isinstance(name, str) and isinstance(inner, str) and inner and _is_secret(name):
            return REDACTED.decode()
        return self.json(inner)

    def _learn(self, text: bytes, redacted: bytes) -> None:
        """Remember what was taken out: the parts of ``text`` between what was kept."""
        at = 0
        kept = redacted.split(REDACTED)
        for before, after in itertools.pairwise(kept):
            begin = at + len(before)
            end = text.find(after, begin) if after else len(text)
            if end < 0:
                return
            self._remember(text[begin:end])
            at = end

    def _remember(self, secret: bytes) -> None:
        secret = secret.strip(b"\"' ")
        if len(secret) >= 6 and b"/" not in secret:
            self._learned.add(secret)

    def _without_equals(self, text: bytes) -> bytes:
        for key, digests in self._digests.items():
            pieces = {text, *_PIECES.findall(text), *_ONES.findall(text), text.partition(b"=")[2]}
            for piece in sorted(pieces, key=len, reverse=True):
                if len(piece) >= 4 and siphash(key, piece) in digests:
                    text = text.replace(piece, REDACTED)
        return text


@cache
def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name.encode("utf-8", "replace")) is not None


def _encoded(text: str) -> bytes:
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:  # lone surrogates that no file name can hold
        return text.encode("utf-8", "replace")
