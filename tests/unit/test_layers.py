"""Imports point one way: every module of the package is read, none is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from stack.registry.spec import API_NAMES

SOURCE = Path(__file__).parents[2] / "src/stack"
# From below; a part may import the lines under its own. Parts of one line do not know each other.
ORDER = (
    "error_codes importing installing version",
    "errors",
    "logs",
    "apis storage",
    "registry",
    "config routing venv",
    "distribution",
    "services build scaffold upgrade",
    "runtime",
    "server console doctor",
    "client",
    "cli",
)
ALLOWED = {
    **{part: set(" ".join(ORDER[:line]).split()) for line, parts in enumerate(ORDER) for part in parts.split()},
    "formats": {"apis", "errors"},
    "providers": {"apis", "errors", "formats", "importing", "installing", "logs", "registry", "storage", "version"},
    "__init__": {"client", "errors", "version"},
    "__main__": {"cli"},
}
ALLOWED["cli"].add("testing")
WEB = {"fastapi", "starlette", "uvicorn"}
MODULES = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.py"))
PROVIDER_FOLDERS = tuple(f"providers/{kind}/{api}/" for kind in ("inline", "remote") for api in API_NAMES)


@cache
def imported(module: str) -> frozenset[str]:
    """Dotted names that a module imports, at its top, in a function, or for its types only."""
    tree = ast.parse((SOURCE / f"{module}.py").read_text(encoding="utf-8"))
    return frozenset(name for node in ast.walk(tree) for name in names_of(node))


def names_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute, so that they can be read"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str) -> str:
    return module.split("/")[0]


def own_parts(module: str) -> set[str]:
    """The parts of this package that a module imports, its own left out."""
    return {name.split(".")[1] for name in imported(module) if name.startswith("stack.")} - {part_of(module)}


def is_inside(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) != "testing"])
def test_a_module_imports_only_what_lies_below(module: str) -> None:
    above = own_parts(module) - ALLOWED[part_of(module)]
    assert not above, f"`{module}` imports `{above}`: move the code"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith(PROVIDER_FOLDERS)])
def test_a_provider_imports_no_other_provider(module: str) -> None:
    itself = "stack." + module.removesuffix("/__init__").replace("/", ".")
    folders = [f"stack.{folder[:-1].replace('/', '.')}" for folder in PROVIDER_FOLDERS]
    others = [n for n in imported(module) if not is_inside(n, itself) and any(is_inside(n, f) for f in folders)]
    assert not others


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("providers/")])
def test_remote_and_inline_providers_do_not_know_each_other(module: str) -> None:
    other = {"inline": "stack.providers.remote", "remote": "stack.providers.inline"}.get(Path(module).parts[1])
    assert not [name for name in imported(module) if other and is_inside(name, other)]


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) not in ("server", "console", "testing")])
def test_only_the_server_knows_the_web_framework(module: str) -> None:
    assert not {name.split(".")[0] for name in imported(module)} & WEB


def test_every_part_has_its_place() -> None:
    assert {part_of(module) for module in MODULES} - {"testing"} <= ALLOWED.keys()
