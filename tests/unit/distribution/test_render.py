"""From a template to build.yaml, run.yaml and README.md."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from stack.distribution import DistributionTemplate, render
from stack.errors import BadConfig
from stack.registry.discovery import specs

REMOTE = [spec.provider_type for spec in specs("inference") if spec.kind == "remote" and spec.origin == "stack"]


def template(*inference: Any, **more: Any) -> DistributionTemplate:
    return DistributionTemplate(name="mine", description="All: mine.", providers={"inference": list(inference)}, **more)


def run_yaml(*inference: Any, **more: Any) -> Any:
    return yaml.safe_load(render(template(*inference, **more))["run.yaml"])


def providers(*inference: Any) -> dict[str, Any]:
    return {entry["provider_type"]: entry for entry in run_yaml(*inference)["providers"]["inference"]}


def test_the_same_template_gives_the_same_bytes():
    assert render(template("remote::*")) == render(template("remote::*"))


def test_a_provider_in_the_template_is_in_both_files():
    files = render(template("remote::*"))
    build = yaml.safe_load(files["build.yaml"])
    assert [entry["provider_type"] for entry in build["distribution_spec"]["providers"]["inference"]] == REMOTE
    assert list(providers("remote::*")) == REMOTE


def test_build_yaml_speaks_the_words_users_know():
    build = yaml.safe_load(render(template("remote::groq"))["build.yaml"])
    providers = {"inference": [{"provider_type": "remote::groq"}]}
    spec = {"description": "All: mine.", "providers": providers}
    assert build == {"version": 2, "distribution_spec": spec, "image_type": "venv", "image_name": "mine"}


@pytest.mark.parametrize(
    ("provider_type", "provider_id"),
    [
        ("remote::groq", "${env.GROQ_API_KEY:+groq}"),
        ("remote::ollama", "${env.OLLAMA_URL:+ollama}"),
        ("remote::vllm", "${env.VLLM_URL:+vllm}"),
        ("remote::openai-compatible", "${env.OPENAI_COMPATIBLE_BASE_URL:+openai-compatible}"),
    ],
)
def test_every_remote_provider_is_switched_by_its_own_variable(provider_type, provider_id):
    assert providers("remote::*")[provider_type]["provider_id"] == provider_id


def test_a_provider_is_switched_where_its_entry_says_so():
    switched = {"provider_type": "remote::ollama", "provider_id": "box", "switched": True}
    assert [entry["provider_id"] for entry in providers("remote::groq", switched).values()] == [
        *["groq", "${env.OLLAMA_URL:+box}"]
    ]


def test_a_provider_named_outright_is_always_on():
    assert providers("remote::groq")["remote::groq"]["provider_id"] == "groq"


def test_the_configuration_is_the_sample_of_the_settings():
    assert providers("remote::groq")["remote::groq"]["config"] == {
        "base_url": "${env.GROQ_BASE_URL:=https://api.groq.com/openai/v1}",
        "api_key": "${env.GROQ_API_KEY:=}",
    }


def test_an_entry_of_its_own_replaces_the_one_taken_by_the_wildcard():
    own = {"provider_type": "remote::ollama", "provider_id": "box", "config": {"connect_timeout_s": 1}}
    found = providers("remote::*", own)
    assert sorted(found) == REMOTE
    assert found["remote::ollama"]["provider_id"] == "${env.OLLAMA_URL:+box}"
    assert found["remote::ollama"]["config"]["connect_timeout_s"] == 1
    assert found["remote::ollama"]["config"]["base_url"] == "${env.OLLAMA_URL:=http://localhost:11434/v1}"


def test_one_type_can_stand_twice_under_two_ids():
    second = {"provider_type": "remote::groq", "provider_id": "groq-eu"}
    build = yaml.safe_load(render(template("remote::groq", second))["build.yaml"])
    assert build["distribution_spec"]["providers"]["inference"] == [{"provider_type": "remote::groq"}]
    ids = [entry["provider_id"] for entry in run_yaml("remote::groq", second)["providers"]["inference"]]
    assert ids == ["groq", "groq-eu"]


def test_a_model_is_off_whenever_its_provider_is():
    [model] = run_yaml("remote::*", models=[{"model_id": "chat", "provider_id": "ollama"}])["models"]
    assert model == {"model_id": "chat", "provider_id": "${env.OLLAMA_URL:+ollama}", "model_type": "llm"}


@pytest.mark.parametrize(
    ("inference", "more", "said"),
    [
        (["remote::groq", "remote::groq"], {}, "the provider id `groq` is taken"),
        (
            [{"provider_type": "remote::groq", "config": {"api_kye": "x"}}],
            {},
            "`api_kye` is not a setting: did you mean `api_key`",
        ),
        (
            ["remote::groq"],
            {"models": [{"model_id": "a", "provider_id": "grok"}]},
            "no provider has the id `grok`: did you mean `groq`",
        ),
    ],
)
def test_a_template_at_odds_with_the_settings_is_refused(inference, more, said):
    with pytest.raises(BadConfig, match=said):
        render(template(*inference, **more))


@pytest.mark.parametrize(
    "text", ["a: b", "# no", "'quoted' \"twice\"", "- item", "${env.X}", "{{ 7 * 7 }}", "two\nlines: x"]
)
def test_no_text_breaks_out_of_its_place(text):
    files = render(DistributionTemplate(name="mine", description=text, providers={"inference": ["remote::groq"]}))
    build, run = yaml.safe_load(files["build.yaml"]), yaml.safe_load(files["run.yaml"])
    assert build["distribution_spec"]["description"] == text.replace("\n", " ")
    assert list(run) == ["version", "image_name", "apis", "providers", "models", "storage", "server"]


@pytest.mark.parametrize(
    "value", ["${env.A:=b: c}", "yes", "8321", "", 'a"b', [1, {"k": "v"}], None, True, {"n": {"m": []}}]
)
def test_any_configured_value_survives_the_way_through_yaml(value):
    own = {"provider_type": "remote::openai-compatible", "config": {"headers": value}}
    assert providers(own)["remote::openai-compatible"]["config"]["headers"] == value


def test_the_readme_tells_providers_and_variables():
    readme = render(template("remote::*"))["README.md"]
    assert "| inference | `remote::groq` | `groq` | `GROQ_API_KEY` | none |" in readme
    assert "| `GROQ_BASE_URL` | `groq` | `https://api.groq.com/openai/v1` | API root. |" in readme
