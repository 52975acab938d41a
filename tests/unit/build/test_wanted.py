"""What is installed for exactly the providers that are named, and for whom."""

from __future__ import annotations

import pytest

from stack.build.wanted import Wanted, pip_installs, wanted
from stack.distribution import get_distribution_template
from stack.distribution.template import DistributionTemplate, ProviderChoice
from stack.errors import ConfigError

ACME = """\
from stack.registry.spec import ProviderConfig, ProviderSpec

SPEC = ProviderSpec("inference", "remote::acme", "Theirs.", __name__, ("numpy>=2",), overrides=("idna>=3",))


class Config(ProviderConfig):
    pass
"""


def template(module: str | None = None, **more: object) -> DistributionTemplate:
    choice = ProviderChoice(provider_type="remote::acme", module=module)
    return DistributionTemplate(name="x", description="X.", providers={"inference": [choice]}, **more)


def test_a_provider_without_packages_wants_none():
    assert [each.owner for each in wanted(get_distribution_template("playground"))] == ["this package"]


def test_each_provider_is_named_with_what_it_wants():
    found = {each.owner: each for each in wanted(get_distribution_template("starter"), own=False)}
    row = found["`inline::onnx-embeddings` (inference)"]
    assert any(package.startswith("onnxruntime") for package in row.packages)
    assert row.packages_no_deps


def test_a_provider_of_another_package_brings_that_package(installed):
    installed("acme", "3", module=ACME)
    (found,) = wanted(template("acme"), own=False)
    assert found == Wanted("`remote::acme` (inference)", ("acme==3", "numpy>=2"), overrides=("idna>=3",))


def test_a_module_that_is_not_installed_is_wanted_by_its_name():
    (found,) = wanted(template("no_such.provider==2"), own=False)
    assert found.packages == ("no_such==2",)


def test_a_module_of_no_package_must_be_brought_by_somebody(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "loose_acme.py").write_text(ACME)
    with pytest.raises(ConfigError, match="name the package under `additional_pip_packages`"):
        wanted(template("loose_acme"), own=False)
    found = wanted(template("loose_acme", additional_pip_packages=["numpy"]), own=False)
    assert [each.owner for each in found] == ["`remote::acme` (inference)", "`additional_pip_packages`"]


@pytest.mark.parametrize("package", ["./mine", "./mine-1-py3-none-any.whl", "../mine"])
def test_a_path_in_the_folder_of_the_command_is_no_name_for_an_index(tmp_path, monkeypatch, package):
    monkeypatch.chdir(tmp_path)
    (found,) = wanted(template("no_such", file="build.yaml", additional_pip_packages=[package]), own=False)[1:]
    assert found.packages == (str(tmp_path / package),)


def test_pip_is_told_all_packages_at_once():
    first, second = pip_installs([Wanted("a", ("x>=1",), ("z==1",)), Wanted("b", ("y",))])
    assert first.arguments == ("x>=1", "y")
    assert second.arguments == ("--no-deps", "z==1")


def test_pip_cannot_override():
    with pytest.raises(
        ConfigError, match=r"`b` overrides what packages declare, which only a build of its own with uv can honour"
    ):
        pip_installs([Wanted("a", ("x",)), Wanted("`b`", overrides=("y>=2",))])
