"""What a provider shows as its sample is a configuration that loads."""

import pytest
import yaml

from stack.config.load import parse_run_config
from stack.registry.discovery import load_config_class, specs
from stack.registry.spec import ProviderConfig, ProviderSpec, env_name

OURS = [spec for spec in specs() if spec.origin == "stack"]  # others may be installed beside us


@pytest.mark.parametrize("spec", OURS, ids=lambda spec: spec.provider_type)
def test_a_sample_loads_to_the_defaults(spec: ProviderSpec):
    model = load_config_class(spec)
    assert issubclass(model, ProviderConfig)
    fields = model.model_fields.items()
    required = {name: env_name(info) or "" for name, info in fields if info.is_required()}
    entry = {"provider_id": "a", "provider_type": spec.provider_type, "config": model.sample_run_config()}
    others = {api: [{"provider_id": "b", "provider_type": "inline::playground"}] for api in spec.needs}
    text = yaml.safe_dump({"providers": {**others, spec.api: [entry]}})
    given = {name: "http://x" if name.endswith("url") else "x" for name in required}
    config = parse_run_config(text, "run.yaml", {required[name]: value for name, value in given.items()})
    assert config.providers[spec.api][0].config == model.model_validate(given)
