"""What a provider may be called, and what follows from its name."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from stack.errors import ConfigError, nearest, quoted
from stack.registry.discovery import specs
from stack.registry.spec import API_NAMES

KINDS = ("inline", "remote")
PREFIX = "stack-provider-"
# Words that mean something else where a provider's name stands.
RESERVED = frozenset(
    ("all", "auto", "default", "inline", "none", "null", "provider", "remote", "stack", "test", *API_NAMES)
)
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Naming:
    """A provider's name (`acme-cloud`) and what it is called elsewhere."""

    name: str
    api: str
    kind: str

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def variable(self) -> str:
        """How its environment variables begin."""
        return self.module.upper()

    @property
    def provider_type(self) -> str:
        return f"{self.kind}::{self.name}"

    @property
    def package(self) -> str:
        return PREFIX + self.name

    @property
    def package_module(self) -> str:
        return self.package.replace("-", "_")


def named(name: str, api: str, kind: str) -> Naming:
    """Raises: ConfigError for an unknown API or kind, and for a name that is none, reserved, or taken."""
    _one_of(api, API_NAMES, "API")
    _one_of(kind, KINDS, "kind")
    bare = name.removeprefix(PREFIX).removeprefix(f"{kind}::")
    if bare != name:
        raise ConfigError(f"`{name}` says too much: `{bare}` is the name, the rest follows from it")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise ConfigError(
            f"`{name}` is no name for a provider: use lower-case letters, digits and single hyphens, a letter first,"
            f" and at most {_LONGEST} of them"
        )
    if name in RESERVED or keyword.iskeyword(name.replace("-", "_")):
        raise ConfigError(f"`{name}` is reserved: it would mean something else in a configuration; choose another")
    naming = Naming(name, api, kind)
    for spec in specs():
        if spec.name == name and spec.api == api:
            raise ConfigError(f"`{name}` is taken: `{spec.origin}` has `{spec.provider_type}` for {api}")
    return naming


def _one_of(said: str, known: tuple[str, ...], what: str) -> None:
    if said not in known:
        raise ConfigError(f"there is no {what} `{said}`: did you mean {quoted(nearest(said, known) or known)}?")
