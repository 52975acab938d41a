"""What run.yaml and build.yaml may say, and what they come to; the documentation prints every description."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic_core import PydanticCustomError

from stack.apis.models import ModelType
from stack.config.shields import ModelShields, SafetyConfig, ShieldEntry
from stack.config.vector_stores import VectorStoresConfig
from stack.config.yaml import Section
from stack.errors import ConfigError
from stack.registry.spec import ConfigModel, ProviderSpec, env

MiB = 1024 * 1024
MIN_KEY_LENGTH = 20
ImageType = Literal["venv", "container"]
LogLevel = Literal["debug", "info", "warning", "error"]
MAKE_KEY = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'

# Words of Llama Stack's files that later versions will read: refused by name, so that nobody believes they work.
NOT_YET = frozenset(
    {
        "benchmarks",
        "connectors",
        "container_image",
        "conversations_store",
        "cors",
        "datasets",
        "distro_name",
        "external_apis_dir",
        "external_providers_dir",
        "inference_store",
        "logging",
        "metadata_store",
        "quota",
        "registered_resources",
        "registry_refresh_interval_seconds",
        "scoring_fns",
        "telemetry",
        "tls_cafile",
        "tls_certfile",
        "tls_keyfile",
        "tool_groups",
        "vector_dbs",
    }
)


def _long_enough(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < MIN_KEY_LENGTH:
        raise PydanticCustomError(
            "short_key", f"key is shorter than {MIN_KEY_LENGTH} characters: make a good one with `{MAKE_KEY}`"
        )
    return key


class AuthConfig(ConfigModel):
    """Who may call."""

    api_keys: list[Annotated[SecretStr, AfterValidator(_long_enough)]] = env(
        "STACK_API_KEYS", [], "Keys that callers send as `Authorization: Bearer KEY`; none: no check."
    )


class ServerConfig(ConfigModel):
    """How the stack is reached, and what it lets callers do to it."""

    model_config = ConfigDict(allow_inf_nan=False)

    host: str = env("STACK_HOST", "127.0.0.1", "Address to listen on.", min_length=1)
    port: int = env("STACK_PORT", 8321, "TCP port.", ge=1, le=65535)
    workers: int = Field(1, ge=1, le=1024, description="Processes that share the port.")
    auth: AuthConfig = Field(default_factory=AuthConfig, description="Who may call.")
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Names that callers may reach it by (`Host`), besides those of this machine; none: any, unless it"
        " listens on a loopback address without `auth`.",
    )
    log_level: LogLevel = Field("info", description="Least level that is logged.")
    max_body_bytes: int = Field(20 * MiB, ge=1, description="Largest request body, in bytes.")
    max_file_bytes: int = Field(512 * MiB, ge=1, description="Largest file that can be uploaded, in bytes.")
    max_header_bytes: int = Field(
        64 * 1024, ge=1024, description="Largest request line and headers together, in bytes."
    )
    header_timeout_s: float = Field(10.0, gt=0, description="Longest wait for the headers of a request, in seconds.")
    body_idle_timeout_s: float = Field(30.0, gt=0, description="Longest pause within a request body, in seconds.")
    write_stall_timeout_s: float = Field(
        60.0, gt=0, description="Longest time in which a caller may take nothing of an answer, in seconds."
    )
    metrics: bool = Field(True, description="Count requests, and show the numbers at `GET /metrics`.")
    max_in_flight: int = Field(
        2000, ge=1, description="Inference requests answered at once; more wait 100 ms, then get a 503."
    )
    provider_start_timeout_s: float = Field(
        120.0, gt=0, description="Longest time a provider may take to start; then it counts as failed, in seconds."
    )
    timeout_s: float = Field(600.0, gt=0, description="Longest time for one answer, in seconds.")
    shutdown_grace_s: float = Field(
        30.0, ge=0, description="Time that open answers get when the server stops, in seconds."
    )


class StorageConfig(ConfigModel):
    """Where the stack keeps what callers give it: vector stores, files, and what is known of them."""

    state_dir: Path | None = env(
        "STACK_STATE_DIR", None, "Folder of its own on a local disk; left out: `~/.local/state/stack/IMAGE_NAME`."
    )
    durability: Literal["full", "normal"] = Field(
        "full", description="`full`: what was acknowledged survives a power cut; `normal`: the end of the process only."
    )


class ModelEntry(ConfigModel):
    """A model by the id that callers use; models that a provider lists by itself need no entry."""

    model_id: str = Field(min_length=1, description="What callers say; empty after expansion: the entry is off.")
    provider_id: str = Field(min_length=1, description="The inference provider that answers; empty: the entry is off.")
    provider_model_id: str = Field("", description="What the provider calls it; the `model_id` if left out.")
    model_type: ModelType = Field("llm", description="What the model does.")
    metadata: dict[str, Any] = Field(default_factory=dict, description="Anything else that `/v1/models` shall tell.")
    shields: ModelShields | None = Field(None, description="What guards it; left out: nothing.")

    def model_post_init(self, context: Any, /) -> None:
        self.provider_model_id = self.provider_model_id or self.model_id


class ProviderEntry(ConfigModel):
    """One provider instance, as written in run.yaml."""

    provider_id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="Its name, unique within the API; empty or `__disabled__` after expansion: the provider is off.",
    )
    provider_type: str = Field(
        min_length=1, description="The kind, such as `remote::groq`; see `stack list-providers`."
    )
    module: str | None = Field(None, description="Python module of a provider that no installed package registers.")
    config: Section | None = Field(None, description="Settings of the provider; its page lists them.")


class RunFile(ConfigModel):
    """run.yaml as written: what a stack serves, and how."""

    version: Literal[2] = Field(2, description="Version of this file's format.")
    image_name: str = Field("stack", min_length=1, description="Name of this stack.")
    apis: list[str] = Field(default_factory=list, description="APIs to serve; left out: those that have `providers`.")
    providers: dict[str, list[Section]] = Field(description="The providers of each API.")
    models: list[Section] = Field(default_factory=list, description="Models by the ids that callers use.")
    shields: list[Section] = Field(default_factory=list, description="Shields by the ids that callers and models use.")
    safety: SafetyConfig = Field(default_factory=SafetyConfig, description="What holds for shields altogether.")
    vector_stores: VectorStoresConfig = Field(
        default_factory=VectorStoresConfig, description="What holds for vector stores, and which there are."
    )
    storage: StorageConfig = Field(default_factory=StorageConfig, description="Where the stack keeps its data.")
    server: ServerConfig = Field(default_factory=ServerConfig, description="How the stack is reached.")


@dataclass(frozen=True, slots=True)
class ProviderInstance:
    """A provider that is switched on; `config` is None, and `error` says why, when its module could not be used."""

    api: str
    provider_id: str
    spec: ProviderSpec
    config: BaseModel | None
    error: ConfigError | None = None


@dataclass(frozen=True, slots=True)
class RunConfig:
    """run.yaml as understood: placeholders expanded, values checked, switched-off entries gone."""

    file: str
    image_name: str
    apis: list[str]
    providers: dict[str, list[ProviderInstance]]
    models: list[ModelEntry]
    server: ServerConfig
    storage: StorageConfig = dataclasses.field(default_factory=StorageConfig)
    vector_stores: VectorStoresConfig = dataclasses.field(default_factory=VectorStoresConfig)
    shields: list[ShieldEntry] = dataclasses.field(default_factory=list)
    safety: SafetyConfig = dataclasses.field(default_factory=SafetyConfig)
    version: int = 2

    @property
    def state_dir(self) -> Path:
        """The folder of the stack's data."""
        folder = self.storage.state_dir or Path("~/.local/state/stack") / self.image_name
        return folder.expanduser()


