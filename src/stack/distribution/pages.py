"""The Jinja environment of the templates in `templates/`, and what they need to write YAML and Markdown."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from stack.registry.spec import ProviderSpec

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


def fill(page_name: str, **values: Any) -> str:
    """The text of one template, ending in one newline."""
    return _environment().get_template(f"{page_name}.jinja").render(values).rstrip("\n") + "\n"


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("stack.distribution"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"yaml": as_yaml, "line": as_line, "cell": as_cell}
    environment.filters |= {"packages": as_packages, "checked": as_checked}
    return environment


def as_yaml(value: Any) -> str:
    """A value as YAML: a block for a mapping or list, one line for a scalar, whatever it holds."""
    dumped = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1 << 20)
    return dumped.removesuffix("\n").removesuffix("\n...")


def as_line(text: str) -> str:
    """Text on one line: a comment or heading cannot break out of its own."""
    return " ".join(text.split())


def as_cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return as_line(text).replace("|", "\\|")


def as_packages(spec: ProviderSpec) -> str:
    """The requirements of a provider in Markdown."""
    needed = [f"`{package}`" for package in spec.packages]
    needed += [f"`{package}` (from `{url}`)" for package, url in spec.from_index]
    needed += [f"`{package.partition(' --hash')[0]}` (without its dependencies)" for package in spec.packages_no_deps]
    return ", ".join(needed) or "none"


def as_checked(spec: ProviderSpec) -> str:
    """What a provider was checked against, in words; empty where it is not told."""
    words = {"recorded": "recorded answers", "documented": "documentation only", "engine": "the real engine"}
    return (words | {"stand-in": "a stand-in for the service", None: ""})[spec.checked]
