"""`providers`: the type that takes the place of each, its settings under our names, and what is lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from stack.config.placeholders import BadPlaceholder, expand, parse, variables
from stack.config.yaml import Entry, Node, Section
from stack.errors import ConfigError, UnknownProvider
from stack.registry.discovery import find_spec, load_config_class
from stack.registry.spec import API_NAMES, ProviderConfig, ProviderSpec
from stack.upgrade import provider_types, words
from stack.upgrade.external import MODULE
from stack.upgrade.placeholders import ends_with
from stack.upgrade.writer import Source

OFF = ("", "__disabled__")
_VALUE = "\0"  # stands in no id


class Providers:
    """The providers of one file; `ids` tells what each id of theirs is called here, by API, and how it is written."""

    def __init__(self, source: Source, external: Collection[ProviderSpec]) -> None:
        self._source = source
        self._external = {(spec.api, spec.provider_type) for spec in external}
        self.ids: dict[str, dict[str, str]] = {api: {} for api in API_NAMES}
        self._texts: dict[tuple[str, str], str] = {}
        self.written = dict(self._apis())

    def written_id(self, api: str, node: Node | None) -> str | None:
        """How a resource names its provider here, off whenever that is; None if the provider is gone."""
        plain = switched_id(self._source.text(node))
        return self._texts.get((api, self.ids.get(api, {}).get(plain, "")))

    def only(self, api: str) -> str:
        """The one provider of an API, where there is but one."""
        [plain] = self.ids[api].values()
        return self._texts[api, plain]

    def _apis(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        for api, entry in self._source.section(self._source.root.get("providers")).items():
            path = f"providers.{api}"
            if api not in API_NAMES:
                reason = words.APIS.get(api, "leave it out")
                self._source.dropped(entry, path, f"this version has no API `{api}`: {reason}")
            elif written := list(self._entries(api, entry.node, path)):
                yield api, written
            else:
                self._source.dropped(entry, path, "nothing of it is left")

    def _entries(self, api: str, node: Node, path: str) -> Iterator[dict[str, Any]]:
        for section, where in self._source.sections(node, path):
            text = self._source.text(section.get("provider_id"))
            if switched_id(text) in OFF:
                self._source.note(section.at, where, "left out: it is switched off")
            elif written := self._entry(api, section, where):
                yield {"provider_id": self._id(api, text, section, where), **written}

    def _id(self, api: str, text: str, section: Section, path: str) -> str:
        plain = switched_id(text)
        lower = plain if plain.startswith("${") else plain.lower()
        self.ids[api][plain] = lower
        if lower != plain:
            self._source.note(
                section.at, f"{path}.provider_id", f"ids are written small: `{plain}` is called `{lower}`"
            )
        # The names of variables stay as they are, also where the id is part of one.
        written = re.sub(rf"(\$\{{env\.\w+)|{re.escape(plain)}", lambda found: found[1] or lower, text)
        self._texts[api, lower] = written
        return written

    def _entry(self, api: str, section: Section, path: str) -> dict[str, Any] | None:
        theirs = self._source.text(section.get("provider_type"))
        at = section.entries["provider_type"].key_at if "provider_type" in section.entries else section.at
        for key in section.entries.keys() - {"provider_id", "provider_type", "config", "module"}:
            self._source.dropped(section.entries[key], f"{path}.{key}", words.NOTHING)
        if module := self._module(api, theirs, section):
            config = self._source.value(section.get("config"), f"{path}.config")
            return {"provider_type": theirs, "module": module, "config": config or {}}
        ours = provider_types.TYPES.get((api, theirs), theirs)
        try:
            spec = find_spec(api, ours)
        except UnknownProvider:
            reason = provider_types.REASONS.get(theirs, "`stack list-providers` shows those that there are")
            self._source.note(at, path, f"left out: there is no `{theirs}` here: {reason}")
            return None
        except ConfigError as error:
            self._source.note(at, f"{path}.provider_type", error.message)
            return {"provider_type": ours, "config": self._source.value(section.get("config"), path) or {}}
        if remark := self._remark(theirs, ours):
            self._source.note(at, f"{path}.provider_type", remark)
        return {"provider_type": ours, "config": Settings(self._source, theirs, spec).written(section, path)}

    def _module(self, api: str, theirs: str, section: Section) -> str:
        if module := self._source.text(section.get("module")):
            return module
        return MODULE if (api, theirs) in self._external else ""

    def _remark(self, theirs: str, ours: str) -> str:
        remark = provider_types.REMARKS.get(theirs, "")
        if theirs == ours:
            return remark
        return f"`{theirs}` becomes `{ours}`" + (f": {remark}" if remark else "")


def switched_id(text: str) -> str:
    """The id that an entry has once its variables are set; the text itself, where one of them is the id."""
    try:
        parts = parse(text)
    except BadPlaceholder:
        return text
    found = expand(parts, dict.fromkeys(variables(parts), _VALUE), [])
    return text if _VALUE in found else found


class Settings:
    """The `config` of one provider under the names that it has here."""

    def __init__(self, source: Source, theirs: str, spec: ProviderSpec) -> None:
        self._source = source
        self._theirs = theirs
        self._spec = spec
        self._config = load_config_class(spec)
        self._found: dict[str, Any] = {}

    def written(self, section: Section, path: str) -> dict[str, Any]:
        """The settings that are left; what is required and was not said is taken from its variable."""
        node = section.get("config")
        if address := provider_types.ADDRESSES.get(self._theirs):
            self._found["base_url"] = address
        for key, entry in self._source.section(node).items():
            self._setting(key, entry, f"{path}.config.{key}")
        for name in _required(self._config) - self._found.keys():
            self._found[name] = _sample(self._config).get(name, "")
            self._source.note(
                section.at, f"{path}.config.{name}", f"required here: `{self._found[name]}` stands in for it"
            )
        return self._found

    def _setting(self, key: str, entry: Entry, path: str) -> None:
        if key == "network":
            self._network(entry.node, path)
        elif key == "vector_index" and "store_defaults" in self._config.model_fields:
            self._found["store_defaults"] = self._vector_index(entry.node, path)
        elif name := self._name(key):
            value = self._source.value(entry.node, path)
            self._found[name] = self._rooted(key, value) if isinstance(value, str) else value
        else:
            self._source.dropped(
                entry, path, words.SETTINGS.get(key, f"`{self._spec.provider_type}` has no such setting")
            )

    def _name(self, key: str) -> str:
        fields = self._config.model_fields
        if key in fields:
            return key
        return next((name for name in provider_types.RENAMED.get(key, ()) if name in fields), "")

    def _rooted(self, key: str, value: str) -> str:
        """An address with the root of the API behind it, where theirs had only the server's."""
        root = provider_types.API_ROOTS.get(self._theirs, "") if key == "url" else ""
        if self._theirs == "remote::cerebras" and value.rstrip("/}").endswith("api.cerebras.ai"):
            root = "/v1"
        return ends_with(value, root) if root and not value.rstrip("/}").endswith("/v1") else value

    def _network(self, node: Node | None, path: str) -> None:
        for key, entry in self._source.section(node).items():
            where = f"{path}.{key}"
            if key == "timeout":
                self._timeouts(self._source.value(entry.node, where), entry, where)
            elif key == "headers" and "headers" in self._config.model_fields:
                self._found["headers"] = self._source.value(entry.node, where)
            else:
                self._source.dropped(entry, where, words.SETTINGS.get(key, words.NOTHING))

    def _timeouts(self, value: Any, entry: Entry, path: str) -> None:
        """A number is both; `read` is the longest pause, before the first byte and after."""
        both = value if isinstance(value, dict) else {"connect": value, "read": value}
        names = {"connect": ("connect_timeout_s",), "read": ("first_byte_timeout_s", "idle_timeout_s")}
        known = {name: both[key] for key, listed in names.items() if both.get(key) is not None for name in listed}
        if known.keys() <= self._config.model_fields.keys():
            self._found |= known
        else:
            self._source.dropped(entry, path, f"`{self._spec.provider_type}` has no such setting")

    def _vector_index(self, node: Node | None, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        fields = _model_of(self._config, "store_defaults")
        for key, entry in self._source.section(node).items():
            name = "index" if key == "type" else provider_types.VECTOR_INDEX_KEYS.get(key, key)
            value = self._source.value(entry.node, f"{path}.{key}")
            if name in fields:
                found[name] = provider_types.VECTOR_INDEXES.get(value, value) if key == "type" else value
            else:
                self._source.dropped(entry, f"{path}.{key}", words.NOTHING)
        return found


def _required(config: type[BaseModel]) -> set[str]:
    return {name for name, info in config.model_fields.items() if info.is_required()}


def _sample(config: type[BaseModel]) -> dict[str, Any]:
    return config.sample_run_config() if issubclass(config, ProviderConfig) else {}


def _model_of(config: type[BaseModel], name: str) -> Collection[str]:
    annotation = config.model_fields[name].annotation
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation.model_fields if is_model and annotation else ()
