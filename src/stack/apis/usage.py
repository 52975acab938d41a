"""What an answer cost, counted in tokens by the upstream. Source: https://platform.openai.com/docs/api-reference/chat/object"""

from __future__ import annotations

from stack.apis.wire import WireModel


class PromptTokensDetails(WireModel):
    """Parts of `prompt_tokens`. cached_tokens: read from the prompt cache; cache_write_tokens: written to it."""

    audio_tokens: int | None = None
    cache_write_tokens: int | None = None
    cached_tokens: int | None = None
    image_tokens: int | None = None
    text_tokens: int | None = None


class CompletionTokensDetails(WireModel):
    """Parts of `completion_tokens`; a rejected prediction is paid for as well."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    text_tokens: int | None = None


class CompletionUsage(WireModel):
    """Builders set the three counts; one that an upstream left out reads as 0."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
