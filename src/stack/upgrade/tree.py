"""A YAML file as plain values: for files that are read, not upgraded."""

from __future__ import annotations

from typing import Any

from stack.config.hints import plain_value
from stack.config.report import Position, Report
from stack.config.yaml import Node, Scalar, Section, Series, compose


def plain_tree(text: str, report: Report) -> dict[str, Any]:
    """Raises: BadConfig, unless it is a mapping."""
    root = compose(text, report)
    if not isinstance(root, Section):
        report.fail(Position(1, 1), "must be a mapping")
    report.check()
    return {key: _plain(entry.node) for key, entry in root.entries.items()}


def _plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return None if node.is_null else node.text if node.quoted else plain_value(node.text)
    if isinstance(node, Series):
        return [_plain(item) for item in node.items]
    return {key: _plain(entry.node) for key, entry in node.entries.items()}
