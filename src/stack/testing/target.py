"""Which providers a person means: by type, by name, by installed package, or by module."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from typing import NamedTuple

from stack.errors import ConfigError, ProviderLoadError, nearest, quoted
from stack.registry.discovery import find_spec, specs
from stack.registry.spec import API_NAMES, ProviderSpec


class Target(NamedTuple):
    """A provider type; module: what names it in run.yaml, if nothing declares it."""

    spec: ProviderSpec
    module: str | None = None


def targets(said: str, api: str | None = None) -> list[Target]:
    """`remote::groq`, `groq`, the name of an installed package, or of a module. Raises: ConfigError."""
    if api is not None and api not in API_NAMES:
        raise ConfigError(f"there is no API `{api}`: say {quoted(API_NAMES)}")
    known = specs(api)
    if named := [spec for spec in known if said in (spec.provider_type, spec.name)]:
        return _one_api([Target(find_spec(spec.api, spec.provider_type)) for spec in named], said)
    package = _normal(said)
    if declared := [spec for spec in known if spec.origin != "stack" and _normal(spec.origin) == package]:
        return [Target(find_spec(spec.api, spec.provider_type)) for spec in declared]
    if re.fullmatch(r"\w[\w.]*", said) and _is_importable(said.partition(".")[0]):
        return _in_module(said, api)
    like = nearest(said, [name for spec in known for name in (spec.provider_type, spec.name)])
    hint = f": did you mean {quoted(like)}?" if like else ": `stack list-providers` lists them"
    raise ConfigError(f"no provider, installed package or module is called `{said}`{hint}")


def _one_api(found: list[Target], said: str) -> list[Target]:
    apis = sorted({target.spec.api for target in found})
    if len(apis) > 1:
        raise ConfigError(f"`{said}` answers {quoted(apis)}: say which with `--api`")
    if len(found) > 1:
        types = quoted(target.spec.provider_type for target in found)
        raise ConfigError(f"`{said}` may be {types}: say the whole type")
    return found


def _is_importable(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _in_module(name: str, api: str | None) -> list[Target]:
    try:
        declared = vars(importlib.import_module(name)).get("SPEC")
    except Exception as error:
        raise ProviderLoadError(f"`{name}` cannot be imported: {type(error).__name__}: {error}") from error
    found = declared if isinstance(declared, list | tuple) else [declared]
    wanted = [spec for spec in found if isinstance(spec, ProviderSpec) and api in (None, spec.api)]
    if not wanted:
        raise ProviderLoadError(f"`{name}` declares no provider: give it `SPEC = ProviderSpec(...)`")
    return [Target(find_spec(spec.api, spec.provider_type, name), name) for spec in wanted]


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
