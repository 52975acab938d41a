"""The settings of a provider as rows of a table: what a `Config` class says about each of its fields."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stack.registry.spec import env_name

_MODULE_PREFIX = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One setting in words; `name` is dotted for a field of a nested model, `default` is Markdown."""

    name: str
    type: str
    default: str
    variable: str | None
    description: str


def field_rows(config: type[BaseModel], prefix: str = "") -> Iterator[FieldRow]:
    """Every setting in the order of declaration, those of nested models after the field that holds them."""
    for name, info in config.model_fields.items():
        yield FieldRow(prefix + name, _type(info.annotation), _default(info), env_name(info), info.description or "")
        for nested, step in _nested(info.annotation):
            yield from field_rows(nested, f"{prefix}{name}{step}.")


def _nested(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Models inside an annotation, with what stands between the field and theirs: nothing, `[]` or `.*`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    origin, inner = getattr(annotation, "__origin__", None), getattr(annotation, "__args__", ())
    step = ".*" if origin is dict else "[]" if origin in (list, tuple) else ""
    for argument in inner:
        for model, further in _nested(argument):
            yield model, step + further


def _type(annotation: Any) -> str:
    return _MODULE_PREFIX.sub("", inspect.formatannotation(annotation))


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined or default == "":
        return "none"
    if isinstance(default, dict | list | tuple | set) and not default:
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
