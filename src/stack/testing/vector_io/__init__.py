"""The contract suite of vector_io: what every provider must do, as a pytest class to inherit from.

    from stack.testing.vector_io import VectorIOContract

    class TestMine(VectorIOContract):
        recall = 0.95  # of an approximate index; 1.0 unless said

        @pytest.fixture
        async def provider(self):
            made = Mine(Config(...), provider_deps("mine"))
            await made.initialize()
            yield made
            await made.shutdown()

Run it against the real engine. It needs pytest, pytest-asyncio and hypothesis. Every test makes stores of new ids and
deletes them, so that all of them may share one engine. What a provider may tell of itself: `Settings`.
"""

import pytest

_PARTS = ("settings", "stores", "chunks", "vectors", "filtering", "keywords", "bad_input", "together")
# Before they are imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in (*_PARTS, "reference")))

from stack.testing.vector_io.bad_input import BadInput  # noqa: E402
from stack.testing.vector_io.chunks import Chunks  # noqa: E402
from stack.testing.vector_io.filtering import Filtering  # noqa: E402
from stack.testing.vector_io.keywords import Keywords  # noqa: E402
from stack.testing.vector_io.settings import Settings  # noqa: E402
from stack.testing.vector_io.stores import Stores  # noqa: E402
from stack.testing.vector_io.together import Together  # noqa: E402
from stack.testing.vector_io.vectors import Vectors  # noqa: E402

__all__ = ["Settings", "VectorIOContract"]


class VectorIOContract(Stores, Chunks, Vectors, Filtering, Keywords, BadInput, Together):
    """All parts of the suite; inherit from it and give the fixture `provider`."""
