"""The settings of a provider as rows of a table."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field, SecretStr, create_model

from stack.distribution.fields import field_rows
from stack.registry.spec import ConfigModel, ProviderConfig, env


class Part(ConfigModel):
    size: int = Field(3, description="How large.")


class Config(ProviderConfig):
    key: SecretStr | None = env("THE_KEY", None, "Who asks.")
    parts: list[Part] = Field(default_factory=list)
    by_name: dict[str, Part] = Field(default_factory=dict)


def test_a_row_says_what_the_field_declares():
    first = next(field_rows(Config))
    assert (first.name, first.variable, first.description) == ("key", "THE_KEY", "Who asks.")


def test_fields_of_nested_models_follow_under_a_dotted_name():
    assert [row.name for row in field_rows(Config)] == ["key", "parts", "parts[].size", "by_name", "by_name.*.size"]


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (SecretStr | None, "SecretStr | None"),
        (list[Part], "list[Part]"),
        (dict[str, SecretStr], "dict[str, SecretStr]"),
        (Literal["2024-10-21", "v1.0"], "Literal['2024-10-21', 'v1.0']"),
    ],
)
def test_types_are_shown_without_their_modules(annotation, shown):
    [row, *_] = field_rows(create_model("C", value=(annotation, ...)))
    assert row.type == shown


@pytest.mark.parametrize(
    ("default", "shown"),
    [(..., "required"), (None, "none"), ("", "none"), (5.0, "`5.0`"), (True, "`true`"), ("a", "`a`"), ([], "empty")],
)
def test_defaults_are_shown_as_they_are_written_in_yaml(default: Any, shown):
    [row] = field_rows(create_model("C", value=(Any, default)))
    assert row.default == shown
