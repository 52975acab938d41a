"""The JSON Schema of run.yaml, for editors: what may be written, placeholders included.

It takes all that the loader takes; the loader also sees the environment and what must hold between parts of a file.
Source: https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from stack.config.models import ModelEntry, ProviderEntry, RunFile
from stack.config.shields import ShieldEntry
from stack.errors import ConfigError
from stack.registry.discovery import find_spec, load_config_class, specs
from stack.registry.spec import API_NAMES, ProviderSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_NULL: Schema = {"type": "null"}
_PLACEHOLDER: Schema = {"$ref": "#/$defs/placeholder"}
_OFF: Schema = {"enum": ["", "__disabled__"]}
# Text that is taken for a number or a boolean, as it is from a variable.
_TEXTS: dict[str, Schema] = {
    "integer": {"type": "string", "pattern": r"^-?[0-9]+$"},
    "number": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"},
    "boolean": {"enum": ["true", "True", "TRUE", "false", "False", "FALSE", "yes", "no", "on", "off", "1", "0", 1, 0]},
}
ENTRIES: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
    "models": (ModelEntry, ("model_id", "provider_id")),
    "shields": (ShieldEntry, ("shield_id", "provider_id")),
}
_LIMITS = ("minLength", "maxLength", "pattern")


def schema_text(declared: Iterable[ProviderSpec] | None = None, comment: str = "") -> str:
    """The schema as a file; see `run_schema`."""
    noted = {"$comment": comment} if comment else {}
    return json.dumps({**noted, **run_schema(declared)}, indent=1, ensure_ascii=False) + "\n"


def run_schema(declared: Iterable[ProviderSpec] | None = None) -> Schema:
    """The schema of a run.yaml with the providers of these specs; left out: all that are installed.

    Imports their modules for `Config`; the settings of one that cannot be imported are left open.
    """
    known = list(specs() if declared is None else declared)
    definitions: Schema = {}
    schema = _model(RunFile, "", definitions)
    fields = schema["properties"]
    fields["apis"]["anyOf"][0]["items"] = {"anyOf": [{"enum": list(API_NAMES)}, _PLACEHOLDER]}
    for name, (model, ids) in ENTRIES.items():
        fields[name]["anyOf"][0]["items"] = _entry(name, ids, _model(model, "", definitions), definitions)
    fields["providers"] |= {"properties": dict(_providers(known, definitions)), "additionalProperties": False}
    definitions["placeholder"] = {"type": "string", "pattern": r"\$\{env\.", "description": "Text with `${env.NAME}`."}
    return {"$schema": DIALECT, "title": "run.yaml", **schema, "$defs": dict(sorted(definitions.items()))}


def _providers(known: list[ProviderSpec], definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """The `providers` of each API: `config` follows from `provider_type`."""
    for api in API_NAMES:
        rows = [spec for spec in known if spec.api == api]
        types = {"anyOf": [{"enum": list(dict.fromkeys(spec.provider_type for spec in rows))}, _PLACEHOLDER]}
        entry = _model(ProviderEntry, "", definitions)
        entry["allOf"] = [{"if": {"required": ["module"]}, "else": {"properties": {"provider_type": types}}}]
        entry["allOf"] += [_settings(spec, definitions) for spec in rows]
        yield (
            api,
            {"type": "array", "minItems": 1, "items": _entry(f"providers.{api}", ("provider_id",), entry, definitions)},
        )


def _entry(name: str, ids: tuple[str, ...], schema: Schema, definitions: Schema) -> Schema:
    """An entry of a list; one that is switched off in so many words may say anything."""
    definitions[f"{name}[]"] = schema
    off = {"anyOf": [{"required": [key], "properties": {key: _OFF}} for key in ids]}
    return {"if": {"type": "object", **off}, "then": True, "else": {"$ref": f"#/$defs/{name}[]"}}


def _settings(spec: ProviderSpec, definitions: Schema) -> Schema:
    """What a provider type says of its `config`."""
    name = f"{spec.api}.{spec.provider_type}"
    try:
        found = spec if spec.origin == "stack" else find_spec(spec.api, spec.provider_type)
        settings = _model(load_config_class(found), f"{name}.", definitions)
    except (ConfigError, PydanticUserError):
        settings = {"type": "object"}
    must = "required" in settings
    definitions[name] = {**(settings if must else _or_nothing(settings)), "description": spec.description}
    then: Schema = {"properties": {"config": {"$ref": f"#/$defs/{name}"}}}
    return {
        "if": {"required": ["provider_type"], "properties": {"provider_type": {"const": spec.provider_type}}},
        "then": {"required": ["config"], **then} if must else then,
    }


def _or_nothing(schema: Schema) -> Schema:
    """A mapping that may stand empty; as an alternative of its own, it would hide where a mistake is."""
    return {**schema, "type": ["object", "null"]}


def _model(model: type[BaseModel], prefix: str, definitions: Schema) -> Schema:
    """What may be written for a model; those inside it go to `definitions`, under names with the prefix."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    inner = schema.pop("$defs", {})
    for name, each in inner.items():
        is_mapping = "properties" in each
        definitions[f"{prefix}{name}"] = _or_nothing(_object(each)) if is_mapping else _written(each, nothing=True)
    return _object(schema)


