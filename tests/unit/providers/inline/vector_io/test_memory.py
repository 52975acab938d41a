"""`inline::memory` against the contract suite."""

from __future__ import annotations

import pytest

from stack.providers.inline.vector_io.memory import Config, Memory
from stack.testing.deps import provider_deps
from stack.testing.vector_io import VectorIOContract


class TestMemory(VectorIOContract):
    @pytest.fixture
    def provider(self) -> Memory:
        return Memory(Config(), provider_deps("memory"))
