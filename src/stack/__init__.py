"""One stable API in front of every model, shield and vector store.

Public names load on first use: `import stack` itself imports nothing but the version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.version import __version__

if TYPE_CHECKING:
    from stack.client import AsyncStackAsLibraryClient, AsyncStackClient, StackAsLibraryClient, StackClient
    from stack.errors import (
        BadConfig,
        BadUpstreamReply,
        ConfigError,
        Conflict,
        ContentBlocked,
        InvalidRequest,
        MethodNotAllowed,
        MissingPackage,
        NotFound,
        PayloadTooLarge,
        ProviderLoadError,
        ProviderUnavailable,
        RateLimited,
        RequestError,
        RequestTimeout,
        SchemaTooNew,
        ShieldUnavailable,
        ShuttingDown,
        StackError,
        StorageBusy,
        StorageCorrupt,
        StorageError,
        StorageFull,
        Unauthorized,
        UnknownProvider,
        Unreachable,
        Unsupported,
        UnsupportedMediaType,
        UnsupportedParameter,
        UpstreamError,
        UpstreamRejected,
        UpstreamTimeout,
    )

__all__ = [
    "AsyncStackAsLibraryClient",
    "AsyncStackClient",
    "BadConfig",
    "BadUpstreamReply",
    "ConfigError",
    "Conflict",
    "ContentBlocked",
    "InvalidRequest",
    "MethodNotAllowed",
    "MissingPackage",
    "NotFound",
    "PayloadTooLarge",
    "ProviderLoadError",
    "ProviderUnavailable",
    "RateLimited",
    "RequestError",
    "RequestTimeout",
    "SchemaTooNew",
    "ShieldUnavailable",
    "ShuttingDown",
    "StackAsLibraryClient",
    "StackClient",
    "StackError",
    "StorageBusy",
    "StorageCorrupt",
    "StorageError",
    "StorageFull",
    "Unauthorized",
    "UnknownProvider",
    "Unreachable",
    "Unsupported",
    "UnsupportedMediaType",
    "UnsupportedParameter",
    "UpstreamError",
    "UpstreamRejected",
    "UpstreamTimeout",
    "__version__",
]

if not TYPE_CHECKING:  # a module `__getattr__` would make every misspelt name acceptable to a type checker

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module `stack` has no attribute `{name}`")
        home = "stack.client" if name.endswith("Client") else "stack.errors"
        globals()[name] = value = getattr(import_module(home), name)
        return value
