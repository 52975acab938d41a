"""The catalogue of providers in Markdown: an index and one page each, from registry rows and `Config` classes."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import Any

from stack.distribution.entries import switch_variable
from stack.distribution.fields import FieldRow, field_rows
from stack.distribution.pages import fill
from stack.registry.capabilities import VECTOR_IO
from stack.registry.discovery import load_config_class, specs
from stack.registry.spec import ProviderConfig, ProviderSpec

_URL = re.compile(r"https?://[^\s<>()\[\]`]+")


@dataclass(frozen=True, slots=True)
class ProviderPage:
    """What the page of one provider shows; `docs` is the first address in the docstring of its module."""

    spec: ProviderSpec
    path: str
    docs: str | None
    switch: str | None
    fields: list[FieldRow]
    sample: dict[str, Any]


def render_provider_pages(header: str) -> dict[str, str]:
    """Relative path -> text, for our own rows: `index.md`, `vector_io/index.md` and `<api>/<kind>_<name>.md`."""
    pages = [_page(spec) for spec in specs() if spec.origin == "stack"]
    files = {page.path: fill("provider.md", page=page, header=header) for page in pages}
    files["index.md"] = fill("provider_index.md", pages=pages, header=header)
    compared = [(page.spec, VECTOR_IO[page.spec.provider_type]) for page in pages if page.spec.api == "vector_io"]
    files["vector_io/index.md"] = fill("vector_io_index.md", found=compared, header=header)
    return files


def _page(spec: ProviderSpec) -> ProviderPage:
    config = load_config_class(spec)
    link = _URL.search(importlib.import_module(spec.module).__doc__ or "")
    return ProviderPage(
        spec=spec,
        path=f"{spec.api}/{spec.kind}_{spec.name}.md",
        docs=link[0].rstrip(".,;:") if link else None,
        switch=switch_variable(spec, config) if spec.kind == "remote" else None,
        fields=list(field_rows(config)),
        sample=config.sample_run_config() if issubclass(config, ProviderConfig) else {},
    )