def _object(schema: Schema) -> Schema:
    """A mapping: each field takes all that the loader takes, one that may be left out also nothing."""
    required = schema.get("required", [])
    fields = {key: _written(field, nothing=key not in required) for key, field in schema.get("properties", {}).items()}
    opened = {**_bare(schema), "properties": fields} if fields else _bare(schema)
    if isinstance(values := schema.get("additionalProperties"), dict):
        opened["additionalProperties"] = _written(values)
    return opened


def _written(schema: Schema, *, nothing: bool = False) -> Schema:
    """What may be written for a value, with its notes; nothing: also an empty one."""
    forms = [*_forms(_bare(schema)), *([_NULL] if nothing else [])]
    if any("$ref" in form and form != _PLACEHOLDER for form in forms):
        forms = [form for form in forms if form != _NULL]
    unique = [form for index, form in enumerate(forms) if form not in forms[:index]]
    notes = {key: schema[key] for key in ("default",) if key in schema}
    if told := _told(schema):
        notes["description"] = told
    return {**notes, **(unique[0] if len(unique) == 1 else {"anyOf": unique})} if {} not in unique else notes


def _forms(schema: Schema) -> Iterator[Schema]:
    if alternatives := schema.get("anyOf", schema.get("oneOf")):
        for alternative in alternatives:
            yield from _forms(_bare(alternative))
    elif (options := schema.get("enum", [schema["const"]] if "const" in schema else None)) is not None:
        yield {"enum": [*options, *(str(option) for option in options if not isinstance(option, str))]}
        yield _PLACEHOLDER
    elif schema.get("type") == "string":
        limits = {key: schema[key] for key in _LIMITS if key in schema}
        yield {"type": ["string", "number", "boolean"], **limits}  # `007` is text where text belongs
        yield from [_PLACEHOLDER] if limits else []
    elif schema.get("type") in _TEXTS:
        yield from (schema, _TEXTS[schema["type"]], _PLACEHOLDER)
    elif schema.get("type") == "array":
        yield {**schema, "items": _written(schema.get("items", {}))}
        yield _PLACEHOLDER
    else:
        yield _object(schema) if schema.get("type") == "object" else schema


def _bare(schema: Schema) -> Schema:
    """The schema without what says nothing of what is valid."""
    dropped = {"title", "description", "default", "env", "format", "writeOnly", "discriminator"}
    return {key: value for key, value in schema.items() if key not in dropped}


def _told(schema: Schema) -> str:
    variable = f" Variable: `{schema['env']}`." if "env" in schema else ""
    return f"{schema.get('description', '')}{variable}".strip()
