"""What a provider is handed, for a test that makes one by itself."""

from __future__ import annotations

from pathlib import Path

import structlog

from stack.apis.inference import Inference
from stack.apis.safety import Safety
from stack.apis.vector_io import VectorIO
from stack.registry.spec import Deps
from stack.storage import Storage

_NOWHERE = Path("/dev/null/give-the-test-a-state-dir")


class _NoInference(Inference):
    """Refuses every call."""


class _NoSafety(Safety):
    """Refuses every call."""


class _NoVectorIO(VectorIO):
    """Refuses every call."""


def provider_deps(
    provider_id: str,
    *,
    inference: Inference | None = None,
    safety: Safety | None = None,
    vector_io: VectorIO | None = None,
    storage: Storage | None = None,
) -> Deps:
    """What the runtime would hand to a provider; what is left out refuses to be used."""
    return Deps(
        provider_id=provider_id,
        inference=inference or _NoInference(),
        safety=safety or _NoSafety(),
        vector_io=vector_io or _NoVectorIO(),
        storage=storage or Storage(_NOWHERE),
        log=structlog.get_logger("stack").bind(provider=provider_id),
    )
