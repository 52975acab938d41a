"""Whether a provider keeps the contract of its API: checked at load, so that nothing is missing at a request."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from stack.errors import MissingPackage, ProviderLoadError, quoted
from stack.registry.discovery import import_module
from stack.registry.spec import ProviderSpec

PROTOCOLS = {"files": "FileStore", "inference": "Inference", "safety": "Safety", "vector_io": "VectorIO"}
OPTIONAL = frozenset({"rerank", "text_limit"})  # a provider that was written before there were such calls still loads
FACTORIES = ("get_adapter_impl", "get_provider_impl")  # Llama Stack's names for a module-level factory


def protocol(api: str) -> type:
    """The protocol class that a provider of an API answers."""
    found: type = getattr(importlib.import_module(f"stack.apis.{api}"), PROTOCOLS[api])
    return found


def protocol_methods(api: str) -> dict[str, Any]:
    """The methods of an API's protocol, by name."""
    return {name: f for name, f in vars(protocol(api)).items() if inspect.isfunction(f) and not name.startswith("_")}


def load_provider_class(spec: ProviderSpec) -> Callable[..., Any]:
    """The class (or Llama Stack factory) of a provider's module, called with `(config, deps)`.

    Raises: MissingPackage, ProviderLoadError naming what is missing.
    """
    require_packages(spec)
    module = import_module(spec.module, spec)
    for name in FACTORIES:
        if inspect.isfunction(factory := vars(module).get(name)):
            return factory
    cls = _answering_class(module, spec)
    if abstract := sorted(getattr(cls, "__abstractmethods__", ())):
        raise ProviderLoadError(f"`{cls.__name__}` of `{spec.provider_type}` does not implement {quoted(abstract)}")
    check_methods(cls, spec)
    return cls


def require_packages(spec: ProviderSpec) -> None:
    """Whether one of our own providers finds the packages of its row: it imports them when it starts, not before.

    What is taken without its dependencies is left to the provider, which may do without. Raises: MissingPackage.
    """
    from importlib_metadata import PackageNotFoundError, distribution

    wanted = (*spec.packages, *(package for package, _ in spec.from_index)) if spec.origin == "stack" else ()
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            distribution(name)
        except PackageNotFoundError as error:
            raise MissingPackage(
                spec.provider_type, spec.packages, name, spec.packages_no_deps, spec.from_index
            ) from error


def _answering_class(module: ModuleType, spec: ProviderSpec) -> type:
    methods = protocol_methods(spec.api)
    package = module.__name__.partition(".")[0]
    candidates = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value) and not name.startswith("_") and any(hasattr(value, method) for method in methods)
    ]
    own = [cls for cls in candidates if cls.__module__ == module.__name__]
    if not own and package != "stack":  # a package of somebody else may keep the class in another of its modules
        own = [cls for cls in candidates if cls.__module__.partition(".")[0] == package]
    if len(own) != 1:
        found = f"{len(own)} ({quoted([cls.__name__ for cls in own])})" if own else "none"
        raise ProviderLoadError(
            f"`{module.__name__}` must hold exactly one class that answers {spec.api}, found {found}"
        )
    return own[0]


def check_methods(provider: Any, spec: ProviderSpec) -> None:
    """Refuse a class or object whose methods are not those of the protocol. Raises: ProviderLoadError."""
    label = provider.__name__ if inspect.isclass(provider) else type(provider).__name__
    for name, declared in protocol_methods(spec.api).items():
        method = getattr(provider, name, None)
        if method is None and name in OPTIONAL:
            continue
        if method is None:
            raise ProviderLoadError(f"`{label}` of `{spec.provider_type}` has no method `{name}`")
        if not inspect.iscoroutinefunction(method):
            raise ProviderLoadError(f"`{label}.{name}` of `{spec.provider_type}` must be an `async def`")
        bound = inspect.signature(method).parameters
        expected = list(inspect.signature(declared).parameters)[1:]
        actual = [p for p in bound.values() if p.name != "self" and p.default is p.empty and p.kind < p.VAR_POSITIONAL]
        takes_any = any(p.kind is p.VAR_POSITIONAL for p in bound.values())
        if not takes_any and ([p.name for p in actual] != expected):
            given = ", ".join(p.name for p in actual)
            raise ProviderLoadError(
                f"`{label}.{name}` of `{spec.provider_type}` takes ({given}), the protocol says ({', '.join(expected)})"
            )
