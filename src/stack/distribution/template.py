"""What is written by hand: `distributions/<name>/template.yaml`, a named set of providers and models.

    description: Groq and a local Ollama.
    reason: For a desk with a GPU, and a cloud to fall back on.
    providers:
      inference:
        - remote::*                        # every remote row, each switched on by its own variable
        - provider_type: remote::ollama    # in the place of the one that `remote::*` takes, switched likewise
          config: {base_url: http://gpu-box:11434/v1}
        - inline::playground               # always on, like a remote one where there is no `remote::*`
        - {provider_type: inline::llama-cpp, switched: true}    # off until its variable is set
    models:
      - {model_id: chat, provider_id: ollama, provider_model_id: llama3.2, shields: {input: [rules]}}
    shields:
      - {shield_id: rules, provider_id: keywords, params: {words: [falcon]}}

The folder gives the name. `image_type`, `container_image` and `additional_pip_packages` go into build.yaml as they are.
What is not said here comes from registry rows and `Config` classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from stack.apis.models import ModelType
from stack.config.models import ImageType
from stack.config.report import Position, Report
from stack.config.yaml import Node, Section, Series, compose, read_text
from stack.errors import nearest
from stack.registry.discovery import specs
from stack.registry.spec import API_NAMES, ConfigModel

EVERY_REMOTE = "remote::*"


class ProviderChoice(ConfigModel):
    """One line under `providers`: a type or `remote::*`, and what differs from its sample configuration."""

    provider_type: str
    provider_id: str | None = Field(None, min_length=1, description="Instead of the name of the type.")
    module: str | None = Field(None, description="Package that declares the type, if no row and no entry point does.")
    config: dict[str, Any] = Field(default_factory=dict, description="Laid over `Config.sample_run_config()`.")
    switched: bool = Field(False, description="Off until its variable is set, as a remote one beside `remote::*` is.")

    @model_validator(mode="before")
    @classmethod
    def _from_bare_type(cls, value: Any) -> Any:
        return {"provider_type": value} if isinstance(value, str) else value

    @property
    def is_wildcard(self) -> bool:
        return self.provider_type == EVERY_REMOTE

    @property
    def is_remote(self) -> bool:
        return self.provider_type.startswith("remote::")


class ModelChoice(ConfigModel):
    """A model that the distribution registers; most need none, since providers list their own."""

    model_id: str = Field(min_length=1)
    provider_id: str = Field(min_length=1)
    provider_model_id: str | None = None
    model_type: ModelType = "llm"
    metadata: dict[str, Any] = Field(default_factory=dict)
    shields: dict[str, Any] = Field(default_factory=dict)


class ShieldChoice(ConfigModel):
    """A shield that the distribution registers; a `provider_id` with a placeholder is taken as it is."""

    shield_id: str = Field(min_length=1)
    provider_id: str = Field(min_length=1)
    provider_shield_id: str = ""
    params: dict[str, Any] = Field(default_factory=dict)


class DistributionTemplate(ConfigModel):
    """A named set of providers and models; `name` is that of its folder, `file` is for messages: neither is written."""

    name: str
    file: str = ""
    description: str = Field(min_length=1)
    reason: str = Field("", description="Who wants it, and why: for the README.")
    providers: dict[str, list[ProviderChoice]] = Field(min_length=1)
    models: list[ModelChoice] = Field(default_factory=list)
    shields: list[ShieldChoice] = Field(default_factory=list)
    image_type: ImageType = "venv"
    container_image: str | None = None
    additional_pip_packages: list[str] = Field(default_factory=list)

    @field_validator("description", "reason")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return " ".join(value.split())


def read_template(path: Path) -> DistributionTemplate:
    """The template of the folder that `path` stands in. Raises: BadConfig with every problem and its position."""
    report = Report(str(path))
    tree = compose(read_text(path, report), report)
    if not isinstance(tree, Section):
        report.fail(Position(1, 1), "not a template: write `description:` and `providers:`")
    for key in ("name", "file"):
        if entry := tree.entries.get(key):
            report.add(entry.key_at, key, f"unknown key `{key}`: a distribution is called by its folder")
    report.check()
    try:
        template = DistributionTemplate.model_validate({**_plain(tree), "name": path.parent.name, "file": str(path)})
    except ValidationError as error:
        for detail in error.errors():
            report.add(_position(tree, detail["loc"]), _dotted(detail["loc"]), _explained(detail))
        raise report.error() from error
    for loc, message in _unknown_names(template):
        report.add(_position(tree, loc), _dotted(loc), message)
    report.check()
    return template


def _unknown_names(template: DistributionTemplate) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """APIs that are none, and types that no row or entry point declares."""
    for api, choices in template.providers.items():
        if api not in API_NAMES:
            yield ("providers", api), f"there is no API `{api}`: did you mean {alternatives(api, API_NAMES)}?"
            continue
        known = [spec.provider_type for spec in specs(api)]
        for index, choice in enumerate(choices):
            loc = "providers", api, index, "provider_type"
            if choice.is_wildcard and choice.model_fields_set != {"provider_type"}:
                yield loc, f"`{EVERY_REMOTE}` takes no settings: give the provider in question an entry of its own"
            elif not choice.is_wildcard and choice.module is None and choice.provider_type not in known:
                hint = alternatives(choice.provider_type, [EVERY_REMOTE, *known])
                yield loc, f"no {api} provider has the type `{choice.provider_type}`: did you mean {hint}?"


def _explained(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        models: dict[str, type[ConfigModel]] = {
            "providers": ProviderChoice,
            "models": ModelChoice,
            "shields": ShieldChoice,
        }
        holder = models.get(str(detail["loc"][0]), DistributionTemplate)
        known = [name for name in holder.model_fields if name not in ("name", "file")]
        return f"unknown key `{key}`: did you mean {alternatives(key, known)}?"
    if detail["type"] == "missing":
        return f"`{detail['loc'][-1]}` is missing: add it"
    if detail["type"] == "model_type" and detail["loc"][0] == "providers":
        return "write a provider type, or a mapping with `provider_type`"
    return detail["msg"][:1].lower() + detail["msg"][1:]


def alternatives(name: str, known: Collection[str]) -> str:
    """The known names most like `name`, or all of them, for "did you mean"."""
    return " or ".join(f"`{other}`" for other in nearest(name, list(known)) or known)


def _plain(node: Node) -> Any:
    """The value of a node as plain Python: an unquoted scalar is what YAML says it is."""
    if isinstance(node, Section):
        return {key: _plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Series):
        return [_plain(item) for item in node.items]
    return node.text if node.quoted else yaml.safe_load(node.text)


def _position(node: Node, loc: Sequence[str | int]) -> Position:
    """Where the deepest part of `loc` that the file holds begins."""
    at = node.at
    for step in loc:
        if isinstance(node, Section) and (entry := node.entries.get(str(step))):
            at, node = entry.key_at, entry.node
        elif isinstance(node, Series) and isinstance(step, int):
            node = node.items[step]
            at = node.at
        else:
            break
    return at


def _dotted(loc: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")
