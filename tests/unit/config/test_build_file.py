from pathlib import Path

import pytest

from stack.config.load import load_build_config, load_run_config
from stack.errors import BadConfig

GOOD = """
version: 2
distribution_spec:
  description: Two providers.
  container_image: null
  providers:
    inference:
    - provider_type: inline::playground
    - {provider_type: remote::mine, module: mine_stack}
image_type: venv
image_name: mine
additional_pip_packages: [rich]
"""


def build(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "build.yaml"
    path.write_text(text)
    return path


def test_a_build_file_names_what_to_install(tmp_path: Path):
    config = load_build_config(build(tmp_path, GOOD), {})
    types = [(provider.provider_type, provider.module) for provider in config.distribution_spec.providers["inference"]]
    assert types == [("inline::playground", None), ("remote::mine", "mine_stack")]
    assert (config.image_name, config.image_type, config.additional_pip_packages) == ("mine", "venv", ["rich"])


def test_a_file_of_the_other_kind_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(BadConfig, match=r"build.yaml:3:1: this is a build.yaml: `stack build --config` reads it$"):
        load_run_config(build(tmp_path, GOOD), {})
    with pytest.raises(BadConfig, match=r"build.yaml:1:1: this is a run.yaml: `stack run` serves it$"):
        load_build_config(build(tmp_path, "providers: {inference: []}\nserver: {}\n"), {})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("inline::playground", "inline::plaayground", "providers.inference[0].provider_type: no inference provider"),
        ("inference:", "inferense:", "distribution_spec.providers.inferense: unknown API `inferense`"),
        ("image_type: venv", "image_type: conda", "image_type: must be one of `venv`, `container`"),
        ("image_name", "image_nam", "unknown key `image_nam`: did you mean `image_name`?"),
        ("version: 2", "version: 1", "version: must be `2`"),
        ("[rich]", "rich", "additional_pip_packages: must be a list"),
        ("    - provider_type: inline::playground", "    - remote::groq", "inference[0]: must be a mapping"),
    ],
)
def test_a_build_file_that_cannot_be_built(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(BadConfig) as caught:
        load_build_config(build(tmp_path, GOOD.replace(old, new)), {})
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)
