"""What a new provider may be called, and what it is called elsewhere."""

from __future__ import annotations

import pytest

from stack.errors import ConfigError
from stack.scaffold.naming import named


def test_everything_follows_from_the_name():
    it = named("acme-cloud", "inference", "remote")
    assert (it.module, it.class_name, it.variable) == ("acme_cloud", "AcmeCloud", "ACME_CLOUD")
    assert (it.package, it.package_module) == ("stack-provider-acme-cloud", "stack_provider_acme_cloud")
    assert it.provider_type == "remote::acme-cloud"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("groq", "`groq` is taken: `stack` has `remote::groq` for inference"),
        ("playground", "`playground` is taken: `stack` has `inline::playground`"),
        ("Acme", "`Acme` is no name for a provider"),
        ("acme_cloud", "lower-case letters, digits and single hyphens"),
        ("1up", "a letter first"),
        ("a--b", "single hyphens"),
        ("a" * 33, "at most 32"),
        ("../etc", "is no name"),
        ("", "is no name"),
        ("remote", "`remote` is reserved"),
        ("class", "`class` is reserved"),
        ("null", "`null` is reserved"),
        ("stack-provider-acme", "`acme` is the name"),
        ("remote::acme", "`acme` is the name"),
    ],
)
def test_a_name_that_cannot_be_is_told_why(name: str, words: str):
    with pytest.raises(ConfigError) as raised:
        named(name, "inference", "remote")
    assert words in raised.value.message


@pytest.mark.parametrize(("api", "kind", "words"), [("infer", "remote", "`inference`"), ("files", "inlin", "`inline`")])
def test_an_unknown_api_or_kind_is_told_with_the_nearest(api: str, kind: str, words: str):
    with pytest.raises(ConfigError) as raised:
        named("acme", api, kind)
    assert words in raised.value.message


def test_a_name_of_another_api_is_free():
    assert named("groq", "safety", "remote").name == "groq"
