"""Putting one more row into a registry list, in its place, without touching the others."""

from __future__ import annotations

import ast

from stack.errors import ConfigError

INDENT = "    "


def with_row(source: str, kind: str, name: str, description: str) -> str:
    """The source of a registry module with a row for a provider, sorted by type. Raises: ConfigError."""
    tree = ast.parse(source)
    rows = next(
        (node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and _is_list(node)), None
    )
    if not isinstance(rows, ast.Tuple):
        raise ConfigError("the registry module holds no tuple `PROVIDERS` that a row could go into")
    written = [(_type_of(row), ast.get_source_segment(source, row) or "") for row in rows.elts]
    written.append((f"{kind}::{name}", f"{kind}({_text(name)}, {_text(description)})"))
    written.sort(key=lambda row: row[0])
    body = "".join(f"{INDENT}{text},\n" for _, text in written)
    lines = source.splitlines(keepends=True)
    start, end = _offset(lines, rows.lineno, rows.col_offset), _offset(lines, rows.end_lineno, rows.end_col_offset)
    return _importing(source[:start], kind) + f"(\n{body})" + source[end:]


def _is_list(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(target, ast.Name) and target.id == "PROVIDERS" for target in targets)


def _type_of(row: ast.expr) -> str:
    match row:
        case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=str(name)), *_]):
            return f"{kind}::{name}"
    raise ConfigError(
        f"a row of the registry is written otherwise than `remote(...)` or `inline(...)`: line {row.lineno}"
    )


def _importing(head: str, name: str) -> str:
    """The text above the list, which imports `remote` or `inline` as well."""
    start = head.index("from stack.registry.spec import ")
    line = head[start:].partition("\n")[0]
    names = {each.strip() for each in line.partition(" import ")[2].split(",")} | {name}
    return head.replace(line, f"from stack.registry.spec import {', '.join(sorted(names))}", 1)


def _offset(lines: list[str], line: int | None, column: int | None) -> int:
    assert line is not None
    assert column is not None
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _text(value: str) -> str:
    return f'"{escaped(value)}"'


def escaped(value: str) -> str:
    """Text of one line as it stands between double quotes, three of them too, in Python and in TOML."""
    return value.replace("\\", "\\\\").replace('"', '\\"')
