"""`vector_stores`: defaults by our names, and the stores that a file registers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from stack.config.vector_stores import EmbeddingChoice, IngestionConfig, ModelChoice, RetrievalConfig, RewriteConfig
from stack.config.yaml import Entry
from stack.upgrade import resources, words
from stack.upgrade.providers import Providers
from stack.upgrade.writer import Source

PARTS: dict[str, type[BaseModel]] = {
    "default_embedding_model": EmbeddingChoice,
    "default_reranker_model": ModelChoice,
    "rewrite_query_params": RewriteConfig,
    "chunk_retrieval_params": RetrievalConfig,
    "file_ingestion_params": IngestionConfig,
}
PROMPT = "prompt"  # of query rewriting: a template there, an instruction here


def vector_stores(source: Source, providers: Providers, registered: Entry | None) -> dict[str, Any]:
    """The section; registered: `registered_resources.vector_stores`."""
    found: dict[str, Any] = {}
    for key, entry in source.section(source.root.get("vector_stores")).items():
        path = f"vector_stores.{key}"
        if key in PARTS:
            found[key] = _part(source, providers, key, entry, path)
        elif key == "default_provider_id":
            found[key] = _default_provider(source, providers, entry, path)
        elif key == "file_batch_params":
            source.kept(entry.node, path, {}, dict.fromkeys(source.section(entry.node), words.VECTOR_STORES[key]))
        else:
            source.dropped(entry, path, words.VECTOR_STORES.get(key, words.NOTHING))
    stores = resources.stores(source, providers, source.root.get("vector_dbs"), "vector_dbs")
    if registered:
        stores += resources.stores(source, providers, registered.node, "registered_resources.vector_stores")
    return {key: value for key, value in {**found, "stores": stores}.items() if value}


def _part(source: Source, providers: Providers, key: str, entry: Entry, path: str) -> dict[str, Any] | None:
    known = {name: info for name, info in PARTS[key].model_fields.items() if name != PROMPT}
    found = source.kept(entry.node, path, known, words.VECTOR_STORES)
    found = {name: value for name, value in found.items() if value is not None}
    if found.get("default_reranker_strategy") == "normalized":
        source.note(entry.key_at, path, "left out: there is no strategy `normalized`: `rrf` holds")
        del found["default_reranker_strategy"]
    if key == "rewrite_query_params":
        model = found.get("model")
        if not isinstance(model, dict):
            source.note(entry.key_at, path, "left out: it names no `model`, which is wanted here")
            return None
        found["model"] = _choice(source, providers, model, entry, path)
        return found if found["model"] else None
    return _choice(source, providers, found, entry, path) if key.startswith("default_") else found


def _choice(
    source: Source, providers: Providers, written: dict[str, Any], entry: Entry, path: str
) -> dict[str, Any] | None:
    """A model by provider and name, the provider under its id here; None, and told, if that is gone."""
    found = {key: value for key, value in written.items() if key in EmbeddingChoice.model_fields}
    theirs = found.get("provider_id")
    if theirs and theirs not in providers.ids["inference"]:
        source.note(entry.key_at, path, f"left out: its provider `{theirs}` is gone")
        return None
    return found | ({"provider_id": providers.ids["inference"][theirs]} if theirs else {})


def _default_provider(source: Source, providers: Providers, entry: Entry, path: str) -> str | None:
    found = providers.written_id("vector_io", entry.node)
    if found is None and source.text(entry.node):
        source.note(entry.key_at, path, "left out: that provider is gone; the first one is the default")
    return found
