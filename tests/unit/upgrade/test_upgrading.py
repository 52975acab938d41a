"""Files in the words of Llama Stack and OGX: what they come to here, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.config.load import parse_run_config
from stack.config.report import Report
from stack.config.yaml import Node, Scalar, Section, Series, compose
from stack.errors import BadConfig, ConfigError
from stack.upgrade import Upgraded, upgraded

FOLDER = Path(__file__).parent
FILES = ("llama_stack.yaml", "ogx.yaml")
ENVIRON = {"RUNPOD_ENDPOINT_ID": "e"}
every_file = pytest.mark.parametrize("file", FILES)


@pytest.fixture
def upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One of the files beside these tests, upgraded, with a folder of external providers."""
    folder = tmp_path / "providers.d/remote/inference"
    folder.mkdir(parents=True)
    packages = "[ollama, torch --index-url https://torch.example, big --no-deps]"
    adapter = f"adapter: {{adapter_type: x, pip_packages: {packages}, config_class: acme.C, module: acme}}\n"
    (folder / "custom_ollama.yaml").write_text(adapter + "api_dependencies: [safety, telemetry]\n")
    monkeypatch.setenv("PROVIDERS_DIR", str(tmp_path / "providers.d"))
    return lambda file: upgraded((FOLDER / file).read_text(), file)


def of(inference: str, rest: str = "") -> Upgraded:
    return upgraded(f"providers: {{inference: [{{{inference}}}]}}\nserver: {{host: localhost}}\n{rest}", "run.yaml")


def settings(inference: str) -> Any:
    return yaml.safe_load(of(inference).run_yaml)["providers"]["inference"][0].get("config")


