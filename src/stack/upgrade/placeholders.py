"""The placeholders of Llama Stack and OGX, which are almost ours: where they differ, and what becomes of them.

Theirs: `${env.NAME}`, `${env.NAME:=default}`, `${env.NAME:+value}`; until 0.2.12 also `${env.NAME:default}` and
`${env.NAME+value}`. A default ends at the first `}`, there is no escape, and all that does not fit is plain text.
"""

from __future__ import annotations

import re

from stack.config.placeholders import BadPlaceholder, parse

_THEIRS = re.compile(r"\$\{env\.([A-Z0-9_]+)(?:(:[=+]|[=+]|:(?![-?]))([^}]*))?\}")
_OURS = {":=": ":=", "=": ":=", ":": ":=", ":+": ":+", "+": ":+"}

NESTED = "braces are read in pairs here, and placeholders in a default are too: see that it means what you want"
PLAIN = "`${` that begins no placeholder was plain text, and is kept so: write `${env.NAME:=default}` if you meant one"


def translated(text: str) -> tuple[str, list[str]]:
    """The text in our language, and what a person should look at."""
    if _is_nested(text):
        return text, [NESTED]
    written: list[str] = []
    remarks: list[str] = []
    at = 0
    for match in _THEIRS.finditer(text):
        written += [_plain(text[at : match.start()], remarks), _placeholder(match)]
        at = match.end()
    return "".join([*written, _plain(text[at:], remarks)]), list(dict.fromkeys(remarks))


def ends_with(text: str, ending: str) -> str:
    """A template of ours whose value gets an ending where there is one: an empty one stays empty."""
    head, _, rest = text.partition(":=")
    if head.startswith("${env.") and rest == "}":
        return f"{head}:+{head}}}{ending}}}"
    return re.sub(r"/+(}*)$", r"\1", text) + ending


def _is_nested(text: str) -> bool:
    if not any("{" in (match[3] or "") for match in _THEIRS.finditer(text)):
        return False
    try:
        parse(text)
    except BadPlaceholder:
        return False
    return True


def _placeholder(match: re.Match[str]) -> str:
    name, operator, operand = match.groups()
    if operator is None:
        return match[0]
    return f"${{env.{name}{_OURS[operator]}{_escaped(operand)}}}"


def _plain(text: str, remarks: list[str]) -> str:
    if "${" in text:
        remarks.append(PLAIN)
    return _escaped(text)


def _escaped(text: str) -> str:
    return text.replace("$$", "$$$$").replace("${", "$${")
