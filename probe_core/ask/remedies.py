"""What to write into a workflow, for lints of which its engine has no words of its own."""

from __future__ import annotations

from probe_core.ask.wording import name_of
from probe_core.hooks import Finding
from probe_core.model import Step
from probe_core.printable import printable

SENTENCES = {
    "undeclared-input": "declare {file} as an input of {rule}",
    "undeclared-output": "declare {file} as an output of {rule}, or let it remove the file",
    "unused-input": "take {file} out of the inputs of {rule}",
    "unmade-output": "let {rule} write {file}, or declare what it writes",
    "race": "declare {file} as an input of {rule}: then it waits for it",
    "early-read": "declare {file} as an input of {rule}, and let its maker end only when it is written",
    "written-twice": "let one rule make {file}, and the others declare it as an input",
    "absolute-path": "name it by a path relative to the workflow, or by a setting, in {rule}",
    "network": "let a rule of its own fetch it, checked by a digest, and {rule} declare the copy as an input",
    "outside-environment": "add what {rule} lacks to its environment, and run the workflow with that",
    "caught-by-pattern": "narrow the output's pattern in {rule}, or write {file} elsewhere",
}


def remedy(finding: Finding, step: Step, directory: bytes) -> str | None:
    """Give the sentence for a finding about ``step``; None for lints that the core does not know."""
    sentence = SENTENCES.get(finding.lint)
    if sentence is None:
        return None
    file = "it" if finding.path is None else name_of(finding.path, directory)
    return sentence.format(file=file, rule=printable(step.rule))
