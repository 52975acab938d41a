"""The OpenAI client with what a stack answers beyond OpenAI's API, over HTTP.

Settings come from the arguments alone: `OPENAI_API_KEY` and its like belong to another service, so they are not read.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, TypedDict, Unpack

import httpx2
import openai

from stack.client.resources import AsyncInspect, AsyncProviders, Inspect, Providers
from stack.client.safety import AsyncSafety, AsyncShields, Safety, Shields
from stack.client.vector_io import AsyncVectorIO, VectorIO

DEFAULT_URL = "http://127.0.0.1:8321"
PROVIDER_DATA = "x-stack-provider-data"


class ClientOptions(TypedDict, total=False):
    """What else the OpenAI client takes, with its own meaning. `max_retries` is 0 unless given: the stack retries."""

    organization: str | None
    project: str | None
    admin_api_key: str | None
    webhook_secret: str | None
    websocket_base_url: str | httpx2.URL | None
    timeout: float | openai.Timeout | openai.NotGiven | None
    max_retries: int
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None
    _strict_response_validation: bool
    _enforce_credentials: bool


class StackClient(openai.OpenAI):
    """A client of the stack at `base_url`, with or without the `/v1` at its end.

    api_key: one of the stack's `server.auth.api_keys`; without it no Authorization header is sent.
    provider_data: the caller's own settings and keys per provider, sent along with every request.
    """

    def __init__(
        self,
        base_url: str | httpx2.URL = DEFAULT_URL,
        *,
        api_key: str | Callable[[], str] | None = None,
        provider_data: Mapping[str, Any] | None = None,
        http_client: httpx2.Client | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        options = _complete(options, provider_data)
        super().__init__(base_url=_api_root(base_url), api_key=api_key or "", http_client=http_client, **options)
        _forget_environment(self, options)

    @cached_property
    def providers(self) -> Providers:
        """The configured providers and their health."""
        return Providers(self)

    @cached_property
    def inspect(self) -> Inspect:
        """Health, version and routes of the stack."""
        return Inspect(self)

    @cached_property
    def safety(self) -> Safety:  # type: ignore[override]  # OpenAI's is about cases and alerts of its own service
        """Checks by shields, and what they decided lately."""
        return Safety(self)

    @cached_property
    def shields(self) -> Shields:
        """The shields of the stack."""
        return Shields(self)

    @cached_property
    def vector_io(self) -> VectorIO:
        """Chunks of vector stores."""
        return VectorIO(self)

    def _validate_headers(self, headers: Mapping[str, object], custom_headers: Mapping[str, object]) -> None:
        """Accept requests without credentials: whether the stack wants a key is for the stack to say."""


class AsyncStackClient(openai.AsyncOpenAI):
    """The asynchronous twin of `StackClient`."""

    def __init__(
        self,
        base_url: str | httpx2.URL = DEFAULT_URL,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        provider_data: Mapping[str, Any] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        options = _complete(options, provider_data)
        super().__init__(base_url=_api_root(base_url), api_key=api_key or "", http_client=http_client, **options)
        _forget_environment(self, options)

    @cached_property
    def providers(self) -> AsyncProviders:
        """The configured providers and their health."""
        return AsyncProviders(self)

    @cached_property
    def inspect(self) -> AsyncInspect:
        """Health, version and routes of the stack."""
        return AsyncInspect(self)

    @cached_property
    def safety(self) -> AsyncSafety:  # type: ignore[override]  # OpenAI's is about cases and alerts of its own service
        """Checks by shields, and what they decided lately."""
        return AsyncSafety(self)

    @cached_property
    def shields(self) -> AsyncShields:
        """The shields of the stack."""
        return AsyncShields(self)

    @cached_property
    def vector_io(self) -> AsyncVectorIO:
        """Chunks of vector stores."""
        return AsyncVectorIO(self)

    def _validate_headers(self, headers: Mapping[str, object], custom_headers: Mapping[str, object]) -> None:
        """Accept requests without credentials: whether the stack wants a key is for the stack to say."""


def _api_root(base_url: str | httpx2.URL) -> str:
    root = str(base_url).rstrip("/")
    return root if root.endswith("/v1") else f"{root}/v1"


def _complete(options: ClientOptions, provider_data: Mapping[str, Any] | None) -> ClientOptions:
    headers = dict(options.get("default_headers") or {})
    if provider_data is not None:
        headers[PROVIDER_DATA] = json.dumps(provider_data)
    return {"max_retries": 0, **options, "default_headers": headers, "_enforce_credentials": False}


def _forget_environment(client: openai.OpenAI | openai.AsyncOpenAI, options: ClientOptions) -> None:
    """Undo what the OpenAI client took from `OPENAI_*` variables: it reads them wherever an argument is None."""
    client.organization = options.get("organization")
    client.project = options.get("project")
    client.admin_api_key = options.get("admin_api_key")
    client.webhook_secret = options.get("webhook_secret")
    client._custom_headers = options.get("default_headers") or {}
    client._ambient_authorizations = frozenset()
