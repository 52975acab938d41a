"""What each setting of a run.yaml comes to: its value, where that comes from, and what it means."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from stack.config.hints import Hint, describe
from stack.config.load import parse_run_config
from stack.config.models import ProviderEntry, ProviderInstance, RunConfig, RunFile, secret_values
from stack.config.placeholders import Part, parse
from stack.config.schema import ENTRIES
from stack.config.source import Source
from stack.config.typed import expand_scalar
from stack.config.yaml import Node, Scalar, Section, Series
from stack.errors import ConfigError, nearest, quoted
from stack.logs import MASK, Redactor

NONE = "none"
OFF = "off"
_URL_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, secrets masked. path: as messages name it; also: with ids in the place of numbers."""

    path: str
    also: str
    value: str
    origin: str
    meaning: str
    kind: str


def explain(text: str, file: str, environ: Mapping[str, str], assigned: Collection[str] = ()) -> list[Setting]:
    """Every setting of a run.yaml in the order of the documentation, those that it leaves out included.

    assigned: the names among `environ` that the command line gave. Raises: BadConfig.
    """
    loaded = parse_run_config(text, file, environ)
    return list(_Explanation(Source(text, file, environ), loaded, assigned).settings())


def selected(settings: Sequence[Setting], key: str) -> list[Setting]:
    """The setting of that path, all below it, or else all whose path ends so. Raises: ConfigError."""
    for is_meant in (_is_at, _is_below, _is_end):
        if found := [each for each in settings if is_meant(each.path, key) or is_meant(each.also, key)]:
            return found
    length = key.count(".") + 1  # the ends of paths that are as long as what was typed
    known = {".".join(path.split(".")[-length:]) for each in settings for path in (each.path, each.also)}
    hint = nearest(key, sorted(known)) or list(RunFile.model_fields)
    raise ConfigError(f"there is no setting `{key}` here: did you mean {quoted(hint)}?")


def _is_at(path: str, key: str) -> bool:
    return path == key


def _is_below(path: str, key: str) -> bool:
    return path.startswith((f"{key}.", f"{key}["))


def _is_end(path: str, key: str) -> bool:
    return path.endswith(f".{key}")


class _Place(NamedTuple):
    """A place in the file under both of its names."""

    path: str
    also: str

    def below(self, key: str) -> _Place:
        return _Place(*(f"{name}.{key}" if name else key for name in self))

    def item(self, index: int, value: object) -> _Place:
        """An entry of a list, which also goes by its first field: the id."""
        first = next(iter(value))[1] if isinstance(value, BaseModel) else None
        name = f".{first}" if isinstance(first, str) and first else f"[{index}]"
        return _Place(f"{self.path}[{index}]", self.also + name)


