"""Fireworks AI: open-weight models. Docs: https://docs.fireworks.ai/tools-sdks/openai-compatibility

Models are called by their whole name, `accounts/fireworks/models/NAME`. Not confirmed: what its model list leaves out.
"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("FIREWORKS_BASE_URL", "https://api.fireworks.ai/inference/v1", "API root.")
    api_key: SecretStr | None = env("FIREWORKS_API_KEY", None, "Key from app.fireworks.ai.")


class Fireworks(OpenAIVendor):
    config: Config
    reranks = True
