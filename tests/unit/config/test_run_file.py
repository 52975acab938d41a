from pathlib import Path

import pytest

from stack.config.load import load_run_config, parse_run_config
from stack.config.models import RunConfig, secret_values
from stack.errors import BadConfig, MissingPackage, ProviderLoadError

ACME = "provider_type: 'remote::acme', module: acme_stack"
KEY = "0123456789-0123456789"


def load(text: str, **environ: str) -> RunConfig:
    return parse_run_config(text, "run.yaml", environ)


def with_providers(*entries: str, rest: str = "") -> str:
    lines = "\n".join(f"  - {{{entry}}}" for entry in entries)
    return f"{rest}\nproviders:\n  inference:\n{lines}\n"


def with_models(*entries: str) -> str:
    models = ", ".join(f"{{{entry}}}" for entry in entries)
    return with_providers(
        f"provider_id: a, {ACME}", f"provider_id: '${{env.ON:+b}}', {ACME}", rest=f"models: [{models}]"
    )


def test_the_least_that_runs():
    config = load(with_providers(f"provider_id: a, {ACME}"))
    (instance,) = config.providers["inference"]
    assert (config.version, config.image_name, config.apis, config.models) == (2, "stack", ["inference"], [])
    assert (instance.api, instance.provider_id, instance.spec.provider_type) == ("inference", "a", "remote::acme")
    assert (config.server.host, config.server.port, config.server.max_body_bytes) == ("127.0.0.1", 8321, 20 * 2**20)


def test_the_environment_of_the_process_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "run.yaml"
    path.write_text(with_providers(f"provider_id: a, {ACME}", rest="image_name: ${env.STACK_TEST_NAME}"))
    monkeypatch.setenv("STACK_TEST_NAME", "007")
    assert load_run_config(path).image_name == "007"


@pytest.mark.parametrize("switch", ["${env.NONE:+b}", "${env.NONE:=}", "${env.NONE:=__disabled__}", "__disabled__", ""])
def test_a_switched_off_provider_is_not_even_expanded(switch: str):
    off = f"provider_id: \"{switch}\", provider_type: 'no::such', cofnig: 1, config: {{a: '${{env.MISSING}}${{bad}}'}}"
    config = load(with_providers(off, f"provider_id: a, {ACME}"))
    assert [instance.provider_id for instance in config.providers["inference"]] == ["a"]


def test_a_variable_switches_a_provider_on():
    text = with_providers(f"provider_id: '${{env.ACME_KEY:+acme}}', {ACME}, config: {{key: '${{env.ACME_KEY:=}}'}}")
    assert load(text).providers == {"inference": []}
    (instance,) = load(text, ACME_KEY="k").providers["inference"]
    assert instance.provider_id == "acme"


def test_a_model_has_an_id_upstream_and_facts():
    config = load(with_models("model_id: m, provider_id: a", "model_id: n, provider_id: a, provider_model_id: 007, "
                              "model_type: embedding, metadata: {embedding_dimension: 384}"))  # fmt: skip
    assert [model.provider_model_id for model in config.models] == ["m", "007"]
    assert [model.model_type for model in config.models] == ["llm", "embedding"]
    assert config.models[1].metadata == {"embedding_dimension": 384}


