"""Shields in run.yaml, and where models use them."""

from __future__ import annotations

import pytest

from stack.config.load import parse_run_config
from stack.errors import BadConfig

BEGIN = """
providers:
  inference: [{provider_id: play, provider_type: inline::playground}]
  safety:
  - {provider_id: kw, provider_type: inline::keywords}
  - {provider_id: "${env.MORE:+more}", provider_type: inline::keywords}
"""
SHIELDS = """
shields:
- {shield_id: words, provider_id: kw, params: {words: [a]}}
- {shield_id: other, provider_id: kw, provider_shield_id: theirs}
- {shield_id: extra, provider_id: "${env.MORE:+more}"}
"""
ALONE = """
providers: {inference: [{provider_id: p, provider_type: inline::playground}]}
shields: [{shield_id: a}]
"""
MODEL = "models: [{model_id: m, provider_id: play, provider_model_id: not-an-llm, shields: %s}]"


def read(*parts, **environ):
    return parse_run_config(BEGIN + "".join(parts), "run.yaml", environ)


def problems(*parts, **environ):
    with pytest.raises(BadConfig) as raised:
        read(*parts, **environ)
    return raised.value.message


def test_shields_are_read_and_switched_off_ones_left_out():
    shields = {each.shield_id: each for each in read(SHIELDS).shields}
    assert list(shields) == ["words", "other"]
    assert (shields["words"].provider_shield_id, shields["words"].params) == ("words", {"words": ["a"]})
    assert shields["other"].provider_shield_id == "theirs"
    assert [each.shield_id for each in read(SHIELDS, MORE="1").shields] == ["words", "other", "extra"]


def test_a_model_names_shields_with_and_without_options():
    written = "{input: [words], output: [{shield_id: other, action: mask, on_error: allow, timeout_s: 2}, words]}"
    [model] = read(SHIELDS, MODEL % written).models
    plain, full = model.shields.input[0], model.shields.output[0]
    assert (plain.shield_id, plain.action, plain.on_error, plain.timeout_s) == ("words", "block", "block", 10.0)
    assert (full.shield_id, full.action, full.on_error, full.timeout_s) == ("other", "mask", "allow", 2.0)


def test_the_only_provider_is_that_of_a_shield_that_names_none():
    assert read("shields: [{shield_id: words}]").shields[0].provider_id == "kw"
    assert "shields[0].provider_id: required: name one of `kw`, `more`" in problems(
        "shields: [{shield_id: words}]", MORE="1"
    )


@pytest.mark.parametrize(
    ("shields", "said"),
    [
        ("{input: [wrods]}", "models[0].shields.input[0]: no shield `wrods`: did you mean `words`?"),
        ("{output: [{shield_id: wrods}]}", "models[0].shields.output[0]: no shield `wrods`: did you mean `words`?"),
        ("{input: [extra]}", "shield `extra` is switched off because environment variable `MORE` is unset"),
        ("{input: [words, words]}", "models[0].shields.input[1]: `words` stands here twice"),
        (
            "{input: [{shield_id: words, action: blok}]}",
            "shields.input[0].action: must be one of `block`, `mask`, `annotate`",
        ),
        ("{input: [{shield_id: words, on_error: pass}]}", "on_error: must be one of `block`, `allow`"),
        ("{input: [{shield_id: words, timeout_s: 0}]}", "timeout_s: must be a number"),
        ("{input: [{shield_id: words, tmeout_s: 1}]}", "unknown key `tmeout_s`: did you mean `timeout_s`?"),
        ("{inputs: [words]}", "unknown key `inputs`: did you mean `input`?"),
        ("[words]", "models[0].shields: must be"),
        ("{input: words}", "models[0].shields.input: must be a list"),
        ("{input: [{action: mask}]}", "models[0].shields.input[0].shield_id: required"),
    ],
)
def test_what_a_model_says_wrong_is_told_where_it_stands(shields, said):
    assert said in problems(SHIELDS, MODEL % shields)


@pytest.mark.parametrize("kind", ["embedding", "rerank"])
def test_output_shields_have_nothing_to_read_in_numbers(kind):
    model = MODEL.replace("shields: %s", f"model_type: {kind}, shields: {{output: [words]}}")
    assert f"the answer of a model of type `{kind}` holds no text" in problems(SHIELDS, model)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("shields: [{shield_id: a, provider_id: kv}]", "shields[0].provider_id: no provider `kv`: did you mean `kw`?"),
        ("shields: [{shield_id: a, provider_id: kw}, {shield_id: a, provider_id: kw}]", "`a` is taken"),
        ("shields: [{shield_id: 'a b', provider_id: kw}]", "shields[0].shield_id: must be text that matches"),
        ("shields: [{provider_id: kw}]", "shields[0].shield_id: required"),
        ("shields: [{shield_id: a, provider_id: kw, parms: {}}]", "unknown key `parms`: did you mean `params`?"),
        ("shields: {a: b}", "shields: must be a list"),
        ("safety: {default_shield_id: a}", "safety.default_shield_id: no shield `a`: add it under `shields`"),
        (SHIELDS + "safety: {default_shield_id: wrods}", "no shield `wrods`: did you mean `words`?"),
        ("safety: {verdicts_kept: -1}", "safety.verdicts_kept: must be"),
    ],
)
def test_what_a_shield_says_wrong_is_told_where_it_stands(written, said):
    assert said in problems(written)


def test_a_shield_without_a_provider_is_told_what_is_missing():
    with pytest.raises(BadConfig, match="there is no provider of `safety`: add one"):
        parse_run_config(ALONE, "run.yaml", {})
