"""OpenRouter: models of many vendors under one key. Docs: https://openrouter.ai/docs/api-reference/overview

Its streams carry comments while a vendor is waited for. Not confirmed: that `/models` lists embedding models too.
"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1", "API root.")
    api_key: SecretStr | None = env("OPENROUTER_API_KEY", None, "Key from openrouter.ai.")


class OpenRouter(OpenAIVendor):
    config: Config
