"""Which variables the providers of a run.yaml mention: those that switch each on, and those that its settings read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stack.config.placeholders import parse, variables
from stack.config.source import Source
from stack.config.yaml import Node, Scalar, Section, Series


@dataclass(frozen=True, slots=True)
class EntryVariables:
    """One entry of `providers`; an empty `provider_id` means that it is off.

    switches: the variables of its `provider_id`. settings: those of each setting, by the setting's name; not looked at
    where the entry is off.
    """

    api: str
    provider_id: str
    provider_type: str
    switches: tuple[str, ...]
    settings: Mapping[str, tuple[str, ...]]


def entry_variables(text: str, file: str, environ: Mapping[str, str]) -> Iterator[EntryVariables]:
    """The entries of a run.yaml that has no problems, in its order."""
    source = Source(text, file, environ)
    providers = source.root.get("providers")
    for api, listed in providers.entries.items() if isinstance(providers, Section) else ():
        for section, _ in source.sections(listed.node, ""):
            node, kind = section.get("provider_id"), source.word(section.get("provider_type"))
            if word := source.word(node):
                provider_id = "" if word.is_off else word.text
                settings = _settings(section.get("config")) if provider_id else {}
                yield EntryVariables(api, provider_id, kind.text if kind else "", _unique(node), settings)


def _settings(config: Node | None) -> dict[str, tuple[str, ...]]:
    entries = config.entries if isinstance(config, Section) else {}
    return {name: found for name, entry in entries.items() if (found := _unique(entry.node))}


def _unique(node: Node | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_mentioned(node)))


def _mentioned(node: Node | None) -> Iterator[str]:
    if isinstance(node, Scalar):
        yield from variables(parse(node.text))
    elif isinstance(node, Series):
        for item in node.items:
            yield from _mentioned(item)
    elif isinstance(node, Section):
        for entry in node.entries.values():
            yield from _mentioned(entry.node)
