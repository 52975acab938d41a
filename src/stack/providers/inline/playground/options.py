"""Options of a request: what bounds the answer, and what is refused because the playground cannot honour it.

Accepted without effect, since nothing is sampled, reasoned or cached: the sampling options, `reasoning_effort`,
`prediction`, the prompt cache options, and `user`, `safety_identifier` and `metadata`, which only label a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stack.apis.chat import ChatCompletionRequest
from stack.apis.chat_options import StreamOptions
from stack.apis.completions import CompletionRequest
from stack.errors import InvalidRequest, RequestError, UnsupportedParameter
from stack.providers.inline.playground.text import before_stop, first_tokens, token_count

MAX_CHOICES = 128
MAX_ANSWERS = 2_048  # choices of all prompts together
MAX_TOP_LOGPROBS = 20
MAX_COMPLETION_LOGPROBS = 5
COMPLETION_TOKENS = 16
# Sampling options beyond OpenAI's that several servers know.
_NO_EFFECT = frozenset(("top_k", "min_p", "typical_p", "repetition_penalty", "length_penalty"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where an answer ends. max_tokens: None for no limit."""

    stops: tuple[str, ...] = ()
    max_tokens: int | None = None

    def cut(self, text: str) -> tuple[str, str]:
        """The text up to the first stop or the token limit, and OpenAI's finish reason."""
        text = before_stop(text, self.stops)
        return self.cut_length(text) if self.max_tokens is not None else (text, "stop")

    def cut_length(self, text: str) -> tuple[str, str]:
        """The text up to the token limit alone, and the finish reason."""
        if self.max_tokens is None or token_count(text) <= self.max_tokens:
            return text, "stop"
        return first_tokens(text, self.max_tokens), "length"


def chat_bounds(request: ChatCompletionRequest) -> Bounds:
    """Where a chat answer ends. Raises InvalidRequest."""
    limits = {"max_completion_tokens": request.max_completion_tokens, "max_tokens": request.max_tokens}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    for name, limit in given.items():
        _require(limit >= 1, f"`{name}` is {limit}, and must be at least 1", name)
    return Bounds(_stops(request.stop), min(given.values(), default=None))


def completion_bounds(request: CompletionRequest) -> Bounds:
    """Where a continuation ends: after 16 tokens unless the request says otherwise, as OpenAI has it."""
    limit = COMPLETION_TOKENS if request.max_tokens is None else request.max_tokens
    _require(limit >= 0, f"`max_tokens` is {limit}, and must not be negative", "max_tokens")
    return Bounds(_stops(request.stop), limit)


def check_chat(request: ChatCompletionRequest) -> None:
    """Refuse what a chat answer here cannot honour. Raises InvalidRequest, UnsupportedParameter."""
    _check_shared(request.n, request.stream, request.stream_options, request.model_extra)
    _refuse(bool(request.audio) or "audio" in (request.modalities or ()), "modalities", "only text is answered")
    _refuse(request.web_search_options is not None, "web_search_options", "nothing is searched on the web")
    _refuse(request.moderation is not None, "moderation", "nothing is moderated here")
    _refuse(bool(request.store), "store", "answers are not stored")
    _refuse(bool(request.logit_bias), "logit_bias", "there are no token ids to bias")
    _refuse(request.service_tier not in (None, "auto", "default"), "service_tier", "there is one tier, `default`")
    top = request.top_logprobs
    _require(
        top is None or 0 <= top <= MAX_TOP_LOGPROBS, f"`top_logprobs` must be 0 to {MAX_TOP_LOGPROBS}", "top_logprobs"
    )
    _require(not top or bool(request.logprobs), "`top_logprobs` needs `logprobs` to be true", "top_logprobs")


def check_completion(request: CompletionRequest) -> None:
    """Refuse what a continuation here cannot honour. Raises InvalidRequest, UnsupportedParameter."""
    _check_shared(request.n, request.stream, request.stream_options, request.model_extra)
    _refuse(bool(request.logit_bias), "logit_bias", "there are no token ids to bias")
    padded = request.stream_options is not None and bool(request.stream_options.include_obfuscation)
    _refuse(padded, "stream_options.include_obfuscation", "only the chunks of a chat are padded")
    top, count = request.logprobs or 0, request.n or 1
    most = MAX_COMPLETION_LOGPROBS
    _require(0 <= top <= most, f"`logprobs` must be 0 to {most}", "logprobs")
    if request.best_of is not None:
        within = count <= request.best_of <= MAX_CHOICES
        _require(within, f"`best_of` must be from `n` to {MAX_CHOICES}", "best_of")
        _require(not request.stream or request.best_of == 1, "`best_of` over 1 cannot be streamed", "best_of")


def check_extra(extra: Mapping[str, Any] | None) -> None:
    """Refuse fields that no API of ours knows. Raises UnsupportedParameter."""
    for name, value in (extra or {}).items():
        _refuse(name not in _NO_EFFECT and value is not None, name, "it is not an option of this API")


def _check_shared(
    n: int | None, stream: bool | None, options: StreamOptions | None, extra: Mapping[str, Any] | None
) -> None:
    check_extra(extra)
    _require((n or 1) <= MAX_CHOICES, f"`n` is {n}, and must be at most {MAX_CHOICES}", "n")
    _require(options is None or bool(stream), "`stream_options` needs `stream` to be true", "stream_options")


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    _require(all(stops), "`stop` holds an empty text, before which every answer would end", "stop")
    return stops


def _require(holds: bool, message: str, param: str, error: type[RequestError] = InvalidRequest) -> None:
    if not holds:
        raise error(message, param=param)


def _refuse(asked: bool, param: str, reason: str) -> None:
    _require(not asked, f"the playground does not support `{param}`: {reason}", param, UnsupportedParameter)
