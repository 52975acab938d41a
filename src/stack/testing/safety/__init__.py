"""The contract suite of safety: what every provider must do, as a pytest class to inherit from.

    from stack.testing.safety import SafetyContract

    class TestMine(SafetyContract):
        violating = "call me at +1 202 555 0143"
        harmless = "the weather is fine"

        @pytest.fixture
        async def provider(self):
            made = Mine(Config(...), provider_deps("mine"))
            await made.initialize()
            yield made
            await made.shutdown()

It needs pytest and pytest-asyncio; an asynchronous fixture its mode `auto`, or `pytest_asyncio.fixture`. A remote
provider is run against a fake of its service on a real socket, or against the service. What a provider may tell of
itself: `Settings`.
"""

import pytest

_PARTS = ("settings", "findings", "inputs", "judgements")
# Before they are imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from stack.testing.safety.findings import Findings  # noqa: E402
from stack.testing.safety.inputs import Inputs  # noqa: E402
from stack.testing.safety.judgements import Judgements  # noqa: E402
from stack.testing.safety.settings import Settings  # noqa: E402

__all__ = ["SafetyContract", "Settings"]


class SafetyContract(Findings, Inputs, Judgements):
    """All parts of the suite; inherit from it, name the texts, and give the fixture `provider`."""
