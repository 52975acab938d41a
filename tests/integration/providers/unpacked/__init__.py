"""A provider from outside the tree whose package is not installed; its declaration imports nothing."""

from __future__ import annotations

from stack.registry.spec import ProviderSpec

SPEC = ProviderSpec(
    "inference",
    "remote::unpacked",
    "Needs a package.",
    module=f"{__name__}.answering",
    packages=("a-package-that-nobody-has>=2",),
)
