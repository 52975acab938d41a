"""What a build has to install, and who wants it: the stack itself, each provider, the operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from stack.build.origin import own_requirement, requirement_for_module, requirement_of
from stack.distribution import DistributionTemplate
from stack.distribution.entries import NOT_INSTALLED, Entry, entries
from stack.errors import ConfigError
from stack.installing import Install, installs


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one party asks for; the fields but `owner` are those of a `ProviderSpec`."""

    owner: str
    packages: tuple[str, ...] = ()
    packages_no_deps: tuple[str, ...] = ()
    from_index: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.packages or self.packages_no_deps or self.from_index or self.overrides)


def wanted(template: DistributionTemplate, *, own: bool = True) -> list[Wanted]:
    """What is needed for exactly the providers of a template, and for this package itself if `own`.

    Providers of other packages bring these packages. Raises: ConfigError, and what the registry raises.
    """
    found = [Wanted("this package", (own_requirement(),))] if own else []
    found += [
        _of_provider(entry, template) for listed in entries(template, uninstalled=True).values() for entry in listed
    ]
    found.append(Wanted("`additional_pip_packages`", tuple(_additional(template))))
    return list(dict.fromkeys(each for each in found if not each.is_empty))


def _additional(template: DistributionTemplate) -> Iterator[str]:
    """As listed; `./` and `../` start where the file stands that lists them."""
    # Absolute, since `acme` without the dot that stood before it is a name, which an index would answer.
    beside = (Path(template.file).parent if template.file else Path()).absolute()
    for package in template.additional_pip_packages:
        yield str(beside / package) if package.startswith(("./", "../")) else package


def _of_provider(entry: Entry, template: DistributionTemplate) -> Wanted:
    spec = entry.spec
    packages = (*_bringing(entry, template), *spec.packages)
    return Wanted(
        f"`{spec.provider_type}` ({spec.api})", packages, spec.packages_no_deps, spec.from_index, spec.overrides
    )


def _bringing(entry: Entry, template: DistributionTemplate) -> tuple[str, ...]:
    """The package that holds a provider which is not our own."""
    spec = entry.spec
    if spec.origin in ("stack", NOT_INSTALLED):  # the latter's row names its package
        return ()
    try:
        requirement = requirement_for_module(spec.module) or requirement_of(spec.origin)
    except PackageNotFoundError as error:
        if template.additional_pip_packages:
            return ()
        raise ConfigError(
            f"`{spec.provider_type}` is in the module `{spec.module}`, which no installed package brings: name the"
            " package under `additional_pip_packages` of build.yaml"
        ) from error
    return (requirement,)


def pip_installs(parties: Sequence[Wanted]) -> list[Install]:
    """What pip is told where uv is absent, or a person who asks: all is resolved together, and nothing is locked.

    Raises: ConfigError for overrides, which pip cannot honour.
    """
    if owners := [party.owner for party in parties if party.overrides]:
        raise ConfigError(
            f"{' and '.join(owners)} overrides what packages declare, which only a build of its own with uv can honour:"
            " install uv, and leave `--in-place` and `--print-deps-only` out"
        )
    packages = dict.fromkeys(package for party in parties for package in party.packages)
    without_deps = {package for party in parties for package in party.packages_no_deps}
    from_index = {pair for party in parties for pair in party.from_index}
    return installs(tuple(packages), sorted(without_deps), sorted(from_index))
