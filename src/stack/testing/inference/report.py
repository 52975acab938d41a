"""What was found, in words: the requests and answers of a check that failed."""

from __future__ import annotations

import json
from typing import Any

from stack.testing.inference.checks import Finding
from stack.testing.inference.subject import Subject

LONGEST = 1500  # characters of a request or an answer that are shown


def dialogue(finding: Finding, subject: Subject) -> str:
    """The requests and answers, without secrets, each cut to what can be read."""
    lines: list[str] = []
    for asked in finding.asked:
        lines.append(f"{asked.call} {_short(asked.request, subject)}")
        lines.append(f"-> {_short(asked.answer, subject)}")
    return "\n".join(lines)


def _short(value: Any, subject: Subject) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = subject.masked(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
