"""The suite as third parties use it, on providers of each kind."""

from __future__ import annotations

from stack.testing.inference import InferenceContract

OPTIONAL = frozenset(("rerank: order", "rerank: limit"))


class TestGroq(InferenceContract):
    provider_type = "remote::groq"
    not_supported = OPTIONAL


class TestVllm(InferenceContract):
    provider_type = "remote::vllm"
    not_supported = frozenset()


class TestWatsonx(InferenceContract):
    """Its key is exchanged for a token."""

    provider_type = "remote::watsonx"
    not_supported = OPTIONAL


class TestPlayground(InferenceContract):
    """It calls no service."""

    provider_type = "inline::playground"
