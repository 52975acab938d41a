"""A provider with a required setting, and in need of an API that no one serves."""

from stack.registry.spec import ProviderConfig, ProviderSpec


class Config(ProviderConfig):
    base_url: str


class Strict:
    def __init__(self, config: Config, deps: object) -> None: ...


SPEC = [
    ProviderSpec("inference", "remote::strict", "Wants its address.", module="acme_strict"),
    ProviderSpec("inference", "remote::needy", "Needs agents.", module="acme_stack", needs=("agents",)),
]
