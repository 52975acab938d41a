"""What a template.yaml may say, and what is answered to one with mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.distribution.template import DistributionTemplate, read_template
from stack.errors import BadConfig

MISTAKES = """\
description: Wrong in many ways.
providers:
  inference:
    - remote::groqq
    - provider_type: remote::groq
      confg: {}
    - provider_type: remote::*
      provider_id: all
models:
  - {model_id: a, provider_id: b, model_type: lm}
owner: me
"""

UNKNOWN_NAMES = """\
description: Names that nothing has.
providers:
  inference:
    - remote::groqq
    - {provider_type: "remote::*", provider_id: all}
  agents: []
"""


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str) -> DistributionTemplate:
        path = tmp_path / "mine" / "template.yaml"
        path.parent.mkdir()
        path.write_text(text)
        return read_template(path)

    return read


def problems(caught: pytest.ExceptionInfo[BadConfig]) -> list[tuple[int, int, str, str]]:
    return [(p.line, p.column, p.path, p.message) for p in caught.value.problems]


def test_a_template_is_called_by_its_folder(read):
    assert read("description: d\nproviders: {inference: ['remote::groq']}").name == "mine"


def test_a_bare_type_is_short_for_an_entry_of_its_own(read):
    text = "description: d\nproviders: {inference: [remote::xai, {provider_type: remote::groq, config: {a: 1}}]}"
    bare, full = read(text).providers["inference"]
    assert (bare.provider_type, bare.config) == ("remote::xai", {})
    assert (full.provider_type, full.config) == ("remote::groq", {"a": 1})


def test_quoted_text_stays_text_and_plain_scalars_have_types(read):
    config = "config: {a: '1', b: 1, c: true, d: '${env.X:=y}'}"
    text = f"description: d\nproviders: {{inference: [{{provider_type: remote::groq, {config}}}]}}"
    assert read(text).providers["inference"][0].config == {"a": "1", "b": 1, "c": True, "d": "${env.X:=y}"}


KEYS = " or ".join(
    f"`{key}`"
    for key in (
        "description",
        "reason",
        "providers",
        "models",
        "shields",
        "image_type",
        "container_image",
        "additional_pip_packages",
    )
)


def test_mistakes_in_shape_are_told_together_where_they_stand(read):
    with pytest.raises(BadConfig) as caught:
        read(MISTAKES)
    assert problems(caught) == [
        (6, 7, "providers.inference[1].confg", "unknown key `confg`: did you mean `config`?"),
        (10, 35, "models[0].model_type", "input should be 'llm', 'embedding' or 'rerank'"),
        (11, 1, "owner", f"unknown key `owner`: did you mean {KEYS}?"),
    ]


def test_unknown_names_are_told_together_where_they_stand(read):
    with pytest.raises(BadConfig) as caught:
        read(UNKNOWN_NAMES)
    assert [(line, column, message.partition(": did")[0]) for line, column, _, message in problems(caught)] == [
        (4, 7, "no inference provider has the type `remote::groqq`"),
        (5, 8, "`remote::*` takes no settings: give the provider in question an entry of its own"),
        (6, 3, "there is no API `agents`"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "not a template"),
        ("- a", 1, "not a template"),
        ("description: d\nname: x\nproviders: {inference: []}", 2, "a distribution is called by its folder"),
        ("description: d", 1, "`providers` is missing"),
        ("description: d\ndescription: e\nproviders: {}", 2, "duplicate key"),
        ("description: ]", 1, "not valid YAML"),
        ("description: d\nproviders: {}", 2, "at least 1 item"),
        ("description: d\nproviders: {inference: [[]]}", 2, "write a provider type, or a mapping"),
    ],
)
def test_a_broken_template_is_told_with_its_line(read, text, line, said):
    with pytest.raises(BadConfig) as caught:
        read(text)
    [problem] = caught.value.problems
    assert (problem.line, said in problem.message) == (line, True), problem


def test_a_template_that_cannot_be_read_is_told_by_its_path(tmp_path):
    with pytest.raises(BadConfig, match=r"template\.yaml: cannot be read"):
        read_template(tmp_path / "template.yaml")
