"""From a template to the provider entries of its run.yaml: rows taken, samples filled in, switches set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from stack.distribution.template import DistributionTemplate, ProviderChoice, alternatives
from stack.errors import BadConfig, ConfigError, MissingPackage, Problem
from stack.registry.discovery import find_spec, load_config_class, specs
from stack.registry.spec import ProviderConfig, ProviderSpec, env_name

NOT_INSTALLED = ""  # the origin of a provider whose package a build is to install


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider of a distribution. switch: the variable that turns it on, None if it is always on."""

    spec: ProviderSpec
    config_class: type[BaseModel]
    provider_id: str
    config: dict[str, Any]
    switch: str | None = None
    module: str | None = None

    @property
    def placeholder(self) -> str:
        """The `provider_id` of run.yaml: empty, which means off, while the switch is unset."""
        return f"${{env.{self.switch}:+{self.provider_id}}}" if self.switch else self.provider_id


def entries(template: DistributionTemplate, *, uninstalled: bool = False) -> dict[str, list[Entry]]:
    """The providers of each API in the template's order; imports their modules for `Config`.

    uninstalled: take a `module` that is not there by its name alone, without settings, since a build will install it.
    Raises: BadConfig for a provider id used twice or an unknown setting, and what the registry raises.
    """
    taken = {api: list(_taken(template, api, uninstalled)) for api in template.providers}
    if problems := list(_problems(template, taken)):
        raise BadConfig(problems)
    return taken


def _taken(template: DistributionTemplate, api: str, uninstalled: bool) -> Iterator[Entry]:
    choices = template.providers[api]
    named = {choice.provider_type for choice in choices}
    every_remote = any(choice.is_wildcard for choice in choices)
    for choice in choices:
        if not choice.is_wildcard:
            spec = _found(api, choice, uninstalled)
            yield _entry(spec, choice, switched=choice.switched or (every_remote and spec.kind == "remote"))
            continue
        for spec in remote_rows(api):
            if spec.provider_type not in named:
                yield _entry(spec, ProviderChoice(provider_type=spec.provider_type), switched=True)


def _found(api: str, choice: ProviderChoice, uninstalled: bool) -> ProviderSpec:
    try:
        return find_spec(api, choice.provider_type, choice.module)
    except MissingPackage:
        if choice.module is None or not uninstalled:
            raise
        module, _, version = choice.module.partition("==")
        package = module.partition(".")[0] + (f"=={version}" if version else "")
        description = f"Of the package `{package}`: see there for its settings."
        return ProviderSpec(api, choice.provider_type, description, module, (package,), origin=NOT_INSTALLED)


def remote_rows(api: str | None = None) -> list[ProviderSpec]:
    """Our own remote rows: what happens to be installed beside us never changes what a template means."""
    return [spec for spec in specs(api) if spec.kind == "remote" and spec.origin == "stack"]


def _entry(spec: ProviderSpec, choice: ProviderChoice, *, switched: bool) -> Entry:
    config_class = load_config_class(spec) if spec.origin != NOT_INSTALLED else BaseModel
    sample = config_class.sample_run_config() if issubclass(config_class, ProviderConfig) else {}
    return Entry(
        spec=spec,
        config_class=config_class,
        provider_id=choice.provider_id or spec.name,
        config={**sample, **choice.config},
        switch=switch_variable(spec, config_class) if switched else None,
        module=choice.module,
    )


def switch_variable(spec: ProviderSpec, config_class: type[BaseModel]) -> str:
    """The variable that, when set, says that a provider is wanted. Raises: ConfigError if there is none."""
    switch = config_class.switch if issubclass(config_class, ProviderConfig) else "api_key"
    field = config_class.model_fields.get(switch)
    if field is None or (variable := env_name(field)) is None:
        raise ConfigError(
            f"`{spec.provider_type}` cannot be switched beside `remote::*`: give the field `{switch}` of"
            f" `{config_class.__module__}.{config_class.__name__}` a variable with `env()`"
        )
    return variable


def _problems(template: DistributionTemplate, taken: dict[str, list[Entry]]) -> Iterator[Problem]:
    for api, found in taken.items():
        seen: set[str] = set()
        for entry in found:
            path = f"providers.{api}[{entry.spec.provider_type}]"
            if entry.provider_id in seen:
                message = f"the provider id `{entry.provider_id}` is taken: give this entry a `provider_id` of its own"
                yield Problem(template.file, 0, 0, path, message)
            seen.add(entry.provider_id)
            known = entry.config_class.model_fields
            for key in entry.config:
                if key not in known and entry.config_class.model_config.get("extra") == "forbid":
                    message = f"`{key}` is not a setting: did you mean {alternatives(key, known)}?"
                    yield Problem(template.file, 0, 0, f"{path}.config", message)
