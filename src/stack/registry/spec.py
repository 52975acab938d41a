"""What a provider declares: its row (`ProviderSpec`), its settings (`ProviderConfig`), what it is handed (`Deps`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from stack.apis.inference import Inference
    from stack.apis.safety import Safety
    from stack.apis.vector_io import VectorIO
    from stack.storage import Storage

APIS = {
    "files": "Files that callers upload: kept, listed, read again.",
    "inference": "Models: chat, completions, embeddings, reranking.",
    "safety": "Shields: what may go to a model, and come from it.",
    "vector_io": "Chunks of text, found by meaning, by words and by filters.",
}
API_NAMES = tuple(APIS)
Kind = Literal["remote", "inline"]
Checked = Literal["recorded", "documented", "engine", "stand-in"]


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider type, as plain data: everything that must be known before anything of it is imported.

    provider_type: `remote::groq`, unique within its api. packages: requirements that pip resolves;
    packages_no_deps: those whose declared dependencies are not wanted; from_index: requirements that come from an index
    of their own, each with its URL; overrides: requirements that win over what any package declares (only uv can do
    that). needs: other APIs that it calls.
    module: dotted path of the module that holds `Config` and the class that answers; config_class: dotted path of
    the settings where they are not `Config` of that module.
    checked: what a remote provider was checked against: answers recorded from the service, its documentation alone, the
    engine itself in our tests, or another server that speaks for it; None where it is not told.
    origin: the installed package that declares it, `stack` for our own.
    """

    api: str
    provider_type: str
    description: str
    module: str
    packages: tuple[str, ...] = ()
    packages_no_deps: tuple[str, ...] = ()
    from_index: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    config_class: str | None = None
    origin: str = "stack"
    checked: Checked | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """Every package that it needs, as one would name it: without hashes and indexes."""
        without_deps = (package.partition(" --hash")[0] for package in self.packages_no_deps)
        return (*self.packages, *(package for package, _ in self.from_index), *without_deps)

    @property
    def kind(self) -> str:
        return self.provider_type.partition("::")[0]

    @property
    def name(self) -> str:
        return self.provider_type.partition("::")[2]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a registry list; its api is the list it stands in, its module follows from its name."""

    kind: Kind
    name: str
    description: str
    packages: tuple[str, ...] = ()
    packages_no_deps: tuple[str, ...] = ()
    from_index: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    checked: Checked | None = None

    def spec(self, api: str) -> ProviderSpec:
        return ProviderSpec(
            api=api,
            provider_type=f"{self.kind}::{self.name}",
            description=self.description,
            module=f"stack.providers.{self.kind}.{api}.{self.name.replace('-', '_')}",
            packages=self.packages,
            packages_no_deps=self.packages_no_deps,
            from_index=self.from_index,
            overrides=self.overrides,
            needs=self.needs,
            checked=self.checked,
        )


def remote(name: str, description: str, *, checked: Checked = "documented", **more: Any) -> Row:
    """A row for a provider that calls a service; `checked` says against what."""
    return Row("remote", name, description, checked=checked, **more)


def inline(name: str, description: str, **more: Any) -> Row:
    """A row for a provider that runs in this process."""
    return Row("inline", name, description, **more)


def env(variable: str, default: Any = ..., description: str = "", **more: Any) -> Any:
    """A config field that samples and docs fill from an environment variable.

    It only names the variable: nothing but the loader of run.yaml reads the environment. No default: required.
    """
    return Field(default, description=description, json_schema_extra={"env": variable}, **more)


class ConfigModel(BaseModel):
    """A model of something an operator writes: unknown keys are refused, text is taken for numbers."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=False, hide_input_in_errors=True)

    @classmethod
    def sample_run_config(cls) -> dict[str, Any]:
        """What run.yaml shows of these settings: the fields that have a variable, as placeholders of it."""
        sample: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            if variable := env_name(info):
                default = "" if info.is_required() else f":={_as_text(info.default)}"
                sample[name] = f"${{env.{variable}{default}}}"
            elif (
                isinstance(info.annotation, type)
                and issubclass(info.annotation, ConfigModel)
                and (inner := info.annotation.sample_run_config())
            ):
                sample[name] = inner
        return sample


def env_name(info: FieldInfo) -> str | None:
    """The variable that `env()` named for a field."""
    extra = info.json_schema_extra
    name = extra.get("env") if isinstance(extra, dict) else None
    return name if isinstance(name, str) else None


class ProviderConfig(ConfigModel):
    """Settings of one provider instance; each field is declared once, with default, description and variable.

    switch: the field whose variable, when set, switches a remote provider on in a distribution.
    """

    switch: ClassVar[str] = "api_key"


def _as_text(default: Any) -> str:
    if default is None or default == []:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return str(default).replace("$", "$$")


@dataclass(frozen=True, slots=True)
class Deps:
    """What a provider is handed: routers of the APIs (never other providers), storage, a logger bound to its id.

    storage: opened and closed by the stack; a provider asks it for a database or a folder of its own.
    """

    provider_id: str
    inference: Inference
    safety: Safety
    vector_io: VectorIO
    storage: Storage
    log: FilteringBoundLogger


class Provider:
    """A convenient base of a class that answers: keeps config and deps; both lifecycle methods are optional."""

    def __init__(self, config: Any, deps: Deps) -> None:
        self.config = config
        self.deps = deps

    async def initialize(self) -> None:
        """Called once, before the first request."""

    async def shutdown(self) -> None:
        """Called once, after the last request; whoever opened something closes it here."""
