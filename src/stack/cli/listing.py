"""`stack list`, `stack list-apis`, `stack list-providers`: what there is to run."""

from __future__ import annotations

import shlex

import click

from stack.cli.table import table

ON_DEMAND = "made on demand"


@click.command("list")
def list_distributions() -> None:
    """List distributions.

    Those that are shipped, then one for each remote provider, which is made when it is asked for.
    """
    from stack.distribution import distribution_names, distributions_dir, get_distribution_template

    folder = distributions_dir()
    rows = [(name, str(folder / name), get_distribution_template(name).description) for name in distribution_names()]
    rows += _made_on_demand({name for name, _, _ in rows})
    click.echo(table(("DISTRIBUTION", "WHERE", "DESCRIPTION"), rows))


def _made_on_demand(shipped: set[str]) -> list[tuple[str, str, str]]:
    from stack.distribution.entries import remote_rows

    found: dict[str, str] = {}
    for spec in remote_rows():  # one that answers several APIs is described as by the first
        found.setdefault(spec.name, spec.description)
    return [(name, ON_DEMAND, found[name]) for name in sorted(found.keys() - shipped)]


@click.command("list-apis")
def list_apis() -> None:
    """List APIs and how many provider types answer each."""
    from stack.registry.discovery import specs
    from stack.registry.spec import APIS

    rows = [(api, str(len(specs(api))), description) for api, description in APIS.items()]
    click.echo(table(("API", "PROVIDERS", "DESCRIPTION"), rows))


@click.command("list-providers")
@click.argument("api", required=False)
def list_providers(api: str | None) -> None:
    """List provider types of API, or of all.

    Each with the package that declares it, and the packages that it needs beyond the base install.
    """
    from stack.errors import ConfigError, nearest
    from stack.registry.discovery import specs
    from stack.registry.spec import API_NAMES

    if api is not None and api not in API_NAMES:
        known = " or ".join(f"`{name}`" for name in nearest(api, API_NAMES) or API_NAMES)
        raise ConfigError(f"there is no API `{api}`: did you mean {known}?")
    rows = [(s.api, s.provider_type, s.origin, shlex.join(s.requirements), s.description) for s in specs(api)]
    click.echo(table(("API", "TYPE", "DECLARED BY", "PACKAGES", "DESCRIPTION"), rows))
