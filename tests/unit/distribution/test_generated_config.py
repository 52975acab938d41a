"""What is generated means what it says once the loader of run.yaml has read it."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stack.config.load import load_build_config, load_run_config, parse_run_config
from stack.distribution import (
    DistributionTemplate,
    distribution_names,
    distributions_dir,
    get_distribution_template,
    render,
)
from stack.distribution.entries import Entry, entries
from stack.registry.discovery import specs
from stack.registry.spec import ProviderSpec, env_name

OWN = [spec for spec in specs() if spec.origin == "stack"]
shipped = pytest.mark.parametrize("name", distribution_names())
every_remote = pytest.mark.parametrize(
    "spec", [spec for spec in OWN if spec.kind == "remote"], ids=lambda spec: f"{spec.api}-{spec.provider_type}"
)
every_provider = pytest.mark.parametrize("spec", OWN, ids=lambda spec: f"{spec.api}-{spec.provider_type}")


def taken(name: str) -> list[Entry]:
    return [entry for found in entries(get_distribution_template(name)).values() for entry in found]


def variables(entry: Entry, *, required_only: bool = False) -> dict[str, str]:
    """A value for each variable of a provider's settings."""
    fields = entry.config_class.model_fields
    named = {name: variable for name, info in fields.items() if (variable := env_name(info))}
    return {v: fitting(fields[name]) for name, v in named.items() if fields[name].is_required() or not required_only}


def fitting(field: FieldInfo) -> str:
    """A value that a setting takes: `7`, which is text, a number and a path, or the last of those that it names."""
    if field.annotation is bool:
        return "true"
    return get_args(field.annotation)[-1] if get_origin(field.annotation) is Literal else "7"


def only(spec: ProviderSpec) -> DistributionTemplate:
    providers: Any = {spec.api: [spec.provider_type], **{api: ["inline::playground"] for api in spec.needs}}
    return DistributionTemplate(name="one", description="One.", providers=providers)


def load(spec: ProviderSpec, environ: dict[str, str]) -> BaseModel | None:
    """The settings that the loader makes of a provider's sample."""
    run = parse_run_config(render(only(spec))["run.yaml"], "run.yaml", environ)
    return run.providers[spec.api][0].config


@shipped
def test_without_any_variable_every_provider_without_a_switch_is_on(name):
    run = load_run_config(distributions_dir() / name / "run.yaml", {})
    found = [instance.provider_id for instances in run.providers.values() for instance in instances]
    assert found == [entry.provider_id for entry in taken(name) if entry.switch is None]


@shipped
def test_with_every_variable_every_provider_is_on(name):
    environ = {variable: value for entry in taken(name) for variable, value in variables(entry).items()}
    run = load_run_config(distributions_dir() / name / "run.yaml", environ)
    found = [(i.provider_id, i.error) for instances in run.providers.values() for i in instances]
    assert found == [(entry.provider_id, None) for entry in taken(name)]


@every_remote
def test_a_switch_turns_on_its_own_provider_alone(spec):
    providers: Any = {"inference": ["inline::playground"]}
    providers[spec.api] = [*providers.get(spec.api, []), "remote::*"]
    template = DistributionTemplate(name="all", description="All.", providers=providers)
    [entry] = [entry for found in entries(template).values() for entry in found if entry.spec == spec]
    environ = variables(entry, required_only=True) | {str(entry.switch): variables(entry)[str(entry.switch)]}
    run = parse_run_config(render(template)["run.yaml"], "run.yaml", environ)
    found = {instance.provider_id for instances in run.providers.values() for instance in instances}
    assert found == {entry.provider_id, "playground"}


@shipped
def test_build_yaml_names_the_providers_of_run_yaml(name):
    build = load_build_config(distributions_dir() / name / "build.yaml", {})
    found = [
        provider.provider_type for providers in build.distribution_spec.providers.values() for provider in providers
    ]
    assert found == [entry.spec.provider_type for entry in taken(name)]


@shipped
def test_shipped_files_are_as_rendered(name):
    for file, text in render(get_distribution_template(name), schema="../run.schema.json").items():
        written = (distributions_dir() / name / file).read_text()
        assert written.partition("\n")[2] == text.partition("\n")[2]


@every_provider
def test_a_sample_without_optional_variables_means_the_defaults(spec):
    [entry] = entries(only(spec))[spec.api]
    required = {name: "7" for name, info in entry.config_class.model_fields.items() if info.is_required()}
    assert load(spec, variables(entry, required_only=True)) == entry.config_class.model_validate(required)


@every_provider
def test_every_variable_of_a_sample_reaches_its_field(spec):
    [entry] = entries(only(spec))[spec.api]
    named = {name: fitting(info) for name, info in entry.config_class.model_fields.items() if env_name(info)}
    assert load(spec, variables(entry)) == entry.config_class.model_validate(named)