@pytest.mark.parametrize(
    "entry",
    ["model_id: '${env.ON:+m}', provider_id: b", "model_id: m, provider_id: '${env.ON:+b}', model_type: '${bad}'"],
)
def test_a_model_is_off_when_one_of_its_ids_is_empty(entry: str):
    assert load(with_models(entry)).models == []
    assert len(load(with_models(entry.replace(", model_type: '${bad}'", "")), ON="1").models) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "model_id: m, provider_id: b",
            "1:37: models[0].provider_id: provider `b` is switched off because environment",
        ),
        ("model_id: m, provider_id: aa", "1:37: models[0].provider_id: no provider `aa`: did you mean `a`?"),
        ("model_id: m", "1:10: models[0].provider_id: required: add `provider_id:`"),
        ("provider_id: a", "1:10: models[0].model_id: required: add `model_id:`"),
        ("model_id: m, provider_id: a, model_type: lmm", "must be one of `llm`, `embedding`, `rerank`"),
        ("model_id: m, provider_id: a, metadata: 5", "models[0].metadata: must be a mapping"),
        ("model_id: m, provider_id: a, type: llm", "unknown key `type`"),
    ],
)
def test_a_model_that_cannot_be_served(problems, entry: str, message: str):
    (problem,) = problems(with_models(entry))
    assert message in problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: must be a mapping"),
        ("- a", "1:1: must be a mapping"),
        ("version: 2", "1:1: providers: required: add `providers:`"),
        ("providers: {inference: []}", "1:13: providers.inference: `inference` has no providers"),
        ("providers: {inference: }", "`inference` has no providers"),
        ("apis: [inference]\nproviders: {}", "1:8: apis[0]: `inference` has no providers"),
        ("apis: []\nproviders: {inference: []}", "2:13: providers.inference: `inference` is not in `apis`"),
        (
            "providers: {inferense: []}",
            "1:13: providers.inferense: unknown API `inferense`: this version has `inference`",
        ),
        ("apis: ['${env.API}']\nproviders: {}", "apis[0]: unknown API `${env.API}`"),
        ("apis: '${env.API}'\nproviders: {}", "1:7: apis: unknown API `${env.API}`"),
        ("providers: {inference: {}}", "1:24: providers.inference: must be a list"),
        ("providers: {inference: [a]}", "1:25: providers.inference[0]: must be a mapping"),
        ("providers: [a]", "1:12: providers: must be a mapping"),
        ("version: 3\nproviders: {}", "1:10: version: must be `2`"),
        ("quota: []\nproviders: {}", "1:1: quota: `quota` is not supported by this version"),
        ("vector_stores: []\nproviders: {}", "1:16: vector_stores: must be a mapping"),
        (
            "vector_stores: {default_provider_id: pg}\nproviders: {}",
            "1:38: vector_stores.default_provider_id: no provider `pg`: none is switched on",
        ),
        (
            "vector_stores: {stores: [{vector_store_id: a, provider_id: pg}]}\nproviders: {}",
            "vector_stores.stores[0].provider_id: no provider `pg`: none is switched on",
        ),
        (
            "vector_stores: {default_embedding_model: {provider_id: opnai, model_id: a}}\nproviders: {}",
            "vector_stores.default_embedding_model.provider_id: no provider `opnai`: none is switched on",
        ),
        (
            "vector_stores: {rewrite_query_params: {model: {provider_id: opnai, model_id: a}}}\nproviders: {}",
            "vector_stores.rewrite_query_params.model.provider_id: no provider `opnai`: none is switched on",
        ),
        (
            "vector_stores: {file_ingestion_params: {default_chunk_size_tokens: 200}}\nproviders: {}",
            "`default_chunk_overlap_tokens` is more than half of `default_chunk_size_tokens`",
        ),
        ("sever: {}\nproviders: {}", "1:1: sever: unknown key `sever`: did you mean `server`?"),
        ("models: {}\nproviders: {}", "1:9: models: must be a list"),
        ("server: {port: 0}\nproviders: {}", "1:16: server.port: must be an integer from 1 to 65535"),
        ("server: {timeout_s: inf}\nproviders: {}", "server.timeout_s: must be a number greater than 0"),
        ("server: {cors: true}\nproviders: {}", "`cors` is not supported by this version"),
        ("server: {auth: {api_keys: [short]}}\nproviders: {}", "1:28: server.auth.api_keys[0]: key is shorter than 20"),
        ("server: {auth: {api_keys: '${env.API}'}}\nproviders: {}", "secrets.token_urlsafe(32)"),
    ],
)
def test_a_file_that_cannot_run(problems, text: str, message: str):
    (problem,) = problems(text, API="agents")
    assert message in problem
    assert "agents" not in problem


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (f"provider_id: Ä, {ACME}", "5:19: providers.inference[1].provider_id: must be text that matches"),
        (f"provider_id: {'x' * 65}, {ACME}", "provider_id: must be text that matches"),
        (f"provider_id: a, {ACME}", "5:19: providers.inference[1].provider_id: `a` is taken, first on line 4"),
        (f"provider_id: '${{env.ID}}', {ACME}", "`${env.ID}` is taken, first on line 4"),
        (f"provider_id: , {ACME}", "5:19: providers.inference[1].provider_id: required"),
        (f"provider_id: '${{env.MISSING}}', {ACME}", "`MISSING` is unset or empty: set it"),
        ("provider_id: b", "5:5: providers.inference[1].provider_type: required: add `provider_type:`"),
        ("provider_id: b, provider_type: 'remote::grog'", "5:37: providers.inference[1].provider_type: no inference"),
        (f"provider_id: b, {ACME}, id: 1", "providers.inference[1].id: unknown key `id`"),
        (f"provider_id: b, {ACME}, config: x", "providers.inference[1].config: must be a mapping"),
        ("provider_id: b, provider_type: 'remote::strict', module: acme_strict",
         "5:5: providers.inference[1].config.base_url: required: add `base_url:`"),
        ("provider_id: b, provider_type: 'remote::needy', module: acme_strict",
         "5:37: providers.inference[1].provider_type: `remote::needy` needs a provider of `agents`"),
    ],
)  # fmt: skip
def test_a_provider_that_cannot_run(problems, entry: str, message: str):
    (problem,) = problems(with_providers(f"provider_id: a, {ACME}", entry), ID="a")
    assert message in problem


