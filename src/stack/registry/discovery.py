"""Which provider types exist: our rows and the entry points of installed packages; modules load on first use.

An installed package offers a provider by an entry point in the group `stack.providers.<api>`, named by its type
(`remote::acme`) and pointing at a `ProviderSpec` (`acme_stack:SPEC`). Entry points are read as strings: the package is
imported only when a configuration names the type. `module:` in run.yaml does the same without an entry point.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stack.errors import ConfigError, MissingPackage, ProviderLoadError, UnknownProvider, nearest, quoted
from stack.registry.requirements import sorted_lines
from stack.registry.spec import API_NAMES, ProviderSpec, Row

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

ENTRY_POINT_GROUP = "stack.providers."


@cache
def _rows(api: str) -> tuple[ProviderSpec, ...]:
    rows: tuple[Row, ...] = importlib.import_module(f"stack.registry.{api}").PROVIDERS
    return tuple(row.spec(api) for row in rows)


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    # Scanning installed packages costs tens of milliseconds: once per process.
    from importlib_metadata import entry_points

    return tuple(e for api in API_NAMES for e in entry_points(group=ENTRY_POINT_GROUP + api))


def forget_installed() -> None:
    """Look at the installed packages again: for a process that installed one."""
    _entry_points.cache_clear()
    importlib.invalidate_caches()


def _advertised(entry: EntryPoint) -> ProviderSpec:
    """What can be said of an entry point without importing it."""
    dist = entry.dist
    name = dist.name if dist else entry.module
    summary = (dist.metadata.get("Summary") if dist else None) or f"Provided by the package `{name}`."
    api = entry.group.removeprefix(ENTRY_POINT_GROUP)
    return ProviderSpec(api, entry.name, summary, module=entry.module, packages=(name,), origin=name)


def specs(api: str | None = None) -> list[ProviderSpec]:
    """Every provider type of an API, or of all, sorted by API and type; imports no provider."""
    apis = API_NAMES if api is None else (api,)
    found = [spec for name in apis for spec in _rows(name)]
    found += [spec for spec in map(_advertised, _entry_points()) if spec.api in apis]
    return sorted(found, key=lambda spec: (spec.api, spec.provider_type, spec.origin))


def find_spec(api: str, provider_type: str, module: str | None = None) -> ProviderSpec:
    """The declaration of one type; imports the declaring module if it is out of tree.

    module: where to look instead of the registry: `pkg.module`, with a version after `==` if one is demanded.
    Raises: UnknownProvider, MissingPackage, ProviderLoadError.
    """
    if module is not None:
        return _spec_in(_import_declaring(module, provider_type), api, provider_type)
    claims = [spec for spec in specs(api) if spec.provider_type == provider_type]
    if not claims:
        known = [spec.provider_type for spec in specs(api)]
        hint = nearest(provider_type, known) or known
        raise UnknownProvider(
            f"no {api} provider has the type `{provider_type}`: did you mean {quoted(hint)}?"
            " (a package of your own is named by `module:`)"
        )
    if len(claims) > 1:
        origins = quoted([spec.origin for spec in claims])
        raise ProviderLoadError(f"`{provider_type}` is claimed by the packages {origins}: uninstall all but one")
    if claims[0].origin == "stack":
        return claims[0]
    entry = next(e for e in _entry_points() if e.name == provider_type and e.group == ENTRY_POINT_GROUP + api)
    declaring = import_module(entry.module, claims[0])
    try:
        declared = entry.load()
    except AttributeError as error:
        raise ProviderLoadError(f"`{entry.module}` has no `{entry.attr}`, which its entry point names") from error
    return _matching(declared, declaring, api, provider_type, claims[0].origin)


def _import_declaring(reference: str, provider_type: str) -> ModuleType:
    name, _, version = reference.partition("==")
    stub = ProviderSpec("", provider_type, "", module=name, packages=(reference,))
    module = import_module(name, stub)
    if version:
        from importlib_metadata import packages_distributions
        from importlib_metadata import version as installed_version

        dists = packages_distributions().get(name.partition(".")[0])
        if not dists:
            raise ProviderLoadError(f"`module: {reference}` demands a version, and `{name}` is of no installed package")
        installed = installed_version(dists[0])
        if installed != version:
            raise ProviderLoadError(
                f"`{name}` is installed as {installed}, but `module: {reference}` demands {version}"
            )
    return module


def _spec_in(module: ModuleType, api: str, provider_type: str) -> ProviderSpec:
    """`SPEC`, or Llama Stack's `get_provider_spec()`, of a module or of its submodule `provider`."""
    declared = vars(module).get("SPEC")
    if declared is None and (factory := vars(module).get("get_provider_spec")):
        try:
            declared = factory()
        except Exception as error:
            raise _bug(f"`get_provider_spec()` of `{module.__name__}` failed", error) from error
    if declared is None and not module.__name__.endswith(".provider") and hasattr(module, "__path__"):
        name = f"{module.__name__}.provider"
        try:
            return _spec_in(importlib.import_module(name), api, provider_type)
        except ConfigError:
            raise
        except Exception as error:
            if not (isinstance(error, ModuleNotFoundError) and error.name == name):
                raise _bug(f"`{name}` cannot be imported", error) from error
    if declared is None:
        raise ProviderLoadError(
            f"`{module.__name__}` declares no provider: give it `SPEC = ProviderSpec(...)` or `get_provider_spec()`"
        )
    return _matching(declared, module, api, provider_type, module.__name__.partition(".")[0])