class BuildProvider(ConfigModel):
    """One provider type whose packages a build installs."""

    provider_type: str = Field(min_length=1, description="The kind, such as `remote::groq`.")
    module: str | None = Field(None, description="Python module of a provider that no installed package registers.")


class DistributionSpec(ConfigModel):
    """What a distribution is made of."""

    description: str = Field("", description="What the distribution is for, in a sentence.")
    container_image: str | None = Field(None, description="Base image of a container build.")
    providers: dict[str, list[BuildProvider]] = Field(description="The provider types of each API.")


class BuildConfig(ConfigModel):
    """build.yaml: what `stack build` installs."""

    version: Literal[2] = Field(2, description="Version of this file's format.")
    distribution_spec: DistributionSpec = Field(description="What the distribution is made of.")
    image_type: ImageType = Field("venv", description="What the build makes.")
    image_name: str = Field("stack", min_length=1, description="Name of the environment that the build makes.")
    additional_pip_packages: list[str] = Field(default_factory=list, description="Requirements to install as well.")


def secret_values(config: RunConfig) -> frozenset[str]:
    """Every secret of a configuration, for the redactor of logs and errors: text that no output may hold."""
    found = [*_secrets(config.server)]
    for instances in config.providers.values():
        for instance in instances:
            found.extend(_secrets(instance.config))
    return frozenset(filter(None, found))


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from _secrets(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _secrets(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _secrets(inner)
