"""`stack provider new` as a newcomer uses it: what it writes passes at once, offline, in tree and out of it."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from stack.registry.spec import API_NAMES

ROOT = Path(__file__).parents[3]
KINDS = ("inline", "remote")


def stack(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=600
    )


def green(folder: Path, *arguments: str, **env: str) -> str:
    """What pytest says of the tests of a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout.splitlines()[-1]


def ruff(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each API and kind, `stack-provider-acme-KIND-API`."""
    folder = tmp_path_factory.mktemp("packages")
    for api, kind in product(API_NAMES, KINDS):
        done = stack(folder, "provider", "new", f"acme-{kind}-{word(api)}", "--api", api, "--kind", kind, "--external")
        assert done.returncode == 0, done.stderr
    return folder


def word(api: str) -> str:
    return api.replace("_", "")


@pytest.mark.parametrize(("api", "kind"), list(product(API_NAMES, KINDS)))
def test_a_package_of_each_kind_passes_at_once(packages: Path, api: str, kind: str):
    assert " passed" in green(packages / f"stack-provider-acme-{kind}-{word(api)}")


@pytest.mark.parametrize(("api", "kind"), list(product(API_NAMES, KINDS)))
def test_the_run_yaml_of_a_package_reads_every_variable_of_its_provider(packages: Path, api: str, kind: str):
    package = packages / f"stack-provider-acme-{kind}-{word(api)}"
    variables = re.findall(r'env\("(\w+)"', "".join(path.read_text() for path in package.glob("src/*/provider.py")))
    text = (package / "run.yaml").read_text()
    assert (len(variables), [name for name in variables if f"${{env.{name}:=" not in text]) == (
        2 * (kind == "remote"),
        [],
    )
    served = text.replace(
        f"{kind}::acme-{kind}-{word(api)}\n", f"{kind}::acme-{kind}-{word(api)}\n    module: {package_of(package)}\n"
    )
    (package / "served.yaml").write_text(served)
    done = stack(package, "check", "served.yaml", PYTHONPATH=str(package / "src"))
    assert (done.returncode, "1 on, 0 failed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("api", API_NAMES)
def test_the_command_of_the_readme_examines_the_package(packages: Path, api: str):
    package = packages / f"stack-provider-acme-inline-{word(api)}"
    (line,) = re.findall(r"^stack (provider check .*) --page", (package / "README.md").read_text(), re.MULTILINE)
    command = shlex.split(line.replace(package.name, package_of(package)))
    done = stack(package, *command, PYTHONPATH=str(package / "src"))
    assert (done.returncode, " 0 failed" in done.stdout) == (0, True), done.stdout + done.stderr


def package_of(folder: Path) -> str:
    return folder.name.replace("-", "_")


def test_all_of_them_are_in_the_style_of_the_house(packages: Path):
    ruff(packages, "check")
    ruff(packages, "format", "--check")
    sources = [str(path) for path in sorted(packages.glob("*/src"))]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *sources],
        cwd=packages,
        env={**os.environ, "MYPYPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_package_of_a_vendor_holds_what_a_package_needs(tmp_path: Path):
    stack(tmp_path, "provider", "new", "acme", "--external", "--base-url", "https://api.acme.test/v1")
    package = tmp_path / "stack-provider-acme"
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert files == {
        *("pyproject.toml", "README.md", "run.yaml", ".gitignore", ".github/workflows/check.yml", "tests/test_acme.py"),
        *("src/stack_provider_acme/__init__.py", "src/stack_provider_acme/provider.py"),
    }
    provider = (package / "src/stack_provider_acme/provider.py").read_text()
    code = [line for line in provider.splitlines() if line.strip()]
    (vendor,) = (node for node in ast.parse(provider).body if isinstance(node, ast.ClassDef) and node.name == "Acme")
    assert len(code) <= 15, "the whole module"
    assert vendor.end_lineno is not None
    assert vendor.end_lineno - vendor.lineno + 1 <= 15
    assert '"https://api.acme.test/v1"' in provider


def test_long_names_are_written_in_the_style_of_the_house(tmp_path: Path):
    name = "a-name-that-is-as-long-as-may-be"
    stack(tmp_path, "provider", "new", name, "--api", "vector_io", "--external")
    package = tmp_path / f"stack-provider-{name}"
    ruff(package, "check")
    ruff(package, "format", "--check")


def test_a_provider_in_tree_is_listed_documented_and_green(checkout: Path):
    env = {"PYTHONPATH": str(checkout / "src")}
    for name, api, kind in (("acme", "inference", "remote"), ("acme-words", "safety", "inline")):
        done = stack(checkout, "provider", "new", name, "--api", api, "--kind", kind, **env)
        assert done.returncode == 0, done.stderr
    assert "remote::acme " in stack(checkout, "list-providers", "inference", **env).stdout
    assert (checkout / "docs/providers/inference/remote_acme.md").is_file()
    assert "ACME_API_KEY" in (checkout / "distributions/starter/run.yaml").read_text()
    assert " passed" in green(checkout, "tests/unit/providers/remote/inference/test_acme.py", **env)
    assert " passed" in green(checkout, "tests/unit/providers/inline/safety/test_acme_words.py", **env)
    ruff(checkout / "tests", "format", "--check")
    ruff(checkout / "src/stack/registry", "format", "--check")
    again = stack(checkout, "provider", "new", "acme", **env)
    assert (again.returncode, "`acme` is taken" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("--base-url", "api.acme.test"), "write the whole address"),
        (("--base-url", 'https://x/"+evil'), "write the whole address"),
        (("--kind", "inline", "--base-url", "https://api.acme.test"), "which an inline provider has not"),
    ],
)
def test_an_address_that_is_none_or_not_wanted_is_refused(tmp_path: Path, said: tuple[str, ...], told: str):
    done = stack(tmp_path, "provider", "new", "acme", "--external", *said)
    assert (done.returncode, told in done.stderr, list(tmp_path.iterdir())) == (2, True, [])


def test_nothing_is_overwritten(tmp_path: Path):
    assert stack(tmp_path, "provider", "new", "acme", "--external").returncode == 0
    again = stack(tmp_path, "provider", "new", "acme", "--external")
    assert (again.returncode, "exists already: nothing was written" in again.stderr) == (2, True)


def test_outside_of_a_checkout_the_way_to_a_package_is_told(tmp_path: Path):
    done = stack(tmp_path, "provider", "new", "acme")
    assert (done.returncode, "say `--external` for a package" in done.stderr) == (2, True)


def test_from_nothing_to_a_provider_that_is_served(capsys: pytest.CaptureFixture[str]):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/new_provider.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    assert "in all, for acme/played-chat" in done.stdout
