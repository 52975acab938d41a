"""A distribution as text: build.yaml, run.yaml and README.md, from its template, registry rows and `Config` classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stack.config.models import ServerConfig, StorageConfig
from stack.distribution.entries import Entry, entries
from stack.distribution.fields import field_rows
from stack.distribution.pages import fill
from stack.distribution.template import DistributionTemplate, ModelChoice, ShieldChoice, alternatives
from stack.errors import BadConfig, Problem

_PLACEHOLDER = re.compile(r"\$\{env\.(\w+)")
FILES = ("build.yaml", "run.yaml", "README.md")
SCHEMA = "run.schema.json"
PROVIDED_BY = {"models": "inference", "shields": "safety"}


def render(
    template: DistributionTemplate, header: str | None = None, *, schema: str = "", uninstalled: bool = False
) -> dict[str, str]:
    """The text of each of `FILES`; the same template always gives the same bytes.

    header: the first comment of each file; schema: where an editor finds the schema of run.yaml, seen from there;
    uninstalled: see `entries`. Imports the providers' modules for `Config`,
    nothing else of them.
    Raises: BadConfig for what the template gets wrong, and what the registry raises.
    """
    apis = entries(template, uninstalled=uninstalled)
    values = {
        "template": template,
        "apis": apis,
        "models": _registered(template.file, "models", template.models, apis),
        "shields": _registered(template.file, "shields", template.shields, apis),
        "storage": StorageConfig.sample_run_config(),
        "server": ServerConfig.sample_run_config(),
        "variables": _variables(apis),
        "schema": schema,
        "header": header or f"The distribution `{template.name}`: yours to edit.",
    }
    return {name: fill(name, **values) for name in FILES}


def _registered(
    file: str, name: str, listed: Sequence[ModelChoice | ShieldChoice], apis: Mapping[str, Sequence[Entry]]
) -> list[dict[str, Any]]:
    """The `models` or `shields` of run.yaml; one of a switched provider is off whenever its provider is."""
    found = apis.get(PROVIDED_BY[name], ())
    placeholders = {entry.provider_id: entry.placeholder for entry in found}
    written = []
    for index, each in enumerate(listed):
        shown = each.model_dump(exclude_none=True, exclude_defaults=True)
        if isinstance(each, ModelChoice):
            shown["model_type"] = each.model_type
        if "${" not in each.provider_id:
            if each.provider_id not in placeholders:
                hint = alternatives(each.provider_id, placeholders)
                message = f"no provider has the id `{each.provider_id}`: did you mean {hint}?"
                raise BadConfig([Problem(file, 0, 0, f"{name}[{index}].provider_id", message)])
            shown["provider_id"] = placeholders[each.provider_id]
        written.append(shown)
    return written


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable that a run.yaml reads, for the table of its README."""

    variable: str
    owner: str
    default: str
    description: str


def _variables(apis: Mapping[str, Sequence[Entry]]) -> list[Variable]:
    found: dict[tuple[str, str], Variable] = {}
    for entry in (entry for api in apis.values() for entry in api):
        read = set(_PLACEHOLDER.findall(f"{entry.placeholder} {entry.config}"))
        for row in field_rows(entry.config_class):
            if row.variable is not None and row.variable in read:
                variable = Variable(row.variable, entry.provider_id, row.default, row.description)
                found.setdefault((row.variable, entry.provider_id), variable)
    for owner, model in (("storage", StorageConfig), ("server", ServerConfig)):
        for row in field_rows(model):
            if row.variable is not None:
                found[row.variable, owner] = Variable(row.variable, owner, row.default, row.description)
    return list(found.values())
