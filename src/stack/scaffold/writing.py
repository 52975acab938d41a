"""The files of a new provider: in this repository, or as a package of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import ConfigError
from stack.scaffold.naming import Naming
from stack.scaffold.rows import escaped, with_row
from stack.version import __version__

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

REGISTRY = "src/stack/registry"
CODEGEN = "scripts/distro_codegen.py"
Files = Mapping[str, str]
"""Text by path."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a person says of a provider. address: where its service is; documented: where that is described."""

    description: str
    address: str
    documented: str


def in_tree(root: Path, naming: Naming, told: Told) -> Files:
    """Paths below a repository's root: the module, the list with its row, and the tests. Raises: ConfigError."""
    module = f"stack.providers.{naming.kind}.{naming.api}.{naming.module}"
    filled = _values(naming, told) | {"module": module, "declared_by": ""}
    registry = f"{REGISTRY}/{naming.api}.py"
    test = f"tests/unit/providers/{naming.kind}/{naming.api}/{_test_name(root, naming)}"
    return {
        f"src/{module.replace('.', '/')}.py": _module(naming, filled),
        registry: with_row((root / registry).read_text(encoding="utf-8"), naming.kind, naming.name, told.description),
        test: _fill(f"test_{naming.api}_{naming.kind}.py", filled),
    }


def external(naming: Naming, told: Told) -> Files:
    """Paths below the folder of a package. Raises: ConfigError."""
    package = naming.package_module
    filled = _values(naming, told) | {"module": f"{package}.provider", "declared_by": package}
    return {
        ".gitignore": _fill("gitignore", filled),
        "pyproject.toml": _fill("pyproject.toml", filled),
        "README.md": _fill("README.md", filled),
        "run.yaml": _fill("run.yaml", filled),
        ".github/workflows/check.yml": _fill("check.yml", filled),
        f"src/{package}/__init__.py": _fill("package.py", filled),
        f"src/{package}/provider.py": _module(naming, filled),
        f"tests/test_{naming.module}.py": _fill(f"test_{naming.api}_{naming.kind}.py", filled),
    }


def write(folder: Path, files: Files, *, replace: tuple[str, ...] = ()) -> None:
    """Write files below a folder. Raises: ConfigError, before anything is written, if one is there already.

    replace: those that are there, and are written anew.
    """
    there = [path for path in files if (folder / path).exists() and path not in replace]
    if there:
        raise ConfigError(f"`{folder / there[0]}` exists already: nothing was written")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def tidy(folder: Path, files: Files) -> None:
    """Break lines that long names made too long, where there is ruff to do it."""
    sources = [str(folder / path) for path in files if path.endswith(".py")]
    if find_spec("ruff") is not None:
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--no-cache"]
            subprocess.run([*ruff, *sources], cwd=folder, check=False)  # noqa: S603


def repository(start: Path) -> Path:
    """The root of the repository that holds a folder. Raises: ConfigError."""
    for folder in (start, *start.parents):
        if (folder / REGISTRY).is_dir() and (folder / CODEGEN).is_file():
            return folder
    raise ConfigError(
        f"`{start}` is in no checkout of stack, where a provider in tree would go: say `--external` for a package"
    )


def generate(root: Path) -> None:
    """Write what follows from the rows: pages and distributions. Raises: ConfigError."""
    env = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(root / CODEGEN), "--root", str(root)], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(f"`{CODEGEN}` failed: {done.stderr.strip()[-500:]}")


def _test_name(root: Path, naming: Naming) -> str:
    """A name that no other test file has: pytest wants them unique."""
    name = f"test_{naming.module}.py"
    taken = {path.name for path in (root / "tests").rglob("test_*.py")}
    return name if name not in taken else f"test_{naming.module}_{naming.api}.py"


def _values(naming: Naming, told: Told) -> dict[str, Any]:
    return {"it": naming, **asdict(told), "version": __version__}


def _module(naming: Naming, values: Mapping[str, Any]) -> str:
    """The module that answers. Raises: ConfigError, if its class would be called like something that it uses."""
    text = _fill(f"{naming.api}_{naming.kind}.py", values)
    bound = [
        name
        for node in ast.parse(text).body
        for name in ([each.name for each in node.names] if isinstance(node, ast.ImportFrom) else [_name(node)])
    ]
    if bound.count(naming.class_name) > 1:
        raise ConfigError(
            f"`{naming.name}` would make a class `{naming.class_name}`, which is something else there: choose another"
        )
    return text


def _name(node: ast.stmt) -> str:
    return node.name if isinstance(node, ast.ClassDef) else ""


def _fill(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(f"{template}.jinja").render(values).rstrip("\n") + "\n"


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=PackageLoader("stack.scaffold"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["escaped"] = escaped
    return environment
