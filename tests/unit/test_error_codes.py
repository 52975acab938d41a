"""Every code that an error can have stands in the table of codes, with the status it really has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stack
from stack import errors
from stack.error_codes import GROUPS, ErrorCode
from stack.errors import ConfigError, StackError, UpstreamError

ROWS: list[ErrorCode] = [row for codes in GROUPS.values() for row in codes]
_ALL = Path(stack.__path__[0]).rglob("*.py")
SOURCE = [path for path in _ALL if "testing" not in path.parts or path.name == "play.py"]


def said_in_source() -> Iterator[str]:
    """The texts that source gives as `code`: as argument, attribute, dict value, or one of two."""
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from texts(node.value)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if ast.unparse(target) in ("code", "self.code") or "codes" in ast.unparse(target):
                    yield from texts(node.value)


def texts(node: ast.AST) -> Iterator[str]:
    parts = node.values if isinstance(node, ast.Dict) else [node]
    for part in parts:
        branches = [part.body, part.orelse] if isinstance(part, ast.IfExp) else [part]
        yield from (b.value for b in branches if isinstance(b, ast.Constant) and isinstance(b.value, str))


def test_every_code_of_the_source_is_explained():
    listed = {row.code for row in ROWS}
    said = set(said_in_source())
    assert len(said) > 35
    assert said - listed == set()


def test_every_explained_code_is_in_the_source():
    words = {text for path in SOURCE if path.name != "error_codes.py" for text in strings(path)}
    assert {row.code for row in ROWS} - words == set()


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_each_code_stands_once():
    codes = [row.code for row in ROWS]
    assert sorted(set(codes)) == sorted(codes)


CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, StackError)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_class_has_its_status_in_the_table(cls: type[StackError]):
    row = next(row for row in ROWS if row.code == cls.code)
    if issubclass(cls, ConfigError):
        assert row.status is None
    elif not (issubclass(cls, UpstreamError) and cls.code == "upstream_error"):
        assert row.status == cls.status
