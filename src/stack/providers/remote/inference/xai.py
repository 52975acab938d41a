"""xAI: the Grok models. Docs: https://docs.x.ai/docs/api-reference"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("XAI_BASE_URL", "https://api.x.ai/v1", "API root.")
    api_key: SecretStr | None = env("XAI_API_KEY", None, "Key from console.x.ai.")


class XAI(OpenAIVendor):
    config: Config
