"""What each setting comes to, and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stack.config.explain import Setting, explain, selected
from stack.distribution import distribution_names, run_config_source
from stack.errors import BadConfig, ConfigError

FILE = """\
image_name: shop
providers:
  inference:
  - provider_id: ${env.GROQ_API_KEY:+groq}
    provider_type: remote::groq
    config: {api_key: "${env.GROQ_API_KEY}", base_url: "${env.BASE:=https://me:pass@${env.HOST:=groq}/v1}"}
  - {provider_id: here, provider_type: inline::playground}
  - provider_id: any
    provider_type: remote::openai-compatible
    config: {base_url: "http://a", headers: {X-Key: abcdef}}
  - {provider_id: lost, provider_type: remote::lost, module: no_such_package, config: {key: abcdefgh}}
models:
- {model_id: chat, provider_id: here, provider_model_id: not-an-llm}
- {model_id: "${env.OFF:=}", provider_id: here}
vector_stores: {stores: [{vector_store_id: docs}]}
server:
  port: ${env.PORT:=}
  host:
  auth: {api_keys: "${env.KEYS:=}"}
"""
Explained = Callable[..., Setting]


@pytest.fixture
def setting() -> Explained:
    """The one setting of a key, in an environment."""

    def setting(key: str, *, assigned: tuple[str, ...] = (), **environ: str) -> Setting:
        [found] = selected(explain(FILE, "run.yaml", environ, assigned), key)
        return found

    return setting


@pytest.mark.parametrize(
    ("key", "environ", "value", "origin"),
    [
        ("image_name", {}, "shop", "run.yaml:1:13"),
        ("version", {}, "2", "default"),
        ("apis", {}, '["inference"]', "default"),
        ("server.port", {"PORT": "90"}, "90", "environment variable `PORT` (run.yaml:17:9)"),
        ("server.port", {}, "8321", "default (`PORT` unset), since run.yaml:17:9 is empty"),
        ("server.host", {}, "127.0.0.1", "default, since run.yaml:18:8 is empty"),
        ("server.metrics", {}, "true", "default"),
        (
            *("server.auth.api_keys", {"KEYS": "k" * 20 + "," + "l" * 20}, '["***", "***"]'),
            "environment variable `KEYS` (run.yaml:19:20)",
        ),
        ("providers.inference[0].provider_id", {}, "off", "run.yaml:4:18 (`GROQ_API_KEY` unset)"),
        (
            "groq.config.api_key",
            {"GROQ_API_KEY": "gsk-1"},
            "***",
            "environment variable `GROQ_API_KEY` (run.yaml:6:23)",
        ),
        ("groq.config.base_url", {"GROQ_API_KEY": "k", "BASE": "http://b"}, "http://b", "`BASE` (run.yaml:6:56)"),
        ("groq.config.base_url", {"GROQ_API_KEY": "k", "HOST": "h"}, "https://***@h/v1", "`HOST` (run.yaml:6:56)"),
        ("any.config.headers", {}, '{"X-Key": "***"}', "run.yaml:10:45"),
        ("models.chat.provider_id", {}, "here", "run.yaml:13:33"),
        ("models[0].metadata", {}, "none", "default"),
        ("models[1].model_id", {}, "off", "run.yaml:14:14 (`OFF` unset)"),
        ("stores.docs.metric", {}, "cosine", "default"),
    ],
)
def test_a_setting_tells_its_value_and_its_one_origin(setting, key, environ, value, origin):
    found = setting(key, **environ)
    assert (found.value, found.origin[-len(origin) :]) == (value, origin)


def test_what_the_command_line_gave_is_told_apart(setting):
    assert setting("server.port", PORT="90", assigned=("PORT",)).origin == "`--env PORT` (run.yaml:17:9)"


def test_a_setting_tells_what_it_means_and_takes(setting):
    found = setting("server.port")
    assert (found.meaning, found.kind) == ("TCP port.", "an integer from 1 to 65535")


def test_an_entry_goes_by_its_place_and_by_its_id(setting):
    assert setting("providers.inference[1].config.latency_ms") == setting("providers.inference.here.config.latency_ms")


def test_settings_that_cannot_be_read_tell_why_and_show_nothing(setting):
    found = setting("providers.inference.lost.config")
    assert (found.value, "no_such_package" in found.meaning) == ("not read", True)


def test_a_beginning_selects_all_below_it():
    found = selected(explain(FILE, "run.yaml", {}), "vector_stores.file_ingestion_params")
    assert [each.path.rpartition(".")[2] for each in found][:2] == [
        *["default_chunk_size_tokens", "default_chunk_overlap_tokens"]
    ]


@pytest.mark.parametrize(
    ("typo", "hint"),
    [("server.prot", "`server.port`"), ("prot", "`port`"), ("providers.inference.here.confg.latency_ms", "latency_ms")],
)
def test_a_typo_is_answered_with_the_nearest_key(typo, hint):
    with pytest.raises(ConfigError, match=f"there is no setting `{typo}` here: did you mean .*{hint}"):
        selected(explain(FILE, "run.yaml", {}), typo)


def test_a_shield_has_the_only_provider_where_it_names_none():
    safety = "  safety: [{provider_id: rules, provider_type: inline::keywords}]\nshields: [{shield_id: s}]\n"
    text = "providers:\n  inference: [{provider_id: here, provider_type: inline::playground}]\n" + safety
    (found,) = selected(explain(text, "run.yaml", {}), "shields.s.provider_id")
    assert (found.value, found.origin) == ("rules", "default")


def test_a_broken_file_tells_its_problems_instead():
    with pytest.raises(BadConfig, match="unknown key `sever`"):
        explain(FILE + "sever: {}\n", "run.yaml", {})


@pytest.mark.parametrize("name", distribution_names())
def test_every_setting_of_a_shipped_distribution_has_a_meaning(name):
    settings = explain(*run_config_source(name), {})
    assert [each.path for each in settings if not each.meaning] == []
    assert len({each.path for each in settings}) == len(settings) > 40


def test_no_secret_is_shown_anywhere():
    environ = {"GROQ_API_KEY": "gsk-secret-1", "KEYS": "secret-of-20-letters"}
    shown = str(explain(FILE, "run.yaml", environ))
    assert [text for text in ("gsk-secret", "secret-of", "abcdef", "me:pass") if text in shown] == []
