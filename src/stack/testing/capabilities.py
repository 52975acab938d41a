"""The page of what a provider does and does not: the same bytes for the same findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stack.registry.spec import ProviderSpec
from stack.testing.outcomes import Outcome

FOLDER = Path("docs/providers/capabilities")


def page_path(spec: ProviderSpec) -> Path:
    """Where the page of a provider stands in a repository."""
    return FOLDER / f"{spec.api}_{spec.kind}_{spec.name}.md"


def page(spec: ProviderSpec, how: str, outcomes: Sequence[Outcome]) -> str:
    """Markdown. how: what the provider stood in front of."""
    lines = [f"# What `{spec.provider_type}` does", "", "<!-- Written by `stack provider check`; do not edit. -->", ""]
    lines += [f"{spec.description} Examined {how}: {summary(outcomes)}.", ""]
    lines += ["| check | result | remark |", "|---|---|---|"]
    lines += [f"| {_cell(each.title)} | {each.status} | {_cell(each.note)} |" for each in outcomes]
    return "\n".join(lines) + "\n"


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many of each status."""
    counts = Counter(each.status for each in outcomes)
    parts = [f"{counts['pass']} passed", f"{counts['fail']} failed", f"{counts['not supported']} not supported"]
    return ", ".join(parts + ([f"{counts['not tried']} not tried"] if counts["not tried"] else []))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")[:300]
