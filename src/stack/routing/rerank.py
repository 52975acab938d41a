"""Asking a provider to rerank, which may be older than the call."""

from __future__ import annotations

from stack.apis.inference import Inference, RerankRequest, RerankResponse
from stack.apis.wire import Reply
from stack.errors import Unsupported


async def rerank(provider: Inference, request: RerankRequest) -> Reply[RerankResponse]:
    """The provider's answer. Raises: Unsupported, where it has no such method."""
    if getattr(provider, "rerank", None) is None:  # one of somebody else
        raise Unsupported("reranking is not supported by this provider")
    return await provider.rerank(request)
