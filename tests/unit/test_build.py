"""What a distribution needs installed, and from where this package is installed again."""

from __future__ import annotations

import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from stack.build import build_distribution, own_requirement, plan_installs
from stack.distribution import get_distribution_template
from stack.errors import ConfigError
from stack.installing import Install
from stack.version import __version__


@pytest.fixture
def installed_from(tmp_path, monkeypatch):
    """`installed_from(record)`: as if this package had been installed with that direct_url.json, or with none."""

    def installed_from(record: str | None) -> None:
        info = tmp_path / "site/stack-9.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stack\nVersion: 9\n")
        if record is not None:
            (info / "direct_url.json").write_text(record)
        monkeypatch.syspath_prepend(str(info.parent))

    return installed_from


WHEEL = {
    "acme_stack.py": "",
    "stack-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: stack\nVersion: 9\n",
    "stack-9.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "stack-9.dist-info/RECORD": "".join(f"{name},,\n" for name in ("acme_stack.py", "stack-9.dist-info/RECORD")),
}


@pytest.fixture
def own_wheel(tmp_path, installed_from) -> Path:
    """This package as installed from a wheel file, which holds one empty module and needs nothing."""
    path: Path = tmp_path / "stack-9-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for name, text in WHEEL.items():
            archive.writestr(name, text)
    installed_from(f'{{"url": "{path.as_uri()}", "archive_info": {{}}}}')
    return path


@pytest.mark.parametrize(
    ("record", "requirement"),
    [
        (None, f"stack=={__version__}"),
        ('{"url": "file:///", "dir_info": {"editable": true}}', "/"),
        ('{"url": "https://a.example/s.whl", "archive_info": {}}', "stack @ https://a.example/s.whl"),
        (
            '{"url": "https://a.example/s", "vcs_info": {"vcs": "git", "commit_id": "abc"}}',
            "stack @ git+https://a.example/s@abc",
        ),
    ],
)
def test_this_package_is_installed_again_from_where_it_came(installed_from, record, requirement):
    installed_from(record)
    assert own_requirement() == requirement


def test_a_source_that_is_gone_is_named(installed_from):
    installed_from('{"url": "file:///no/such%20folder", "dir_info": {}}')
    with pytest.raises(ConfigError, match="`/no/such folder`, which is gone"):
        own_requirement()


def test_exactly_the_packages_of_the_providers_named_are_planned():
    template = get_distribution_template("playground")
    assert plan_installs(template, "stack==9") == [Install(("stack==9",))]
    assert plan_installs(template) == []


def test_packages_are_resolved_together_and_those_without_deps_come_second():
    first, second = plan_installs(get_distribution_template("starter"), "stack==9")
    assert first.arguments[0] == "stack==9"
    assert any(package.startswith("onnxruntime") for package in first.arguments)
    assert "--require-hashes" in second.arguments


def test_a_build_makes_an_environment_and_leaves_edited_files_alone(tmp_path, own_wheel):
    edited = tmp_path / "out/build.yaml"
    edited.parent.mkdir()
    edited.write_text("mine\n")
    written = build_distribution(get_distribution_template("playground"), edited.parent)
    assert [path.name for path in written] == ["build.yaml.new", "run.yaml"]
    assert edited.read_text() == "mine\n"
    assert yaml.safe_load(written[1].read_text())["image_name"] == "playground"
    subprocess.run([edited.parent / "venv/bin/python", "-c", "import acme_stack"], check=True)
