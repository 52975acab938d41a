"""Where distributions are found, by name and by path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

from stack.config.load import parse_run_config
from stack.distribution import (
    distribution_names,
    distributions_dir,
    get_distribution_template,
    render,
    run_config_path,
    run_config_source,
)
from stack.distribution.entries import entries
from stack.errors import ConfigError

REPOSITORY = Path(__file__).parents[3]
ASK = """
import sys
from stack.distribution import distributions_dir, get_distribution_template, render
print(distributions_dir())
sys.stdout.write(render(get_distribution_template("starter"))["run.yaml"])
"""


def ask(source: Path, cwd: Path) -> tuple[Path, str]:
    """The folder and the rendered starter that a fresh interpreter sees with `source` first on its path."""
    environment = {**os.environ, "PYTHONPATH": str(source)}
    ran = subprocess.run([sys.executable, "-c", ASK], cwd=cwd, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    folder, _, rendered = ran.stdout.partition("\n")
    return Path(folder), rendered


def test_the_repository_prefers_the_folder_beside_its_pyproject():
    assert distributions_dir() == REPOSITORY / "distributions"


def test_a_wheel_carries_distributions_and_templates(tmp_path):
    [wheel] = WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path), versions=["standard"])
    unpacked = tmp_path / "site-packages"
    zipfile.ZipFile(wheel).extractall(unpacked)
    folder, rendered = ask(unpacked, cwd=tmp_path)
    assert folder == unpacked / "stack" / "_distributions"
    assert rendered == render(get_distribution_template("starter"))["run.yaml"]
    assert sorted(path.name for path in (folder / "starter").iterdir()) == [
        *["README.md", "build.yaml", "run.yaml", "template.yaml"]
    ]


def test_an_old_copy_within_an_editable_install_is_not_looked_at(tmp_path):
    copy = tmp_path / "repository"
    shutil.copytree(REPOSITORY / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "distributions", copy / "distributions")
    shutil.copy(REPOSITORY / "pyproject.toml", copy)
    (copy / "src" / "stack" / "_distributions" / "old").mkdir(parents=True)
    assert ask(copy / "src", cwd=tmp_path)[0] == copy / "distributions"


def test_the_shipped_distributions_are_listed():
    assert distribution_names() == ["ci-tests", "local", "playground", "postgres", "remote", "safety", "starter"]


@pytest.mark.parametrize("name", distribution_names())
def test_a_shipped_distribution_says_what_it_is_and_who_wants_it(name):
    template, readme = get_distribution_template(name), (distributions_dir() / name / "README.md").read_text()
    assert template.description in readme
    assert template.reason.startswith("For ")
    assert template.reason in readme


def test_the_remote_distribution_computes_nothing_here():
    choices = [choice for found in get_distribution_template("remote").providers.values() for choice in found]
    assert [choice.provider_type for choice in choices if not choice.is_remote] == ["inline::localfs"]


def test_the_distribution_for_ci_needs_no_package():
    found = entries(get_distribution_template("ci-tests"))
    assert [entry.spec.requirements for each in found.values() for entry in each if entry.spec.requirements] == []


def test_playground_takes_nothing_from_outside():
    choices = [choice for found in get_distribution_template("playground").providers.values() for choice in found]
    assert [choice.provider_type for choice in choices] == ["inline::playground"]


@pytest.mark.parametrize("name", ["together", "openai-compatible", "ollama"])
def test_any_remote_provider_is_a_distribution_with_the_inline_defaults(name):
    run = yaml.safe_load(render(get_distribution_template(name))["run.yaml"])
    assert [(entry["provider_id"], entry["provider_type"]) for entry in run["providers"]["inference"]] == [
        (name, f"remote::{name}"),
        ("onnx-embeddings", "inline::onnx-embeddings"),
        ("playground", "inline::playground"),
    ]


@pytest.mark.parametrize(("name", "api"), [("pgvector", "vector_io"), ("s3", "files"), ("groq", "inference")])
def test_a_remote_provider_comes_first_in_its_own_api(name, api):
    template = get_distribution_template(name)
    remote = {each: listed[0].provider_type for each, listed in template.providers.items() if listed[0].is_remote}
    assert remote == {api: f"remote::{name}"}
    parse_run_config(render(template)["run.yaml"], "run.yaml", {"S3_BUCKET_NAME": "b"})


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no distribution is called `togther`: did you mean `together`"):
        get_distribution_template("togther")


def test_run_yaml_is_found_by_file_folder_and_name(tmp_path, monkeypatch):
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "run.yaml").write_text("version: 2")
    monkeypatch.chdir(tmp_path)
    assert run_config_path("built/run.yaml") == Path("built/run.yaml")
    assert run_config_path("built") == Path("built/run.yaml")
    assert run_config_path("starter") == distributions_dir() / "starter" / "run.yaml"
    assert run_config_source("built") == ("version: 2", "built/run.yaml")


def test_a_remote_providers_name_gives_text_and_no_file():
    text, label = run_config_source("together")
    assert (text, label) == (render(get_distribution_template("together"))["run.yaml"], "together/run.yaml")
    with pytest.raises(ConfigError, match="run `stack build --distro together` to write one"):
        run_config_path("together")


@pytest.mark.parametrize("look_up", [run_config_path, run_config_source])
def test_what_is_nowhere_lists_where_it_was_sought_and_the_nearest_names(look_up):
    with pytest.raises(ConfigError) as caught:
        look_up("startr")
    shipped = distributions_dir() / "startr" / "run.yaml"
    assert f"tried `startr`, `startr/run.yaml`, `{shipped}`" in caught.value.message
    assert "did you mean `starter`" in caught.value.message
