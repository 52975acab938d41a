"""The whole file: its top level, `server`, `vector_stores`, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stack.config.models import RunFile
from stack.config.report import Position
from stack.config.shields import SafetyConfig
from stack.config.yaml import Node, Series
from stack.distribution.pages import as_yaml
from stack.errors import BadConfig, ConfigError, Problem
from stack.registry.spec import API_NAMES, ProviderSpec
from stack.upgrade import resources, words
from stack.upgrade.external import MODULE, external_specs, module_text
from stack.upgrade.providers import Providers
from stack.upgrade.server import server
from stack.upgrade.vector_stores import vector_stores
from stack.upgrade.writer import Source

Reader = Callable[[Source, Providers, Node | None, str], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """run_yaml: ours; files: what belongs beside it; remarks: in the order of their file."""

    run_yaml: str
    files: Mapping[str, str]
    remarks: tuple[Problem, ...]


def upgraded(text: str, file: str) -> Upgraded:
    """A run.yaml of Llama Stack 0.2, or a config.yaml of OGX, as ours. Raises: BadConfig, ConfigError."""
    source = Source(text, file)
    external = _external(source)
    upgrade = _Upgrade(source, external)
    run_yaml = as_yaml(upgrade.written()) + "\n"
    files = {f"{MODULE}.py": module_text(external)} if external else {}
    found = source.report.error()
    return Upgraded(run_yaml, files, found.problems if isinstance(found, BadConfig) else ())


def _external(source: Source) -> list[ProviderSpec]:
    entry = source.root.entries.get("external_providers_dir")
    folder = source.text(entry.node) if entry else ""
    if entry is None or not folder:
        return []
    try:
        found = external_specs(folder)
    except ConfigError as error:
        source.note(entry.key_at, "external_providers_dir", f"left out: {error.message}")
        return []
    told = f"what it declares stands in `{MODULE}.py`: keep that where Python finds it (`PYTHONPATH`)"
    source.note(entry.key_at, "external_providers_dir", told)
    return found


class _Upgrade:
    def __init__(self, source: Source, external: list[ProviderSpec]) -> None:
        self._source = source
        self._providers = Providers(source, external)
        self._registered = source.section(source.root.get("registered_resources"))

    def written(self) -> dict[str, Any]:
        """The parts of our file that have something to say."""
        parts = {
            "version": 2,
            "image_name": self._name(),
            "apis": self._apis(),
            "providers": self._providers.written,
            "models": self._listed("models", resources.models),
            "shields": self._listed("shields", resources.shields),
            "safety": self._source.kept(self._source.root.get("safety"), "safety", SafetyConfig.model_fields, {}),
            "vector_stores": vector_stores(self._source, self._providers, self._registered.get("vector_stores")),
            "server": server(self._source),
        }
        self._tell_the_rest()
        return {key: value for key, value in parts.items() if value not in ({}, [], None)}

    def _name(self) -> str:
        theirs, ours = (self._source.text(self._source.root.get(key)) for key in ("distro_name", "image_name"))
        if theirs and ours and theirs != ours:
            at = self._source.root.entries["image_name"].key_at
            self._source.note(at, "image_name", f"left out: `distro_name` says `{theirs}`")
        return theirs or ours or "stack"

    def _apis(self) -> list[str]:
        node = self._source.root.get("apis")
        for index, name in enumerate(self._source.value(node, "apis") or ()):
            if name not in API_NAMES:
                reason = words.APIS.get(str(name), "leave it out")
                told = f"left out: this version has no API `{name}`: {reason}"
                self._source.note(_item_at(node, index), f"apis[{index}]", told)
            elif name not in self._providers.written:
                self._source.note(_item_at(node, index), f"apis[{index}]", f"left out: no provider of `{name}` is left")
        return list(self._providers.written)

    def _listed(self, name: str, read: Reader) -> list[dict[str, Any]]:
        registered = self._registered.get(name)
        path = f"registered_resources.{name}"
        return [
            *read(self._source, self._providers, self._source.root.get(name), name),
            *read(self._source, self._providers, registered.node if registered else None, path),
        ]

    def _tell_the_rest(self) -> None:
        handled = {*RunFile.model_fields, "distro_name", "vector_dbs", "logging", "registered_resources"} - {"storage"}
        handled.add("external_providers_dir")
        for key, entry in self._source.root.entries.items():
            if key == "storage":
                reasons = dict.fromkeys(self._source.section(entry.node), words.TOP["metadata_store"])
                self._source.kept(entry.node, key, {}, reasons)
            elif key not in handled:
                self._source.dropped(entry, key, words.TOP.get(key, words.NOTHING))
        for key, entry in self._registered.items():
            if key not in ("models", "shields", "vector_stores"):
                self._source.dropped(entry, f"registered_resources.{key}", words.TOP.get(key, words.NOTHING))


def _item_at(node: Node | None, index: int) -> Position:
    return node.items[index].at if isinstance(node, Series) else Position(1, 1)
