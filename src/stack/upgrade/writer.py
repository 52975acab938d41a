"""One file of theirs on its way: its tree, the remarks made so far, and values in our language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stack.config.hints import plain_value
from stack.config.report import Position, Report
from stack.config.yaml import Entry, Node, Scalar, Section, Series, compose
from stack.errors import ConfigError
from stack.upgrade import words
from stack.upgrade.placeholders import translated


class Source:
    """Raises: BadConfig, if the text is no YAML; ConfigError, if it is no file of theirs."""

    def __init__(self, text: str, file: str) -> None:
        self.report = Report(file)
        root = compose(text, self.report)
        self.report.check()
        if not isinstance(root, Section) or not {"providers", "distribution_spec"} & root.entries.keys():
            raise ConfigError(f"`{file}` is no run.yaml or config.yaml: it has no `providers`")
        if "distribution_spec" in root.entries:
            raise ConfigError(f"`{file}` is a build.yaml: `stack build --config` takes it; upgrade the run.yaml")
        self.root = root

    def note(self, at: Position, path: str, message: str) -> None:
        """Say what a person should know."""
        self.report.add(at, path, message)

    def value(self, node: Node | None, path: str) -> Any:
        """A part of the file as it is, its placeholders translated."""
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return None
        if isinstance(node, Scalar):
            text, remarks = translated(node.text)
            for remark in remarks:
                self.note(node.at, path, remark)
            return text if node.quoted or "$" in text else plain_value(text)
        if isinstance(node, Series):
            return [self.value(item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        return {key: self.value(entry.node, f"{path}.{key}") for key, entry in node.entries.items()}

    def text(self, node: Node | None, path: str = "") -> str:
        """A scalar as text; empty for all else."""
        if not isinstance(node, Scalar) or node.is_null:
            return ""
        return translated(node.text)[0]

    def section(self, node: Node | None) -> dict[str, Entry]:
        """The entries of a mapping; none for all else."""
        return node.entries if isinstance(node, Section) else {}

    def sections(self, node: Node | None, path: str) -> Iterator[tuple[Section, str]]:
        """The mappings of a list, each with its path."""
        for index, item in enumerate(node.items if isinstance(node, Series) else ()):
            if isinstance(item, Section):
                yield item, f"{path}[{index}]"

    def kept(
        self, node: Node | None, path: str, known: Mapping[str, Any], reasons: Mapping[str, str]
    ) -> dict[str, Any]:
        """The keys of a mapping that we know as well; the others are told, with the reason."""
        found: dict[str, Any] = {}
        for key, entry in self.section(node).items():
            if key in known:
                found[key] = self.value(entry.node, f"{path}.{key}")
            else:
                self.dropped(entry, f"{path}.{key}", reasons.get(key, words.NOTHING))
        return found

    def dropped(self, entry: Entry, path: str, reason: str) -> None:
        """Say that a key has no counterpart, unless nothing is written there."""
        if not (isinstance(entry.node, Series) and not entry.node.items) and self.value(entry.node, path) is not None:
            self.note(entry.key_at, path, f"left out: {reason}")
