"""Whether build.yaml and run.yaml name the same providers: what is installed, and what is started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stack.config.report import Position, Report
from stack.config.source import Source
from stack.config.yaml import Scalar, Section, Series, read_text
from stack.errors import Problem

Providers = dict[tuple[str, str], Position]


def drift(build_yaml: Path, run_text: str, run_yaml: Path | str) -> list[str]:
    """One line for each provider that is in one of the two files and not in the other, switched off or not.

    Raises: BadConfig for a file that is no configuration at all.
    """
    built = _listed(_spec(Source(read_text(build_yaml, Report(str(build_yaml))), str(build_yaml), {}).root))
    run = _listed(Source(run_text, str(run_yaml), {}).root)
    return [
        *_missing(built, run, build_yaml, run_yaml, "it is installed and never started"),
        *_missing(run, built, run_yaml, build_yaml, "it is started and was never installed"),
    ]


def _missing(present: Providers, absent: Providers, here: Path | str, there: Path | str, what: str) -> Iterator[str]:
    for (api, provider_type), at in present.items():
        if (api, provider_type) not in absent:
            message = f"`{provider_type}` is here and not in `{there}`: {what}; add it there, or remove it here"
            yield str(Problem(str(here), at.line, at.column, f"providers.{api}", message))


def _spec(root: Section) -> Section | None:
    found = root.get("distribution_spec")
    return found if isinstance(found, Section) else None


def _listed(holder: Section | None) -> Providers:
    """Where each provider type of each API stands first."""
    providers = holder.get("providers") if holder else None
    found: Providers = {}
    for api, entry in providers.entries.items() if isinstance(providers, Section) else ():
        for item in entry.node.items if isinstance(entry.node, Series) else ():
            word = item.get("provider_type") if isinstance(item, Section) else None
            if isinstance(word, Scalar):
                found.setdefault((api, word.text), word.at)
    return found
