"""The schema of run.yaml: it takes what the loader takes, and marks mistakes where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from stack.config.hints import plain_value
from stack.config.load import parse_run_config
from stack.config.report import Report
from stack.config.schema import run_schema, schema_text
from stack.config.yaml import Node, Scalar, Series, compose
from stack.distribution import distribution_names, distributions_dir
from stack.registry.discovery import load_config_class, specs
from stack.registry.spec import ProviderSpec

ACME = "provider_type: 'remote::acme', module: acme_stack"
PLAYGROUND = "provider_id: a, provider_type: inline::playground"
OURS = [spec for spec in specs() if spec.origin == "stack"]  # others may be installed beside us


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = run_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def faults(validator):
    """The paths of what the schema marks in a run.yaml."""

    def faults(text: str) -> list[str]:
        node = compose(text, Report("run.yaml"))
        assert node is not None
        return sorted({error.json_path.removeprefix("$.") for error in validator.iter_errors(as_json(node))})

    return faults


def as_json(node: Node) -> Any:
    """A tree as an editor's YAML reader has it."""
    if isinstance(node, Scalar):
        return None if node.is_null else node.text if node.quoted else plain_value(node.text)
    if isinstance(node, Series):
        return [as_json(item) for item in node.items]
    return {key: as_json(entry.node) for key, entry in node.entries.items()}


def with_entry(entry: str) -> str:
    return f"providers: {{inference: [{{{entry}}}]}}\n"


def with_server(line: str) -> str:
    return with_entry(PLAYGROUND) + f"server: {{{line}}}\n"


@pytest.mark.parametrize("name", distribution_names())
def test_a_shipped_run_yaml_is_valid_and_names_the_schema(faults, name):
    path = distributions_dir() / name / "run.yaml"
    reference = path.read_text().splitlines()[1].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / reference).resolve() == distributions_dir() / "run.schema.json"
    assert faults(path.read_text()) == []


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: f"{spec.api}-{spec.provider_type}")
def test_the_sample_of_a_provider_is_valid(faults, spec: ProviderSpec):
    sample = load_config_class(spec).sample_run_config()
    entry = {"provider_id": "a", "provider_type": spec.provider_type, "config": sample}
    assert faults(yaml.safe_dump({"providers": {spec.api: [entry]}})) == []


@pytest.mark.parametrize(
    "text",
    [
        with_server("port: '8321'"),
        with_server("port: '${env.PORT}'"),
        with_server("port: "),
        with_server("metrics: 'yes', log_level: '${env.LEVEL:=info}'"),
        with_server("host: 127, auth: {api_keys: '${env.KEYS:=}'}"),
        with_entry(PLAYGROUND) + "version: '2'\nimage_name: 007\napis: '${env.APIS:=inference}'\nmodels:\n",
        with_entry(f"provider_id: '', {PLAYGROUND.partition(', ')[2]}, config: {{whatever: 1}}"),
        with_entry("provider_id: '${env.ON:+a}', provider_type: '${env.TYPE:=inline::playground}'"),
        with_entry(f"provider_id: a, {ACME}, config: {{folder: x}}"),
        with_entry(PLAYGROUND) + "models: [{model_id: '', provider_id: a, other: 1}, {model_id: m, provider_id: a}]",
    ],
)
def test_what_the_loader_takes_is_valid(faults, text, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "packages"))
    parse_run_config(text, "run.yaml", {"PORT": "80"})
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (with_server("port: 70000"), "server.port"),
        (with_server("port: eighty"), "server.port"),
        (with_server("prot: 80"), "server"),
        (with_server("log_level: loud"), "server.log_level"),
        (with_server("metrics: perhaps"), "server.metrics"),
        (with_server("auth: {api_keys: {}}"), "server.auth"),
        (with_entry(PLAYGROUND) + "modles: []", "$"),
        (with_entry(PLAYGROUND) + "version: 3", "version"),
        (with_entry(PLAYGROUND) + "apis: [inferense]", "apis"),
        (with_entry(PLAYGROUND) + "models: [{model_id: m}]", "models"),
        ("version: 2", "$"),
        ("providers: {inferense: []}", "providers"),
        ("providers: {inference: []}", "providers.inference"),
        ("providers: {inference: {}}", "providers.inference"),
        ("providers: {inference: [a]}", "providers.inference[0]"),
        (with_entry("provider_id: a"), "providers.inference[0]"),
        (with_entry("provider_id: Ä, provider_type: inline::playground"), "providers.inference[0].provider_id"),
        (with_entry("provider_id: a, provider_type: 'remote::grok'"), "providers.inference[0].provider_type"),
        (with_entry(f"{PLAYGROUND}, config: {{latency: 1}}"), "providers.inference[0].config"),
        (with_entry(f"{PLAYGROUND}, config: {{latency_ms: -1}}"), "providers.inference[0].config.latency_ms"),
        (with_entry("provider_id: a, provider_type: 'remote::azure'"), "providers.inference[0]"),
        (with_entry("provider_id: a, provider_type: 'remote::azure', config: {}"), "providers.inference[0].config"),
    ],
)
def test_a_mistake_is_marked_where_it_stands(faults, text, path):
    assert any(found.startswith(path) for found in faults(text))


def test_a_field_says_what_it_means_and_which_variable_it_reads():
    port = run_schema([])["$defs"]["ServerConfig"]["properties"]["port"]
    assert (port["description"], port["default"]) == ("TCP port. Variable: `STACK_PORT`.", 8321)


def test_the_settings_of_a_provider_that_cannot_be_imported_are_left_open():
    schema = run_schema([ProviderSpec("inference", "remote::gone", "Gone.", "no_such_package")])
    assert schema["$defs"]["inference.remote::gone"] == {"type": ["object", "null"], "description": "Gone."}


def test_the_shipped_schema_is_the_one_that_is_printed():
    shipped = json.loads((distributions_dir() / "run.schema.json").read_text())
    comment = shipped.pop("$comment")
    assert comment.startswith("Generated")
    assert shipped == json.loads(schema_text([spec for spec in specs() if spec.origin == "stack"]))
