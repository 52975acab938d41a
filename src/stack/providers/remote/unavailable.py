"""The error for an engine that is down: the same from every vector store that runs elsewhere."""

from __future__ import annotations

from stack.errors import Unreachable


def unavailable(provider_id: str, what: str, phase: str = "connect", *, retryable: bool = True) -> Unreachable:
    """503 `storage_unavailable`. what: ends the sentence that begins with the provider."""
    error = Unreachable(
        f"provider `{provider_id}` {what}",
        provider_id=provider_id,
        phase=phase,
        status=503,
        code="storage_unavailable",
        retry_after="1" if retryable else None,
    )
    error.retryable = retryable
    return error
