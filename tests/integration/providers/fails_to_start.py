"""A provider from outside the tree with a bug in its start."""

from __future__ import annotations

from stack.apis.inference import Inference
from stack.registry.spec import Deps, ProviderConfig, ProviderSpec

SPEC = ProviderSpec("inference", "inline::bugged", "Fails to start.", module=__name__)


class Config(ProviderConfig):
    pass


class Bugged(Inference):
    def __init__(self, config: Config, deps: Deps) -> None:
        self.config = config

    async def initialize(self) -> None:
        raise ZeroDivisionError("nothing to share")
