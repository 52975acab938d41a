"""Words and regular expressions of the operator's own.

RE2 matches in time that grows with the text alone, and refuses patterns that would take too much memory; look-around
and back-references are not in its language. Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from stack.apis.safety import CheckedMessage, Finding, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.apis.validation import invalid_request
from stack.errors import InvalidRequest
from stack.registry.spec import Deps, Provider, ProviderConfig

if TYPE_CHECKING:
    from re2 import _Regexp as Compiled

MAX_FINDINGS = 500  # in one message; with more, all of it is objected to, so that time stays bounded
_QUICK_CHARS = 20_000  # searched for few patterns in less than a few milliseconds
_QUICK_SEARCH = 1_000_000  # characters times patterns, as well
_PATTERN_BYTES = 4 * 1024 * 1024  # memory that one pattern may take
_LONGEST_BLANK = 5  # between the words of a phrase
_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")  # no UTF-8 for them
_APART = r"[^\pL\pN_]"  # RE2's own `\b` knows ASCII letters only


class Config(ProviderConfig):
    words: list[str] = Field(default_factory=list, description="Words and phrases, found where they stand alone.")
    patterns: list[str] = Field(default_factory=list, description="Regular expressions in RE2's syntax.")
    category: str = Field("keywords", min_length=1, description="What findings are called.")
    case_sensitive: bool = Field(False, description="Whether large and small letters differ.")
    replacement: str | None = Field(None, description="What masks a finding; left out: the category in brackets.")
    max_match_chars: int = Field(
        200, ge=1, le=10_000, description="Longest match that a stream waits for; a longer one is found in pieces."
    )


@dataclass(frozen=True)
class Search:
    """Settings, ready to be searched by. Raises: InvalidRequest, at the first use, for a pattern that is none."""

    config: Config

    @cached_property
    def traits(self) -> ShieldTraits:
        longest = max((len(word) + _LONGEST_BLANK * len(word.split()) for word in self.config.words), default=0)
        matched = self.config.max_match_chars if self.config.patterns else 0
        assert self.compiled is not None
        return ShieldTraits(window_chars=max(longest, matched) + 2)  # with the characters beside it

    @cached_property
    def compiled(self) -> list[Compiled]:
        """The words as one pattern with a group around them, and each pattern."""
        found = [self._compile(pattern, f"patterns[{i}]") for i, pattern in enumerate(self.config.patterns)]
        # The longest first, since RE2 takes the first that matches: a mask shall cover all of a phrase.
        if words := sorted(filter(str.strip, self.config.words), key=len, reverse=True):
            blank = rf"\s{{1,{_LONGEST_BLANK}}}"
            listed = "|".join(blank.join(map(re.escape, word.split())) for word in words)
            found.append(self._compile(rf"(?:^|{_APART})({listed})(?:$|{_APART})", "words"))
        return found

    def _compile(self, pattern: str, param: str) -> Compiled:
        import re2

        options = re2.Options()
        options.case_sensitive = self.config.case_sensitive
        options.max_mem = _PATTERN_BYTES
        options.log_errors = False
        try:
            compiled = re2.compile(pattern, options)
        except (re2.error, UnicodeEncodeError) as error:
            reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else "it is no text"
            raise InvalidRequest(f"`{param}` is not a pattern of RE2: {reason}", param=param) from error
        if compiled.search(b"") is not None:
            raise InvalidRequest(f"`{param}` matches the empty text, so it would match everywhere", param=param)
        return compiled

    def findings(self, index: int, text: str) -> Iterator[Finding]:
        """What is found in one message's text, in pieces no longer than the window: at most MAX_FINDINGS and one."""
        whole = Finding(self.config.category, message=index, replacement=self.config.replacement)
        for count, (start, end) in enumerate(self._pieces(_LONE_SURROGATES.sub("\ufffd", text))):
            if count == MAX_FINDINGS:
                yield whole
                return
            yield replace(whole, start=start, end=end)

    def _pieces(self, text: str) -> Iterator[tuple[int, int]]:
        longest = self.traits.window_chars
        for start, end in self._spans(text):
            for begin in range(start, end, longest):
                yield begin, min(end, begin + longest)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        encoded = text.encode()
        is_ascii = len(encoded) == len(text)
        for compiled in self.compiled:
            at_byte = at_char = 0
            for start, end in _matches(compiled, encoded):
                if is_ascii:
                    yield start, end
                    continue
                at_char += len(encoded[at_byte:start].decode())
                length = len(encoded[start:end].decode())
                at_byte = start
                yield at_char, at_char + length


def _matches(compiled: Compiled, encoded: bytes) -> Iterator[tuple[int, int]]:
    """Places of matches in bytes; of the first group where there is one, whose end may touch the next match."""
    group = 1 if compiled.pattern.startswith("(?:^|" + _APART) else 0
    at = 0
    while (match := compiled.search(encoded, at)) is not None:
        start, end = match.span(group)
        if end > start:
            yield start, end
        at = end if end > at else at + 1


class Keywords(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._searches: dict[str, tuple[Mapping[str, Any], Search]] = {}

    async def initialize(self) -> None:
        await self.describe_shield(Shield(self.deps.provider_id))

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        return (await self._search(shield)).traits

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        search = await self._search(shield)
        chars = sum(len(message.text) for message in messages)
        if chars <= _QUICK_CHARS and chars * len(search.compiled) <= _QUICK_SEARCH:
            findings = _found(search, messages)
        else:
            findings = await asyncio.to_thread(_found, search, messages)
        return ShieldReport(findings, user_message="This is not allowed here." if findings else "")

    async def _search(self, shield: Shield) -> Search:
        """The search of a shield, whose `params` stand in place of the provider's own settings."""
        params, search = self._searches.get(shield.shield_id, (None, None))
        if search is None or params != shield.params:
            try:
                config = Config.model_validate(self.config.model_dump() | dict(shield.params))
            except ValidationError as error:
                raise invalid_request(error) from None
            search = Search(config)
            await asyncio.to_thread(lambda: search.compiled)
            self._searches[shield.shield_id] = shield.params, search
        return search


def _found(search: Search, messages: Sequence[CheckedMessage]) -> tuple[Finding, ...]:
    return tuple(found for index, each in enumerate(messages) for found in search.findings(index, each.text))