def test_an_entry_repeated_by_an_alias_is_told(problems):
    text = f"providers: {{inference: [&p {{provider_id: a, {ACME}}}, *p]}}"
    assert ["inference[1].provider_id: `a` is taken" in problem for problem in problems(text)] == [True]


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("provider_type: 'remote::x', module: acme_without_package", MissingPackage),
        ("provider_type: 'remote::x', module: acme_stack", ProviderLoadError),
        (f"{ACME}, config: {{folder: /crash}}", ProviderLoadError),
    ],
)
def test_a_provider_that_cannot_be_loaded_leaves_the_others(entry: str, error: type[Exception]):
    broken, good = load(with_providers(f"provider_id: x, {entry}", f"provider_id: a, {ACME}")).providers["inference"]
    assert isinstance(broken.error, error)
    assert (broken.config, broken.spec.module != "", good.error, good.config is not None) == (None, True, None, True)


def test_missing_variables_are_told_even_if_the_provider_cannot_be_loaded(problems):
    entry = "provider_id: x, provider_type: 'remote::x', module: acme_without_package, config: {a: {b: ['${env.NO}']}}"
    (problem,) = problems(with_providers(entry))
    assert "providers.inference[0].config.a.b[0]: environment variable `NO` is unset" in problem


def test_problems_come_in_the_order_of_the_file(tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text(f"server: {{port: x}}\n{with_models('model_id: m, provider_id: z', 'model_id: m')}\nversion: 1\n")
    with pytest.raises(BadConfig) as caught:
        load_run_config(path, {})
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert len(places) == 5
    assert places == sorted(places)
    assert all(line.startswith(f"{path}:") for line in str(caught.value).splitlines())


def test_every_secret_of_a_configuration_is_known():
    entry = f"provider_id: a, {ACME}, config: {{key: '${{env.KEY}}', name: '${{env.NAME}}'}}"
    text = with_providers(entry, f"provider_id: b, {ACME}", rest=f"server: {{auth: {{api_keys: [{KEY}]}}}}")
    assert secret_values(load(text, KEY="sk-1", NAME="me")) == {"sk-1", KEY}


def test_a_chosen_model_of_a_provider_that_is_off_keeps_nobody_from_serving():
    text = """\
providers:
  inference: [{provider_id: "${env.NOT_SET:+openai}", provider_type: remote::openai}]
vector_stores: {default_embedding_model: {provider_id: openai, model_id: small}}
"""
    chosen = parse_run_config(text, "f", {}).vector_stores.default_embedding_model
    assert chosen
    assert chosen.provider_id == "openai"
