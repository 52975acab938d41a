"""What docs/building.md says of build.yaml and of messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.config.load import load_build_config
from stack.config.models import BuildConfig, BuildProvider, DistributionSpec
from stack.registry.spec import ConfigModel, ProviderSpec

GUIDE = (Path(__file__).parents[3] / "docs/building.md").read_text(encoding="utf-8")
ROWS = [line for line in GUIDE.splitlines() if line.startswith("|")]


def test_its_build_yaml_loads(tmp_path):
    (block,) = re.findall(r"^```yaml build.yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (tmp_path / "build.yaml").write_text(block)
    config = load_build_config(tmp_path / "build.yaml")
    assert [each.provider_type for each in config.distribution_spec.providers["inference"]] == [
        "remote::groq",
        "inline::playground",
    ]


@pytest.mark.parametrize("model", [BuildConfig, DistributionSpec, BuildProvider])
def test_it_has_every_key_as_it_describes_itself(model: type[ConfigModel]):
    for name, field in model.model_fields.items():
        if name != "distribution_spec":  # its own keys are told
            assert [row for row in ROWS if f"{name}`" in row and str(field.description) in row], name


@pytest.mark.parametrize("field", ["packages", "packages_no_deps", "from_index", "overrides"])
def test_it_has_what_a_row_may_say_of_packages(field):
    assert field in ProviderSpec.__dataclass_fields__
    assert [row for row in ROWS if row.startswith(f"| `{field}` |")]
