"""A question as a search query, by a language model that the configuration names."""

from __future__ import annotations

import asyncio

from stack.apis.inference import ChatCompletion, ChatCompletionRequest, Inference
from stack.apis.wire import Reply
from stack.config.vector_stores import RewriteConfig
from stack.errors import BadUpstreamReply, Unsupported, UpstreamTimeout

LONGEST_QUERY = 1024  # characters; what a model says beyond them is no query


class Rewriter:
    """Rewrites queries; where it cannot, the search fails, so that nobody takes other results for these."""

    def __init__(self, inference: Inference, config: RewriteConfig | None) -> None:
        self._inference = inference
        self._config = config

    async def rewrite(self, queries: list[str]) -> list[str]:
        """Each query in other words. Raises: Unsupported where no model is configured, UpstreamError."""
        config = self._config
        if config is None:
            message = "no model rewrites queries here: set `vector_stores.rewrite_query_params`, or leave it out"
            raise Unsupported(message, param="rewrite_query", code="rewrite_not_configured")
        try:
            async with asyncio.timeout(config.timeout_s):
                return [await self._rewritten(query, config) for query in queries]
        except TimeoutError as error:
            message = f"`{config.model.name}` did not rewrite the query within {config.timeout_s:g} seconds"
            raise UpstreamTimeout(message, provider_id=config.model.provider_id, phase="read") from error

    async def _rewritten(self, query: str, config: RewriteConfig) -> str:
        asked = {
            "model": config.model.name,
            "messages": [{"role": "system", "content": config.prompt}, {"role": "user", "content": query}],
            "max_tokens": config.max_tokens,
            "temperature": config.temperature,
        }
        reply = await self._inference.openai_chat_completion(ChatCompletionRequest.model_validate(asked))
        assert isinstance(reply, Reply)
        text = _said(reply.value)
        if not text:
            message = f"`{config.model.name}` was asked to rewrite a query and said nothing"
            raise BadUpstreamReply(message, provider_id=reply.meta.provider_id, phase="parse")
        return text[:LONGEST_QUERY]


def _said(answer: ChatCompletion) -> str:
    content = answer.choices[0].message.content if answer.choices else None
    return (content or "").replace("\0", "").strip()
