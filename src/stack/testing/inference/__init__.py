"""The conformance suite of inference: what every provider does rightly, or says that it does not do.

As a pytest class, which needs pytest and pytest-asyncio:

    from stack.testing.inference import InferenceContract

    class TestAcme(InferenceContract):
        provider_type = "remote::acme"
        module = "stack_provider_acme"  # for a package without an entry point

A provider that calls its service by `OpenAIMixin` stands in front of a service that we play, which fails on request; an
inline one answers by itself. What a provider says it does not do is skipped with its reason. To examine a provider that
is made otherwise, override the fixture `subject`. The command line runs the same checks: `stack provider check`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stack.testing.inference.contract import InferenceContract

__all__ = ["InferenceContract"]


def __getattr__(name: str) -> Any:
    # `stack provider check` runs where there is no pytest, which the class wants.
    if name == "InferenceContract":
        from stack.testing.inference.contract import InferenceContract

        return InferenceContract
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
