"""Models, shields and vector stores that a file registers, each by the provider that it has here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from stack.config.models import ModelEntry
from stack.config.shields import ShieldEntry
from stack.config.vector_stores import DeclaredStore
from stack.config.yaml import Node, Section
from stack.upgrade.providers import OFF, Providers, switched_id
from stack.upgrade.writer import Source

STORE_KEYS = {
    "vector_db_id": "vector_store_id",
    "vector_db_name": "vector_store_name",
    "provider_vector_db_id": "provider_vector_store_id",
}
MODEL_REASONS = {"model_validation": "a model is looked for when it is asked"}


def models(source: Source, providers: Providers, node: Node | None, path: str) -> list[dict[str, Any]]:
    """Entries of `models`; one that stands for any model of any provider has no counterpart."""
    return list(_models(source, providers, node, path))


def _models(source: Source, providers: Providers, node: Node | None, path: str) -> Iterator[dict[str, Any]]:
    for section, where in source.sections(node, path):
        texts = {key: source.text(section.get(key)) for key in ("provider_id", "provider_model_id")}
        if texts["provider_id"] == "all" or texts["provider_model_id"] == "auto":
            reason = "name the model: nothing here stands for whichever model there is"
            source.note(section.at, where, f"left out: `all` and `auto` have no counterpart; {reason}")
            continue
        provider_id = _provider_id(source, providers, "inference", section, where)
        if provider_id is not None and not _is_off(source, section, "model_id", where):
            written = source.kept(section, where, ModelEntry.model_fields, MODEL_REASONS)
            yield {key: value for key, value in written.items() if value is not None} | {"provider_id": provider_id}


def shields(source: Source, providers: Providers, node: Node | None, path: str) -> list[dict[str, Any]]:
    """Entries of `shields`."""
    found = []
    for section, where in source.sections(node, path):
        provider_id = _provider_id(source, providers, "safety", section, where)
        if provider_id is not None and not _is_off(source, section, "shield_id", where):
            written = source.kept(section, where, ShieldEntry.model_fields, {})
            found.append({k: v for k, v in written.items() if v is not None} | {"provider_id": provider_id})
    return found


def stores(source: Source, providers: Providers, node: Node | None, path: str) -> list[dict[str, Any]]:
    """Entries of `vector_stores.stores`, from `vector_dbs` or `registered_resources.vector_stores`."""
    found = []
    for section, where in source.sections(node, path):
        named = Section({STORE_KEYS.get(key, key): entry for key, entry in section.entries.items()}, section.at)
        provider_id = _provider_id(source, providers, "vector_io", section, where)
        if provider_id is not None and not _is_off(source, named, "vector_store_id", where):
            written = source.kept(named, where, DeclaredStore.model_fields, {})
            written |= {"provider_id": switched_id(provider_id)}
            found.append({key: value for key, value in written.items() if value is not None})
    return found


def _is_off(source: Source, section: Section, key: str, path: str) -> bool:
    if switched_id(source.text(section.get(key))) not in OFF:
        return False
    source.note(section.at, path, f"left out: its `{key}` is empty")
    return True


def _provider_id(source: Source, providers: Providers, api: str, section: Section, path: str) -> str | None:
    """The provider of a resource, or the only one where none is named; None, and told, if there is none."""
    node = section.get("provider_id")
    text, known = source.text(node), providers.ids[api]
    if not text and len(known) == 1:
        return providers.only(api)
    written = providers.written_id(api, node)
    if written is None:
        source.note(
            section.at, path, f"left out: {_untold(text, known) if text else f'name one of the providers of `{api}`'}"
        )
    return written


def _untold(text: str, known: Collection[str]) -> str:
    """Why a resource has no provider here. known: ids, and the texts of those that a variable gives."""
    given = " or ".join(f"`{each}`" for each in known if "${" in each)
    unless = f", unless a variable gives its name to one: then say {given} as its `provider_id`" if given else ""
    return f"its provider `{switched_id(text)}` is gone{unless}"