def paths(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value that is written in a tree, with its path."""
    if isinstance(node, Section):
        for key, entry in node.entries.items():
            yield from paths(entry.node, f"{path}.{key}" if path else key)
    elif isinstance(node, Series):
        for index, item in enumerate(node.items):
            yield from paths(item, f"{path}[{index}]")
    elif isinstance(node, Scalar) and not node.is_null and node.text:
        yield path, node.text


@every_file
def test_what_a_file_comes_to_loads(upgrade, file):
    parse_run_config(upgrade(file).run_yaml, "run.yaml", ENVIRON)


@every_file
def test_nothing_of_a_file_vanishes_untold(upgrade, file):
    found = upgrade(file)
    told = [problem.path for problem in found.remarks]
    root = compose((FOLDER / file).read_text(), Report(file))
    assert root is not None
    lost = [
        path
        for path, text in paths(root)
        if text.rstrip("}=:").replace(":fake", ":=fake").lower() not in found.run_yaml.lower()
        and not any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in told)
    ]
    assert lost == []


@every_file
def test_a_remark_stands_where_its_key_does(upgrade, file):
    lines = (FOLDER / file).read_text().splitlines()
    for problem in upgrade(file).remarks:
        key = problem.path.rpartition(".")[2].partition("[")[0]
        at_key = lines[problem.line - 1][problem.column - 1 :].startswith(key)
        assert at_key or "[" in problem.path or key in ("host", "endpoint_id", "provider_id", "provider_type"), problem


@pytest.mark.parametrize(
    ("inference", "expected"),
    [
        ("provider_id: a, provider_type: 'remote::ollama', config: {url: 'http://o:1/'}", {"base_url": "http://o:1/v1"}),
        ("provider_id: a, provider_type: 'remote::ollama', config: {base_url: 'http://o/v1'}", {"base_url": "http://o/v1"}),
        ("provider_id: a, provider_type: 'remote::groq', config: {url: 'https://g'}", {"base_url": "https://g/openai/v1"}),
        (
            "provider_id: a, provider_type: 'remote::nvidia', config: {url: '${env.N:=}'}",
            {"base_url": "${env.N:+${env.N}/v1}"},
        ),
        ("provider_id: a, provider_type: 'remote::tgi', config: {url: 'http://t'}", {"base_url": "http://t/v1"}),
        ("provider_id: a, provider_type: 'remote::vllm', config: {api_token: 007}", {"api_key": "007"}),
        ("provider_id: a, provider_type: 'remote::openai', config: {network: {timeout: 9}}",
         {"connect_timeout_s": 9, "first_byte_timeout_s": 9, "idle_timeout_s": 9}),
        ("provider_id: a, provider_type: 'remote::openai', config: {network: {timeout: {read: 9}}}",
         {"first_byte_timeout_s": 9, "idle_timeout_s": 9}),
        ("provider_id: a, provider_type: 'remote::cloudflare'", {"account_id": "${env.CLOUDFLARE_ACCOUNT_ID}"}),
    ],
)  # fmt: skip
def test_settings_go_by_our_names(inference, expected):
    assert settings(inference) == expected


def test_the_variable_that_switches_keeps_its_name_where_the_id_is_written_small():
    found = of("provider_id: '${env.GROQ_API_KEY:+GROQ}', provider_type: 'remote::groq'")
    (entry,) = yaml.safe_load(found.run_yaml)["providers"]["inference"]
    assert entry["provider_id"] == "${env.GROQ_API_KEY:+groq}"


def test_a_default_address_with_a_slash_gets_one_root():
    config = settings("provider_id: a, provider_type: 'remote::ollama', config: {url: '${env.O:=http://o/}'}")
    assert config == {"base_url": "${env.O:=http://o}/v1"}


def test_resources_follow_their_provider(upgrade):
    run = yaml.safe_load(upgrade("llama_stack.yaml").run_yaml)
    assert [model["provider_id"] for model in run["models"]] == ["${env.OLLAMA_URL:+ollama}", "sentence-transformers"]
    assert [shield["provider_id"] for shield in run["shields"]] == ["llama-guard", "codescanner"]
    assert [store["vector_store_id"] for store in run["vector_stores"]["stores"]] == ["docs"]


SWITCHED = "provider_id: '${env.ON_A:=}', provider_type: inline::playground}, {provider_id: '${env.ON_B:=}'"


@pytest.mark.parametrize("named", ["${env.ON_A:=}", "${env.ON_B:=}"])
def test_a_resource_follows_the_provider_whose_id_is_the_same_variable(named):
    found = of(f"{SWITCHED}, provider_type: inline::playground", f"models: [{{model_id: m, provider_id: '{named}'}}]")
    assert yaml.safe_load(found.run_yaml)["models"][0]["provider_id"] == named


def test_a_provider_that_a_variable_may_name_is_shown():
    found = of(f"{SWITCHED}, provider_type: inline::playground", "models: [{model_id: m, provider_id: a}]")
    (said,) = (remark.message for remark in found.remarks if remark.path == "models[0]")
    assert said.endswith(
        "unless a variable gives its name to one: then say `${env.ON_A:=}` or `${env.ON_B:=}` as its `provider_id`"
    )


def test_a_resource_that_names_no_provider_is_of_the_only_one():
    found = of("provider_id: a, provider_type: inline::playground", "models: [{model_id: m}]")
    assert [model["provider_id"] for model in yaml.safe_load(found.run_yaml)["models"]] == ["a"]


def test_external_providers_are_declared_by_a_module_of_ours(upgrade):
    found = upgrade("llama_stack.yaml")
    namespace: dict[str, Any] = {}
    exec(found.files["external_providers.py"], namespace)  # what was written is read as Python reads it
    [spec] = namespace["SPEC"]
    assert (spec.api, spec.provider_type, spec.module) == ("inference", "remote::custom_ollama", "acme")
    assert (spec.packages, spec.needs, spec.config_class) == (("ollama",), ("safety",), "acme.C")
    assert (spec.packages_no_deps, spec.from_index) == (("big",), (("torch", "https://torch.example"),))
    [entry] = [e for e in yaml.safe_load(found.run_yaml)["providers"]["inference"] if e["provider_id"] == "custom"]
    assert entry["module"] == "external_providers"


def test_a_folder_that_is_not_there_is_told(upgrade):
    [remark] = [each for each in upgrade("ogx.yaml").remarks if each.path == "external_providers_dir"]
    assert "the folder `/no/such/folder` is not there" in remark.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "is no run.yaml or config.yaml"),
        ("version: 2", "is no run.yaml or config.yaml"),
        ("distribution_spec: {}", "is a build.yaml"),
        ("providers: {", "not valid YAML"),
        ("providers: {}\nproviders: {}", "duplicate key"),
    ],
)
def test_what_is_no_file_of_theirs_is_refused(text, message):
    with pytest.raises((BadConfig, ConfigError), match=message):
        upgraded(text, "run.yaml")


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("vector_stores: {default_embedding_model: {provider_id: gone, model_id: m}}", "default_embedding_model"),
        ("vector_stores: {rewrite_query_params: {max_tokens: 9}}", "rewrite_query_params"),
        ("vector_stores: {default_provider_id: gone}", "default_provider_id"),
        ("safety: {other: 1}", "safety.other"),
        ("whatever: 1", "whatever"),
    ],
)
def test_what_is_left_out_is_told(rest, path):
    found = of("provider_id: a, provider_type: inline::playground", rest)
    assert [each.path.endswith(path) for each in found.remarks] == [True]
    parse_run_config(found.run_yaml, "run.yaml", {})


def test_whoever_was_checked_is_told_that_they_are_not():
    rest = "auth: {provider_config: {type: custom, endpoint: 'http://idp'}}"
    found = upgraded(f"providers: {{}}\nserver: {{host: 0.0.0.0, {rest}}}", "run.yaml")
    assert "put some of at least 20 characters into `server.auth.api_keys`" in found.remarks[0].message