class _Explanation:
    def __init__(self, source: Source, loaded: RunConfig, assigned: Collection[str]) -> None:
        self._source = source
        self._loaded = loaded
        self._assigned = assigned
        self._redact = Redactor(secret_values(loaded)).redact

    def settings(self) -> Iterator[Setting]:
        written = self._source.read(RunFile, self._source.root, "")
        assert written is not None  # it was loaded before
        for name, value in _filled(written, self._loaded):
            if name == "providers":
                yield from self._providers()
            elif name in ENTRIES:
                yield from self._entries(name)
            else:
                place = _Place(name, name)
                yield from self._field(value, self._source.root.get(name), place, RunFile.model_fields[name])

    def _providers(self) -> Iterator[Setting]:
        listed = self._source.root.get("providers")
        for api, entry in listed.entries.items() if isinstance(listed, Section) else ():
            instances = iter(self._loaded.providers[api])
            place = _Place(f"providers.{api}", f"providers.{api}")
            for index, (section, path) in enumerate(self._source.sections(entry.node, place.path)):
                if self._is_off(section, "provider_id"):
                    yield self._off(section, "provider_id", path, ProviderEntry)
                    continue
                written = self._source.read(ProviderEntry, section, path)
                yield from self._provider(written, next(instances), section, place.item(index, written))

    def _provider(
        self, written: ProviderEntry | None, instance: ProviderInstance, section: Section, place: _Place
    ) -> Iterator[Setting]:
        assert written is not None
        node, below = section.get("config"), place.below("config")
        yield from self._model(written, section, place, without="config")
        if instance.config is not None:
            yield from self._model(instance.config, node if isinstance(node, Section) else None, below)
        else:
            reason = instance.error.message if instance.error else ""
            yield Setting(*below, "not read", self._origin(node), self._redact(reason), "a mapping")

    def _entries(self, name: str) -> Iterator[Setting]:
        model, keys = ENTRIES[name]
        place = _Place(name, name)
        on = iter(self._loaded.models if name == "models" else self._loaded.shields)
        for index, (section, path) in enumerate(self._source.sections(self._source.root.get(name), place.path)):
            off = [key for key in keys if self._is_off(section, key)]
            if off:
                yield self._off(section, off[0], path, model)
            else:
                entry = next(on)
                yield from self._model(entry, section, place.item(index, entry))

    def _is_off(self, section: Section, key: str) -> bool:
        word = self._source.word(section.get(key))
        return word is not None and word.is_off

    def _off(self, section: Section, key: str, path: str, model: type[BaseModel]) -> Setting:
        node, info = section.get(key), model.model_fields[key]
        place, origin = f"{path}.{key}", self._origin(node, is_off=True)
        return Setting(place, place, OFF, origin, info.description or "", describe(_hint(info)))

    def _model(self, value: BaseModel, node: Section | None, place: _Place, without: str = "") -> Iterator[Setting]:
        values = dict(value)
        for name, info in type(value).model_fields.items():
            if name != without:
                key = info.alias or name
                yield from self._field(values[name], node.get(key) if node else None, place.below(key), info)

    def _field(self, value: object, node: Node | None, place: _Place, info: FieldInfo) -> Iterator[Setting]:
        if isinstance(value, BaseModel):
            yield from self._model(value, node if isinstance(node, Section) else None, place)
        elif isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
            nodes = node.items if isinstance(node, Series) else ()
            for index, item in enumerate(value):
                below = nodes[index] if index < len(nodes) else None
                yield from self._field(item, below, place.item(index, item), info)
        elif isinstance(value, dict) and any(isinstance(item, BaseModel) for item in value.values()):
            for key, item in value.items():
                yield from self._field(
                    item, node.get(key) if isinstance(node, Section) else None, place.below(key), info
                )
        else:
            told = self._redact(_shown(value))
            yield Setting(*place, told, self._origin(node), info.description or "", describe(_hint(info)))

    def _origin(self, node: Node | None, *, is_off: bool = False) -> str:
        if node is None:
            return "default"
        at = f"{self._source.report.file}:{node.at.line}:{node.at.column}"
        used: list[str] = []
        unset: list[str] = []
        for scalar in _scalars(node):
            _decide(parse(scalar.text), self._source.environ, used, unset)
        if used:
            return f"{' and '.join(dict.fromkeys(map(self._variable, used)))} ({at})"
        missing = f" ({quoted(dict.fromkeys(unset))} unset)" if unset else ""
        if isinstance(node, Scalar) and not is_off and (node.is_null or (unset and not self._text(node))):
            return f"default{missing}, since {at} is empty"
        return at + missing

    def _variable(self, name: str) -> str:
        return f"`--env {name}`" if name in self._assigned else f"environment variable `{name}`"

    def _text(self, node: Scalar) -> str:
        return expand_scalar(node, self._source.environ).text


def _filled(written: RunFile, loaded: RunConfig) -> RunFile:
    """The file with what follows from the rest of it where it says nothing."""
    storage = written.storage.model_copy(update={"state_dir": loaded.state_dir})
    return written.model_copy(update={"apis": loaded.apis, "storage": storage})


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    else:
        nodes = node.items if isinstance(node, Series) else [entry.node for entry in node.entries.values()]
        for inner in nodes:
            yield from _scalars(inner)


def _decide(parts: Sequence[Part], environ: Mapping[str, str], used: list[str], unset: list[str]) -> None:
    """Which variables of a template made its text, and which were looked for in vain."""
    for part in parts:
        if isinstance(part, str):
            continue
        is_set = bool(environ.get(part.name))
        (used if is_set else unset).append(part.name)
        if is_set == (part.operator == ":+"):
            _decide(part.operand, environ, used, unset)


def _shown(value: object) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return NONE
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, default=str)


def _plain(value: object) -> Any:
    """The value without its secrets, those in the addresses included."""
    if isinstance(value, SecretStr | SecretBytes):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if isinstance(value, bool | int | float | None) else _URL_USER.sub(MASK, str(value))


def _hint(info: FieldInfo) -> Hint:
    return info.rebuild_annotation()
