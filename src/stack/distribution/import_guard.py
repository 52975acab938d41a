"""Blocks the packages of providers while their modules are imported for `Config`, and remembers who tried one.

A provider's module is imported by every command that shows or checks its settings, so it must import nothing beyond the
base install: what its `packages` bring belongs inside the methods that use it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, TracebackType

from importlib_metadata import PackageNotFoundError, packages_distributions, requires

from stack.errors import ConfigError, StackError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MACHINERY = ("importlib", "_frozen_importlib", __name__)


class ForbiddenImport(ConfigError):
    """A provider module that imports, at module level, a package that the base install does not bring."""

    code = "forbidden_import"

    def __init__(self, provider: str, package: str, chain: Sequence[str]) -> None:
        super().__init__(
            f"`{provider}` imports the package `{package}` when its `Config` is loaded ({' -> '.join(chain)}):"
            " import it inside the method that needs it"
        )


class ImportGuard(MetaPathFinder, Loader):
    """An import hook, as a context manager: within `watch()`, a blocked package cannot be imported and is told on.

    For a process that has not imported any provider yet: what is loaded already is not imported again.
    """

    def __init__(self, packages: Iterable[str]) -> None:
        self._blocked = blocked_modules(packages)
        self._found: list[tuple[str, list[str]]] = []

    def __enter__(self) -> ImportGuard:
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        sys.meta_path.remove(self)

    @contextmanager
    def watch(self, provider: str) -> Iterator[None]:
        """Raises ForbiddenImport for a blocked import inside, even if it was caught there."""
        try:
            yield
        except StackError as error:
            if not self._found:
                raise
            raise self._forbidden(provider) from error
        if self._found:
            raise self._forbidden(provider)

    def block(self, packages: Iterable[str], holder: str) -> None:
        """Block more packages, but for the one that `holder` is in; one that was imported until now is told on as well.

        holder: a module of the provider, whose own package may stand among its packages.
        """
        more = blocked_modules(packages)
        more.pop(holder.partition(".")[0], None)
        self._found += [(package, [holder, module]) for module, package in more.items() if module in sys.modules]
        self._blocked |= more

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        # Finding is allowed, since asking whether a package is there imports nothing; loading is not.
        return ModuleSpec(fullname, self) if fullname in self._blocked else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        package = self._blocked[spec.name]
        self._found.append((package, [*_importers(), spec.name]))
        raise ModuleNotFoundError(f"`{package}` is blocked while settings are loaded", name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Never reached: nothing is created."""

    def _forbidden(self, provider: str) -> ForbiddenImport:
        package, chain = self._found[0]
        self._found.clear()
        return ForbiddenImport(provider, package, chain)


def blocked_modules(packages: Iterable[str]) -> dict[str, str]:
    """Top-level module -> package, for requirements that the base install does not bring with it."""
    base = base_install()
    wanted = {_normal(requirement): _project(requirement) for requirement in packages}
    if not wanted:
        return {}
    beyond = {normal: name for normal, name in wanted.items() if normal not in base}
    blocked = {normal.replace("-", "_"): name for normal, name in beyond.items()}
    for module, owners in packages_distributions().items():
        normals = {_normal(owner) for owner in owners}
        if not normals & base and (named := sorted(normals & beyond.keys())):
            blocked[module] = beyond[named[0]]
    return blocked


def base_install(root: str = "stack") -> set[str]:
    """The normalised names of a package and of all that it requires, without extras."""
    found: set[str] = set()
    queue = [root]
    while queue:
        name = _normal(queue.pop())
        if name in found:
            continue
        found.add(name)
        try:
            declared = requires(name) or ()
        except PackageNotFoundError:
            continue
        queue += [requirement for requirement in declared if "extra ==" not in requirement.partition(";")[2]]
    return found


def _importers() -> list[str]:
    """The modules on the stack, outermost provider module first, as far as they are being imported."""
    chain: list[str] = []
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        name = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_name == "<module>" and not name.startswith(_MACHINERY) and name != "__main__":
            chain.append(name)
    return chain[::-1]


def _project(requirement: str) -> str:
    match = _NAME.match(requirement.strip())
    return match[0] if match else requirement


def _normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", _project(requirement)).lower()
