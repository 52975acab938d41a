"""The language of placeholders in run.yaml, total and small.

    ${env.X}          the variable X; a problem if it is unset or empty
    ${env.X:=text}    X, or else the text
    ${env.X:+text}    the text if X is set and not empty, or else nothing
    $$                a plain dollar

The text may hold placeholders and balanced braces. A value from the environment is used as it is, never read again as a
template. A dollar that neither `{` nor a second dollar follows is a dollar; every other form after `${` is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stack.errors import ConfigError

MAX_NESTING = 20
_TOKEN = re.compile(r"\$\$|\$\{|[{}]")
_HEAD = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)(\}|:=|:\+)")
_NAMED = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)(:?[-?=+]|)")
# Upper case only: anything else after `${` could be part of a secret, which no message may show.
_BARE = re.compile(r"([A-Z_][A-Z0-9_]*)(\}|:)")


class BadPlaceholder(ConfigError):
    """A `${` that begins none of the known forms."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder; `operator` is `}` (required), `:=` or `:+`, and `operand` the text behind it."""

    name: str
    operator: str
    operand: tuple[Part, ...] = ()


Part = str | Variable


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a template. Raises: BadPlaceholder."""
    return tuple(_Parser(text).parts(depth=0))


def expand(parts: Sequence[Part], environ: Mapping[str, str], missing: list[str]) -> str:
    """The text of a template; names of required variables that are unset or empty are appended to `missing`."""
    return "".join(part if isinstance(part, str) else _value(part, environ, missing) for part in parts)


def variables(parts: Sequence[Part]) -> Iterator[str]:
    """Names of all variables of a template, used or not."""
    for part in parts:
        if isinstance(part, Variable):
            yield part.name
            yield from variables(part.operand)


def _value(part: Variable, environ: Mapping[str, str], missing: list[str]) -> str:
    value = environ.get(part.name, "")
    if part.operator == ":+":
        return expand(part.operand, environ, missing) if value else ""
    if not value and part.operator == ":=":
        return expand(part.operand, environ, missing)
    if not value:
        missing.append(part.name)
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parts(self, depth: int) -> Iterator[Part]:
        """Parts up to the end of the text, or up to the `}` that closes the placeholder around them."""
        braces = 0
        while token := _TOKEN.search(self._text, self._at):
            yield self._text[self._at : token.start()]
            self._at = token.end()
            if token[0] == "${":
                yield self._variable(depth + 1)
            elif token[0] == "}" and depth and not braces:
                return
            else:
                braces += {"{": 1, "}": -1}.get(token[0], 0)
                yield token[0][0]
        if depth:
            raise BadPlaceholder("`${env.` without its closing `}`: add it, or write `$${` for a plain `${`")
        yield self._text[self._at :]

    def _variable(self, depth: int) -> Variable:
        head = _HEAD.match(self._text, self._at)
        if head is None:
            raise BadPlaceholder(self._complaint())
        if depth > MAX_NESTING:
            raise BadPlaceholder(f"placeholders nested more than {MAX_NESTING} deep: use fewer")
        self._at = head.end()
        name, operator = head.groups()
        return Variable(name, operator, () if operator == "}" else tuple(self.parts(depth)))

    def _complaint(self) -> str:
        if bare := _BARE.match(self._text, self._at):
            return f"`${{{bare[1]}` begins no placeholder: write `${{env.{bare[1]}}}`, or `$${{` for a plain `${{`"
        if (named := _NAMED.match(self._text, self._at)) is None:
            forms = "`${env.NAME}`, `${env.NAME:=default}` or `${env.NAME:+value}`"
            return f"`${{` begins no placeholder here: write {forms}, or `$${{` for a plain `${{`"
        if named[2] in (":-", "-", "="):
            return f"unknown operator in `${{env.{named[1]}`: write `${{env.{named[1]}:=default}}`"
        return f"`${{env.{named[1]}` must go on with `}}`, `:=default}}` or `:+value}}`"
