"""Weak Python, found in its syntax tree; what does not parse as a whole is read statement by statement."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Iterator

from stack.providers.inline.code_scanner.python_calls import (
    CALLS,
    FETCHES,
    SECRET_NAME,
    built_sql,
    is_value,
    mentions,
    names_secret,
)
from stack.providers.inline.code_scanner.weaknesses import Weakness

_LONGEST = 30_000  # parsed at once, since the parser lets nobody else in meanwhile
_LINES_OF_A_STATEMENT = 20
_PROMPT = re.compile(r"^(?:>>>|\.\.\.) ?")
_PLACEHOLDER = re.compile(
    r"^[<{$\[(*]|your|example|change|xxx|\.\.\.|placeholder|dummy|todo|redacted|enter ", re.IGNORECASE
)
_HASHES = frozenset({"hashlib.md5", "hashlib.sha1", "hashlib.sha256", "hashlib.sha224", "hashlib.sha512"})
_RANDOM = frozenset({"choice", "choices", "randint", "random", "randrange", "sample", "getrandbits"})
# The parser warns of odd literals by a setting of the whole process.
_quiet = threading.Lock()


def python_weaknesses(code: str) -> Iterator[Weakness]:
    """What is weak in a block of Python, or in those statements of it that parse."""
    tree = _parsed(code) if len(code) <= _LONGEST else None
    if tree is not None:
        yield from _Reader(code, tree).weaknesses()
        return
    for start, statement in _statements(code):
        tree = _parsed(statement)
        if tree is not None:
            for found in _Reader(statement, tree).weaknesses():
                yield Weakness(found.name, found.start + start, found.end + start)


def _parsed(code: str) -> ast.Module | None:
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def _statements(code: str) -> Iterator[tuple[int, str]]:
    """Statements by themselves, each with its place: lines, joined while brackets are open."""
    lines = [_PROMPT.sub(lambda found: " " * len(found[0]), line) for line in code.splitlines(keepends=True)]
    at = index = 0
    while index < len(lines):
        bare = lines[index].lstrip()
        count, statement = 1, bare
        while _open(statement) and count < _LINES_OF_A_STATEMENT and index + count < len(lines):
            statement += lines[index + count]
            count += 1
        if _open(statement):
            count, statement = 1, bare
        if "(" in statement or "=" in statement:
            yield at + len(lines[index]) - len(bare), _complete(statement)
        at += sum(map(len, lines[index : index + count]))
        index += count


def _open(statement: str) -> bool:
    return sum(map(statement.count, "([{")) > sum(map(statement.count, ")]}"))


def _complete(statement: str) -> str:
    """A statement that parses by itself: a body behind a colon, a `try` before `except` is not asked for."""
    bare = statement.rstrip()
    return f"{bare} pass" if bare.endswith(":") else bare


class _Reader:
    """One tree, with the names that its imports give."""

    def __init__(self, code: str, tree: ast.Module) -> None:
        self._tree = tree
        self._lines = code.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._names = dict(_imported(tree))
        self._sql = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and built_sql(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def weaknesses(self) -> Iterator[Weakness]:
        for node in ast.walk(self._tree):
            name = ""
            if isinstance(node, ast.Call):
                name = self._call(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                name = self._assignment(node)
            elif isinstance(node, ast.keyword) and node.arg and _credential(node.arg, node.value):
                name = "hard_coded_credential"
            if name and isinstance(node, ast.stmt | ast.expr | ast.keyword):
                yield Weakness(name, self._place(node.lineno, node.col_offset), self._end(node))

    def _call(self, call: ast.Call) -> str:
        full = self._full_name(call.func)
        for name in (full, f".{call.func.attr}" if isinstance(call.func, ast.Attribute) else ""):
            for rule in (CALLS.get(name), FETCHES.get(name)):
                if rule is not None and rule[1](call):
                    return rule[0]
        if full in _HASHES and any(names_secret(each) and not mentions(each, "token") for each in call.args):
            return "weak_password_hash"
        executes = isinstance(call.func, ast.Attribute) and call.func.attr.startswith("execute")
        if executes and call.args and isinstance(call.args[0], ast.Name) and call.args[0].id in self._sql:
            return "sql_injection"
        return ""

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> str:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is None:
            return ""
        if any(
            isinstance(target, ast.Name | ast.Attribute) and _credential(_named(target), node.value)
            for target in targets
        ):
            return "hard_coded_credential"
        if any(isinstance(target, ast.Attribute) and self._unverified(target, node.value) for target in targets):
            return "no_tls_verification"
        calls = [self._full_name(each.func) for each in ast.walk(node.value) if isinstance(each, ast.Call)]
        weak = any(name.startswith("random.") and name.removeprefix("random.") in _RANDOM for name in calls)
        return "predictable_secret" if weak and any(names_secret(target) for target in targets) else ""

    def _unverified(self, target: ast.Attribute, value: ast.expr) -> bool:
        if target.attr == "verify_mode":
            return self._full_name(value).endswith("CERT_NONE")
        return target.attr in ("check_hostname", "verify") and is_value(value, False)

    def _full_name(self, node: ast.expr) -> str:
        """`sp.run` as `subprocess.run` where `sp` was imported as that; empty for what has no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self._names.get(node.id, node.id), *reversed(parts)])

    def _place(self, line: int, column: int) -> int:
        """A place in characters; the tree counts bytes of UTF-8."""
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return self._starts[line - 1] + len(text.encode(errors="surrogatepass")[:column].decode(errors="ignore"))

    def _end(self, node: ast.stmt | ast.expr | ast.keyword) -> int:
        return self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname, each.name) for each in node.names if each.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _named(target: ast.Name | ast.Attribute) -> str:
    return target.id if isinstance(target, ast.Name) else target.attr


def _credential(name: str, value: ast.expr) -> bool:
    """Whether a name that speaks of a secret is given a text that is no placeholder."""
    if not (isinstance(value, ast.Constant) and isinstance(value.value, str) and SECRET_NAME.search(name)):
        return False
    text = value.value
    plain = not re.search(r"[\s/]", text) and not _PLACEHOLDER.search(text) and SECRET_NAME.fullmatch(text) is None
    return (
        plain
        and len(text) >= 6
        and not name.lower().endswith(("url", "name", "field", "header", "type", "path", "env"))
    )
