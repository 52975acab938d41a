"""A request in the words of transformers; what it cannot honour is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stack.apis.chat import ChatCompletionRequest
from stack.apis.completions import CompletionRequest
from stack.errors import InvalidRequest, UnsupportedParameter
from stack.providers.inline.local_model.options import check_options, plain_messages, stops, texts_of, token_limit
from stack.providers.inline.local_model.sampling import MORE_SAMPLING, sampling

_SHARED = {*MORE_SAMPLING, "temperature", "top_p", "seed", "stop", "max_tokens"}
CHAT = _SHARED | {"max_completion_tokens"}
COMPLETION_TOKENS = 16  # as OpenAI has it
LIKELIEST = 1e-3  # a temperature below is as good as 0, and logits divided by it may be no numbers any more


@dataclass(frozen=True, slots=True)
class Asked:
    """messages or text: what is gone on with. options: of `generate()`; limit: of the answer, None: the context's."""

    messages: list[dict[str, Any]] | None
    text: str
    stops: list[str]
    limit: int | None
    seed: int | None
    options: dict[str, Any] = field(default_factory=dict)


def asked_chat(request: ChatCompletionRequest) -> Asked:
    """Raises: InvalidRequest, UnsupportedParameter."""
    check_options(request, CHAT)
    messages, limit = plain_messages(request), token_limit(request)
    return Asked(messages, "", stops(request.stop), limit, _seed(request), _sampling(request))


def asked_completion(request: CompletionRequest) -> Asked:
    """Raises: InvalidRequest, UnsupportedParameter."""
    check_options(request, _SHARED)
    texts = texts_of(request.prompt or "")
    if len(texts) != 1:
        raise UnsupportedParameter("`prompt` must be one text here: send each by itself", param="prompt")
    limit = COMPLETION_TOKENS if request.max_tokens is None else request.max_tokens
    if limit < 1:
        raise InvalidRequest(f"`max_tokens` is {limit}, and must be at least 1", param="max_tokens")
    return Asked(None, texts[0], stops(request.stop), limit, _seed(request), _sampling(request))


def _seed(request: ChatCompletionRequest | CompletionRequest) -> int | None:
    return sampling(request, ("seed",)).get("seed")


def _sampling(request: ChatCompletionRequest | CompletionRequest) -> dict[str, Any]:
    """Temperature 0 is the likeliest token each time; what is left out is as the model's folder says."""
    found = sampling(request, ("temperature", "top_p", *MORE_SAMPLING))
    if request.temperature is not None and request.temperature < LIKELIEST:
        chance = ("temperature", "top_p")
        return {**{name: value for name, value in found.items() if name not in chance}, "do_sample": False}
    return {**found, "do_sample": True} if found else found
