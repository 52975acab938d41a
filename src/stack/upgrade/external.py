"""Folders of provider specifications (`external_providers_dir`): one module of ours that declares the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack.config.placeholders import expand, parse
from stack.config.report import Report
from stack.config.yaml import read_text
from stack.errors import ConfigError
from stack.registry.requirements import sorted_lines
from stack.registry.spec import API_NAMES, ProviderSpec
from stack.upgrade.tree import plain_tree

MODULE = "external_providers"


def external_specs(folder: str, environ: Mapping[str, str] | None = None) -> list[ProviderSpec]:
    """What the files `{remote,inline}/<api>/<name>.yaml` of a folder declare, for the APIs that there are.

    folder: as in the file, with placeholders of ours. Raises: ConfigError if it cannot be read.
    """
    path = Path(expand(parse(folder), os.environ if environ is None else environ, [])).expanduser()
    if not path.is_dir():
        raise ConfigError(f"the folder `{path}` is not there: upgrade where it is, or write `module:` by hand")
    return [
        _spec(kind, api, file)
        for kind in ("inline", "remote")
        for api in API_NAMES
        for file in sorted((path / kind / api).glob("*.yaml"))
    ]


def _spec(kind: str, api: str, file: Path) -> ProviderSpec:
    report = Report(str(file))
    declared = plain_tree(read_text(file, report), report)
    adapter: dict[str, Any] = declared.get("adapter") or declared
    if not adapter.get("module"):
        raise ConfigError(f"`{file}` names no `module`: it declares no provider")
    return ProviderSpec(
        api=api,
        provider_type=f"{kind}::{file.stem}",
        description=declared.get("description") or f"Provided by `{adapter['module']}`.",
        module=adapter["module"],
        **sorted_lines(adapter.get("pip_packages") or ())._asdict(),
        needs=tuple(name for name in declared.get("api_dependencies") or () if name in API_NAMES),
        config_class=adapter.get("config_class"),
    )


def module_text(specs: list[ProviderSpec]) -> str:
    """A Python module that declares them."""
    return "\n".join(_lines(specs)) + "\n"


def _lines(specs: list[ProviderSpec]) -> Iterator[str]:
    yield '"""Providers that a folder of specifications declared; keep it where Python finds it (`PYTHONPATH`)."""'
    yield from ("", "from stack.registry.spec import ProviderSpec", "", "SPEC = [")
    for spec in specs:
        yield "    ProviderSpec("
        yield f"        {spec.api!r}, {spec.provider_type!r}, {spec.description!r},"
        yield f"        module={spec.module!r}, packages={spec.packages!r}, needs={spec.needs!r},"
        yield f"        packages_no_deps={spec.packages_no_deps!r}, from_index={spec.from_index!r},"
        yield f"        config_class={spec.config_class!r},"
        yield "    ),"
    yield "]"
