"""The contract suite of files: what every `FileStore` must do, as a pytest class to inherit from.

    from stack.testing.files import FileStoreContract

    class TestMine(FileStoreContract):
        @pytest.fixture
        async def store(self):
            made = Mine(Config(...), provider_deps("mine"))
            await made.initialize()
            yield made
            await made.shutdown()

Run it against the real service. It needs pytest and pytest-asyncio, and Linux for the test that measures memory. Every
test uses new ids and deletes them.
"""

import pytest

# Before it is imported, so that a failed assertion shows its values.
pytest.register_assert_rewrite(f"{__name__}.contract")

from stack.testing.files.contract import FileStoreContract, new_id, parts, whole  # noqa: E402

__all__ = ["FileStoreContract", "new_id", "parts", "whole"]
