"""What a start costs before anything is served: import time, `stack --help`, modules, installed size.

Usage: python benchmarks/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPEATS = 7
BUDGETS = {"import_ms": 60, "help_ms": 200, "packages": 55, "size_mb": 90}
COMMANDS = {"python": ["-c", "pass"], "import": ["-c", "import stack"], "help": ["-m", "stack", "--help"]}
NOT_COUNTED = {"pip", "setuptools"}


def run_ms(arguments: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"`python {' '.join(arguments)}` failed: {done.stderr.decode(errors='replace')[-1000:]}")
    return took * 1e3


def start_times() -> dict[str, float]:
    """Median milliseconds of each command beyond those of an empty interpreter, taken in turns."""
    for arguments in COMMANDS.values():
        run_ms(arguments)  # bytecode and disk caches
    rounds = [{name: run_ms(arguments) for name, arguments in COMMANDS.items()} for _ in range(REPEATS)]
    times = {name: median(once[name] for once in rounds) for name in COMMANDS}
    return {name: times[name] - times["python"] for name in ("import", "help")} | {"python": times["python"]}


def modules_loaded(statement: str) -> int:
    code = f"import sys; before = len(sys.modules); {statement}; print(len(sys.modules) - before)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def installed_closure(root: str) -> dict[str, Distribution]:
    """`root` and everything that its requirements without extras bring in, by canonical name."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(root)]
    visited: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in visited:
            continue
        visited.add(str(requirement))
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            raise SystemExit(f"`{requirement.name}` is required but not installed: install the project first") from None
        found[canonicalize_name(requirement.name)] = package
        waiting += [each for text in package.requires or [] if applies(each := Requirement(text), requirement.extras)]
    return {name: package for name, package in found.items() if name not in NOT_COUNTED}


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""})


def package_bytes(package: Distribution) -> int:
    paths = {Path(os.path.realpath(str(package.locate_file(file)))) for file in package.files or []}
    return sum(path.stat().st_size for path in paths if path.is_file() and "__pycache__" not in path.parts)


def own_bytes() -> int:
    """The package's own files when the install is editable and its record does not list them."""
    spec = find_spec("stack")
    listed = {Path(str(package_file)).name for package_file in distribution("stack").files or []}
    if spec is None or spec.submodule_search_locations is None or "version.py" in listed:
        return 0
    files = (path for root in spec.submodule_search_locations for path in Path(root).rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if "__pycache__" not in path.parts)


def verdict(budget: str, value: float, label: str, unit: str) -> str:
    limit = BUDGETS[budget]
    return f"{label:44}{value:8.1f} {unit:9} budget {limit:>4}: {'met' if value <= limit else 'NOT met'}"


def main() -> None:
    times = start_times()
    packages = installed_closure("stack")
    size_mb = (sum(map(package_bytes, packages.values())) + own_bytes()) / 1e6
    print(f"{'python -c pass':44}{times['python']:8.1f} ms")
    print(verdict("import_ms", times["import"], "import stack, beyond that", "ms"))
    print(verdict("help_ms", times["help"], "stack --help, beyond that", "ms"))
    print(f"{'modules loaded by import stack':44}{modules_loaded('import stack'):8}")
    print(f"{'modules loaded by the command line':44}{modules_loaded('import stack.cli'):8}")
    print(verdict("packages", len(packages), "packages of the base install, itself included", "packages"))
    print(verdict("size_mb", size_mb, "their files, without __pycache__", "MB"))


if __name__ == "__main__":
    main()