def _matching(declared: Any, module: ModuleType, api: str, provider_type: str, origin: str) -> ProviderSpec:
    found = [_own(item, module) for item in (declared if isinstance(declared, list | tuple) else [declared])]
    for spec in found:
        if (spec.api, spec.provider_type) == (api, provider_type):
            return replace(spec, origin=origin)
    offered = quoted([f"{spec.api}: {spec.provider_type}" for spec in found])
    raise ProviderLoadError(f"`{module.__name__}` declares {offered}, not `{api}: {provider_type}`")


def _own(declared: Any, module: ModuleType) -> ProviderSpec:
    """A spec of ours as it is; one of Llama Stack's, read by its field names."""
    if isinstance(declared, ProviderSpec):
        return declared
    try:
        api = getattr(declared.api, "value", declared.api)
        requirements = sorted_lines(declared.pip_packages)
        return ProviderSpec(
            api=str(api),
            provider_type=declared.provider_type,
            description=getattr(declared, "description", None) or f"Provided by `{module.__name__}`.",
            module=declared.module,
            **requirements._asdict(),
            config_class=declared.config_class,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise ProviderLoadError(f"`{module.__name__}` declares something that is no provider spec: {error}") from error


def _bug(what: str, error: Exception) -> ProviderLoadError:
    return ProviderLoadError(f"{what}: {type(error).__name__}: {error}")


def import_module(name: str, spec: ProviderSpec) -> ModuleType:
    """Import a provider's module; a package that is not there is told apart from a bug in the module."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if spec.origin == "stack" and missing.partition(".")[0] == "stack":
            raise ProviderLoadError(f"`{spec.provider_type}` imports `{missing}`, which does not exist") from error
        wanted = spec.packages if spec.requirements else (missing.partition(".")[0],)
        raise MissingPackage(spec.provider_type, wanted, missing, spec.packages_no_deps, spec.from_index) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ProviderLoadError(f"`{spec.provider_type}` cannot be imported: {reason} (a bug in `{name}`)") from error


def load_config_class(spec: ProviderSpec) -> type[BaseModel]:
    """The class of the provider's settings. Raises: MissingPackage, ProviderLoadError."""
    path = spec.config_class or f"{spec.module}.Config"
    module_name, _, attribute = path.rpartition(".")
    found = vars(import_module(module_name, spec)).get(attribute)
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise ProviderLoadError(
            f"`{module_name}` has no class `{attribute}` with the settings of `{spec.provider_type}`"
        )
    return found
