"""What is to be built, from each of the ways to say it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from stack.build.blueprint import from_config, from_distro, from_providers
from stack.errors import BadConfig, ConfigError, UnknownProvider

BUILD = """\
version: 2
distribution_spec:
  description: Mine.
  container_image: docker.io/library/python:3.12-slim
  providers:
    inference: [{provider_type: inline::playground}]
image_type: container
image_name: "007"
additional_pip_packages: [numpy>=2]
"""
RUN = "providers:\n  inference:\n  - {provider_id: mine, provider_type: inline::playground}\n"


def types(blueprint) -> dict[str, list[str]]:
    return {api: [c.provider_type for c in found] for api, found in blueprint.template.providers.items()}


@pytest.mark.parametrize(
    "text",
    [
        "inference=inline::playground,inference=remote::groq",
        "inference=playground; inference=groq",
    ],
)
def test_providers_are_named_with_or_without_their_kind(text):
    assert types(from_providers(text)) == {"inference": ["inline::playground", "remote::groq"]}


def test_settings_stand_behind_a_question_mark():
    texts = from_providers("inference=remote::vllm?base_url=http://gpu:8000/v1").texts()
    (entry,) = yaml.safe_load(texts["run.yaml"])["providers"]["inference"]
    assert entry["config"]["base_url"] == "http://gpu:8000/v1"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("groq", ConfigError, "`groq` names no provider: write `api=type`"),
        ("inferense=groq", ConfigError, "there is no API `inferense`: did you mean `inference`"),
        (
            "inference=vllm,inference=vllm?base_url=x",
            ConfigError,
            "`remote::vllm` is named twice: name it once, and add",
        ),
        ("inference=grok", UnknownProvider, "no inference provider is called `grok`: did you mean `groq`"),
        (
            "inference=vllm?base_ulr=x",
            BadConfig,
            "^providers.inference[remote::vllm].config: `base_ulr` is not a setting: did you mean `base_url`",
        ),
    ],
)
def test_a_mistake_names_what_was_meant(text, error, message):
    with pytest.raises(error, match=re.sub(r"([?\[\]])", r"\\\1", message)):
        from_providers(text).texts()


def test_a_build_yaml_is_built_beside_itself_and_keeps_all_it_says(tmp_path):
    (tmp_path / "build.yaml").write_text(BUILD)
    blueprint = from_config(tmp_path)
    assert blueprint.folder == tmp_path
    written = yaml.safe_load(blueprint.texts()["build.yaml"])
    assert written == yaml.safe_load(BUILD)


def test_a_run_yaml_beside_it_is_kept(tmp_path):
    (tmp_path / "build.yaml").write_text(BUILD)
    (tmp_path / "run.yaml").write_text(RUN)
    assert from_config(tmp_path / "build.yaml").texts()["run.yaml"] == RUN


def test_a_run_yaml_that_does_not_fit_is_told_before_anything_is_built(tmp_path):
    (tmp_path / "build.yaml").write_text(BUILD)
    (tmp_path / "run.yaml").write_text(RUN.replace("inline::playground", "remote::groq"))
    with pytest.raises(ConfigError, match=r"(?s)`inline::playground` is here.*`remote::groq` is here"):
        from_config(tmp_path)


def test_a_module_that_is_not_installed_yet_can_be_built(tmp_path):
    module = BUILD.replace("provider_type: inline::playground", "provider_type: remote::acme, module: acme.sub==2")
    (tmp_path / "build.yaml").write_text(module)
    (entry,) = yaml.safe_load(from_config(tmp_path).texts()["run.yaml"])["providers"]["inference"]
    assert entry == {"provider_id": "acme", "provider_type": "remote::acme", "module": "acme.sub==2", "config": {}}


@pytest.mark.parametrize(("name", "folder"), [("groq", "mine"), ("starter", "mine")])
def test_a_name_gives_the_folder(name, folder):
    blueprint = from_distro(name).called("mine")
    assert blueprint.folder == Path(folder)
    assert yaml.safe_load(blueprint.texts()["run.yaml"])["image_name"] == "mine"


def test_a_file_is_built_beside_itself_under_another_name_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("007").mkdir()
    Path("007/build.yaml").write_text(BUILD)
    assert from_config(Path("007/build.yaml")).called("other").folder == Path("007")


def test_an_editor_finds_the_schema_beside_run_yaml():
    texts = from_providers("inference=playground").texts()
    assert texts["run.yaml"].splitlines()[1] == "# yaml-language-server: $schema=run.schema.json"
    assert json.loads(texts["run.schema.json"])["title"] == "run.yaml"
