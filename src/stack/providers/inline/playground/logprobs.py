"""Log probabilities in the shapes of OpenAI. They are made up from the token: there is no model that could have any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

from stack.apis.chat import ChoiceLogprobs, TokenLogprob, TopLogprob
from stack.apis.completions import CompletionLogprobs
from stack.providers.inline.playground.text import tokens, words

_OTHERS = tuple(
    f" {word}"
    for word in words("the a of to and in is it that for on with as at by from or be an this not are but was")
)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A token's natural log probability, and those of other tokens, likelier ones first."""

    token: str
    logprob: float
    others: tuple[tuple[str, float], ...]

    @property
    def top(self) -> tuple[tuple[str, float], ...]:
        """The token and the others, likeliest first; their probabilities sum to less than 1."""
        return ((self.token, self.logprob), *self.others)


def likelihood(token: str, top: int) -> Likelihood:
    """The likelihood of a token among `top` tokens in all: always the likeliest, its probability half or more."""
    number = crc32(token.encode("utf-8", "replace"))
    share = 0.5 + number % 4_990 / 10_000
    others = [other for other in _OTHERS[number % 24 :] + _OTHERS[: number % 24] if other != token][: max(0, top - 1)]
    shares = [(1 - share) / 2 ** (place + 1) for place in range(len(others))]
    return Likelihood(token, _log(share), tuple(zip(others, map(_log, shares), strict=True)))


def chat_logprobs(pieces: list[str], top: int) -> ChoiceLogprobs:
    """The likelihoods of tokens of a chat answer, with the `top` likeliest at each position."""
    return ChoiceLogprobs(content=[_chat_logprob(likelihood(piece, top), top) for piece in pieces], refusal=None)


def _chat_logprob(found: Likelihood, top: int) -> TokenLogprob:
    likeliest = [TopLogprob(token=token, logprob=value, bytes=_bytes(token)) for token, value in found.top[:top]]
    return TokenLogprob(token=found.token, logprob=found.logprob, bytes=_bytes(found.token), top_logprobs=likeliest)


def completion_logprobs(text: str, top: int, offset: int = 0, starts_document: bool = False) -> CompletionLogprobs:
    """The likelihoods of the tokens of a text that begins at `offset`; the first of a document has none."""
    found = [likelihood(token, top) for token in tokens(text)]
    offsets = [offset]
    for one in found[:-1]:
        offsets.append(offsets[-1] + len(one.token))
    values: list[float | None] = [one.logprob for one in found]
    tops: list[dict[str, float] | None] = [dict(one.top[:top]) for one in found]
    if starts_document and found:
        values[0] = tops[0] = None
    return CompletionLogprobs(
        text_offset=offsets[: len(found)], token_logprobs=values, tokens=[one.token for one in found], top_logprobs=tops
    )


def _bytes(token: str) -> list[int]:
    return list(token.encode("utf-8", "replace"))


def _log(share: float) -> float:
    # Rounded, so that every machine's logarithm gives the same.
    return round(math.log(share), 6)
