"""The script that writes what is derived, run as a script on repositories of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "distro_codegen.py"
TEMPLATE = "description: One.\nproviders: {inference: [remote::groq]}\n"

SPEC = """
from stack.registry.spec import ProviderSpec
PACKAGES = ("heavy-trap>=1", "trap-stack==1.0")
SPEC = ProviderSpec("inference", "remote::trap", "A trap.", module="trap_stack.impl", packages=PACKAGES)
"""
CONFIG = """
from stack.registry.spec import ProviderConfig
import trap_stack.deep
class Config(ProviderConfig):
    pass
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path, {"distributions/one/template.yaml": TEMPLATE})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def codegen(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The script in a fresh interpreter, with the packages in `root/packages` installed."""
    environment = {**os.environ, "PYTHONPATH": str(root / "packages")}
    command = [sys.executable, str(SCRIPT), "--root", str(root), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def install(root: Path, deep: str, *, entry_point: bool, declaring: str = SPEC, config: str = CONFIG) -> None:
    """A provider package and the heavy one that it names, as pip would leave them, and a distribution of it."""
    files = {
        "trap_stack/__init__.py": declaring,
        "trap_stack/impl.py": config,
        "trap_stack/deep.py": deep,
        "trap_stack-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: trap-stack\nVersion: 1.0\nSummary: A.\n",
        "trap_stack-1.0.dist-info/RECORD": "trap_stack/__init__.py,,\n",
        "heavytrap_core/__init__.py": "",
        "heavy_trap-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: Heavy.Trap\nVersion: 1.0\n",
        "heavy_trap-1.0.dist-info/RECORD": "heavytrap_core/__init__.py,,\n",
    }
    if entry_point:
        points = "[stack.providers.inference]\nremote::trap = trap_stack:SPEC\n"
        files["trap_stack-1.0.dist-info/entry_points.txt"] = points
    choice = "remote::trap" if entry_point else "{provider_type: remote::trap, module: trap_stack}"
    write(root / "packages", files)
    write(root, {"distributions/one/template.yaml": f"description: One.\nproviders: {{inference: [{choice}]}}\n"})


def test_what_was_written_does_not_differ(repository):
    assert codegen(repository).returncode == 0
    checked = codegen(repository, "--check")
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_writing_names_what_changed_and_nothing_the_second_time(repository):
    names = codegen(repository).stdout.splitlines()
    assert {"distributions/one/run.yaml", "docs/providers/index.md", "docs/providers/inference/remote_groq.md"} <= set(
        names
    )
    assert codegen(repository).stdout == ""


def test_drift_is_shown_as_a_diff_and_left_alone(repository):
    codegen(repository)
    path = repository / "distributions/one/run.yaml"
    path.write_text(path.read_text().replace("groq\n", "grok\n", 1))
    checked = codegen(repository, "--check")
    assert checked.returncode == 1
    assert "--- a/distributions/one/run.yaml\n+++ b/distributions/one/run.yaml\n" in checked.stdout
    assert "-  - provider_id: grok\n+  - provider_id: groq\n" in checked.stdout
    assert "1 differ" in checked.stderr
    assert "grok" in path.read_text()


def test_a_missing_file_is_drift(repository):
    codegen(repository)
    (repository / "docs/providers/inference/remote_groq.md").unlink()
    checked = codegen(repository, "--check")
    assert checked.returncode == 1
    assert "--- /dev/null\n+++ b/docs/providers/inference/remote_groq.md\n" in checked.stdout


def test_a_generated_file_without_a_source_is_an_orphan(repository):
    codegen(repository)
    orphan = repository / "docs/providers/inference/remote_gone.md"
    orphan.write_text((repository / "docs/providers/inference/remote_groq.md").read_text())
    checked = codegen(repository, "--check")
    assert (checked.returncode, "orphan: `docs/providers/inference/remote_gone.md`" in checked.stdout) == (1, True)
    assert codegen(repository).stdout.splitlines() == ["docs/providers/inference/remote_gone.md"]
    assert not orphan.exists()


def test_a_hand_written_file_is_no_orphan(repository):
    codegen(repository)
    write(repository, {"docs/providers/notes.md": "by hand", "distributions/old/README.md": "by hand"})
    assert codegen(repository, "--check").returncode == 0
    codegen(repository)
    assert (repository / "docs/providers/notes.md").exists()


def test_a_template_with_mistakes_stops_the_script_with_its_position(repository):
    write(repository, {"distributions/one/template.yaml": "description: d\nproviders: {inference: [remote::gorq]}\n"})
    ran = codegen(repository)
    assert ran.returncode == 2
    assert f"{repository}/distributions/one/template.yaml:2:25: providers.inference[0]" in ran.stderr
    assert not (repository / "docs").exists()


@pytest.mark.parametrize("entry_point", [True, False], ids=["entry point", "module"])
@pytest.mark.parametrize("options", [(), ("--check",)], ids=["write", "check"])
def test_a_provider_that_imports_its_packages_for_its_settings_fails_the_script(repository, entry_point, options):
    install(repository, "import heavytrap_core", entry_point=entry_point)
    ran = codegen(repository, *options)
    chain = "trap_stack.impl -> trap_stack.deep -> heavytrap_core"
    assert ran.returncode == 2
    assert f"`remote::trap` imports the package `heavy-trap` when its `Config` is loaded ({chain})" in ran.stderr


SWALLOWED = "try:\n    import heavytrap_core\nexcept ImportError:\n    pass\n"
WITHIN_A_CALL = "def load():\n    from heavytrap_core import x\n\nload()\n"


@pytest.mark.parametrize(
    "deep", [SWALLOWED, WITHIN_A_CALL, "import importlib\nimportlib.import_module('heavytrap_core')"]
)
def test_no_way_of_importing_gets_past_the_guard(repository, deep):
    install(repository, deep, entry_point=False)
    assert "trap_stack.impl -> trap_stack.deep -> heavytrap_core" in codegen(repository).stderr


def test_the_module_that_declares_the_provider_is_guarded_too(repository):
    install(repository, "", entry_point=True, declaring="import heavytrap_core\n" + SPEC)
    assert "`remote::trap` imports the package `heavy-trap`" in codegen(repository).stderr


LATER = "def use():\n    import heavytrap_core\n"
ASKED = "import importlib.util\nassert importlib.util.find_spec('heavytrap_core') is not None\n"
TYPED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import heavytrap_core\n"


@pytest.mark.parametrize("deep", [LATER, ASKED, TYPED])
def test_a_package_may_be_imported_later_or_asked_for(repository, deep):
    install(repository, deep, entry_point=True)
    ran = codegen(repository)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "remote::trap" in (repository / "distributions/one/run.yaml").read_text()


def test_what_is_installed_beside_us_changes_nothing_that_is_generated(repository):
    codegen(repository)
    install(repository, "", entry_point=True)
    write(repository, {"distributions/one/template.yaml": TEMPLATE})
    assert codegen(repository, "--check").returncode == 0
