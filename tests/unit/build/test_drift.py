"""build.yaml and run.yaml name the same providers, or the difference is told."""

from __future__ import annotations

import pytest

from stack.build.drift import drift
from stack.distribution import distribution_names, distributions_dir

BUILD = """\
distribution_spec:
  providers:
    inference:
    - provider_type: inline::playground
    - provider_type: remote::groq
"""
RUN = """\
providers:
  inference:
  - {provider_id: here, provider_type: inline::playground}
  - {provider_id: "${env.GROQ_API_KEY:+groq}", provider_type: remote::groq}
  - {provider_id: twice, provider_type: remote::groq}
"""


@pytest.fixture
def differences(tmp_path):
    """`differences(build, run)`: what is told of two files."""

    def differences(build: str, run: str) -> list[str]:
        (tmp_path / "build.yaml").write_text(build)
        return [line.replace(f"{tmp_path}/", "") for line in drift(tmp_path / "build.yaml", run, tmp_path / "run.yaml")]

    return differences


def test_entries_that_are_off_or_there_twice_are_no_difference(differences):
    assert differences(BUILD, RUN) == []


def test_a_provider_that_is_never_started_is_named(differences):
    (line,) = differences(
        BUILD.replace("remote::groq", "remote::vllm"), RUN.replace("remote::groq", "inline::playground")
    )
    assert line.startswith("build.yaml:5:22: providers.inference: `remote::vllm` is here and not in `run.yaml`")
    assert "installed and never started" in line


def test_what_is_wrong_does_not_follow_from_the_name_of_the_file(tmp_path):
    (tmp_path / "build.yaml").write_text(BUILD)
    (line,) = drift(tmp_path / "build.yaml", RUN.replace("remote::groq", "inline::playground"), "prod.yaml")
    assert "not in `prod.yaml`: it is installed and never started" in line


def test_a_provider_that_was_never_installed_is_named(differences):
    (line,) = differences(BUILD, RUN + "  - {provider_id: v, provider_type: remote::vllm}\n")
    assert line.startswith("run.yaml:6:37: providers.inference: `remote::vllm` is here and not in `build.yaml`")


def test_the_same_type_under_another_api_is_another_provider(differences):
    assert len(differences(BUILD.replace("inference:", "files:"), RUN)) == 4


@pytest.mark.parametrize("name", distribution_names())
def test_the_files_of_a_distribution_fit(name):
    folder = distributions_dir() / name
    run_yaml = folder / "run.yaml"
    assert drift(folder / "build.yaml", run_yaml.read_text(), run_yaml) == []
