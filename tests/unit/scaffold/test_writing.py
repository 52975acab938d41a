"""What is written is Python and TOML, whatever a person says of a provider."""

from __future__ import annotations

import ast
import tomllib
from itertools import product
from typing import Any

import pytest

from stack.errors import ConfigError
from stack.registry.spec import API_NAMES
from stack.scaffold.naming import KINDS, named
from stack.scaffold.writing import Told, external

ADDRESS = "https://api.acme.example/v1"


@pytest.mark.parametrize(("api", "kind"), list(product(API_NAMES, KINDS)))
def test_a_description_may_hold_quotes_and_backslashes(api: str, kind: str):
    said = 'The "best" \\N of """all""".'
    files = external(named("acme", api, kind), Told(said, ADDRESS, ADDRESS))
    module = ast.parse(files["src/stack_provider_acme/provider.py"])
    assert (ast.get_docstring(module) or "").startswith(said)
    declared: dict[str, Any] = {}
    exec(files["src/stack_provider_acme/__init__.py"], declared)  # read as Python reads it
    assert declared["SPEC"].description == said
    assert tomllib.loads(files["pyproject.toml"])["project"]["description"] == said


@pytest.mark.parametrize(
    ("name", "api", "kind"),
    [("config", "inference", "remote"), ("model", "inference", "inline"), ("upstream", "vector_io", "remote")],
)
def test_a_name_whose_class_would_hide_what_it_uses_is_refused(name: str, api: str, kind: str):
    with pytest.raises(ConfigError, match="which is something else there: choose another"):
        external(named(name, api, kind), Told("X.", ADDRESS, ADDRESS))
