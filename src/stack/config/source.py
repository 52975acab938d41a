"""One configuration file being read: its tree, the environment and the report, and the questions asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stack.config.placeholders import BadPlaceholder
from stack.config.report import Position, Report, shown
from stack.config.typed import ModelT, expand_scalar, read
from stack.config.yaml import Node, Scalar, Section, Series, compose
from stack.errors import ConfigError, UnknownProvider, nearest, quoted
from stack.registry.discovery import find_spec
from stack.registry.spec import API_NAMES, ProviderSpec


class Word(NamedTuple):
    """A scalar that decides something; `said` names it in messages: by its source, if the environment has the text."""

    text: str
    said: str
    at: Position

    @property
    def is_off(self) -> bool:
        return self.text in ("", "__disabled__")


class Source:
    """Raises: BadConfig, if the text holds no mapping to begin with."""

    def __init__(self, text: str, file: str, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.report = Report(file)
        root = compose(text, self.report)
        if not isinstance(root, Section):
            where = root.at if root else Position(1, 1)
            self.report.fail(where, "must be a mapping: `version: 2`, `providers:` and so on, each at the line's start")
        self.root = root

    def read(self, model: type[ModelT], node: Section, path: str) -> ModelT | None:
        return read(model, node, path, self.environ, self.report)

    def word(self, node: Node | None) -> Word | None:
        """The expanded text; None where `read` has said, or will say, what is wrong with it."""
        if not isinstance(node, Scalar) or node.is_null:
            return None
        try:
            found = expand_scalar(node, self.environ)
        except BadPlaceholder:
            return None
        said = found.text if found.text in node.text else node.text
        return None if found.missing else Word(found.text, shown(said), node.at)

    def sections(self, node: Node | None, path: str) -> Iterator[tuple[Section, str]]:
        """The sections of a series, each with its path."""
        for index, item in enumerate(node.items if isinstance(node, Series) else ()):
            if isinstance(item, Section):
                yield item, f"{path}[{index}]"

    def check_api(self, api: str, said: str, at: Position, path: str) -> bool:
        """Whether there is such an API; if not, it is in the report."""
        if api not in API_NAMES:
            self.report.add(
                at, path, f"unknown API `{said}`: this version has {quoted(nearest(api, API_NAMES) or API_NAMES)}"
            )
        return api in API_NAMES

    def find(self, api: str, wanted: Word, module: Word | None, path: str) -> ProviderSpec | ConfigError | None:
        """The spec of a provider type; an error if its package cannot be used; None, and reported, if it is unknown."""
        try:
            return find_spec(api, wanted.text, module.text or None if module else None)
        except UnknownProvider as error:
            message = error.message.replace(wanted.text, wanted.said)
            self.report.add(wanted.at, f"{path}.provider_type", message)
            return None
        except ConfigError as error:
            return error
