"""OpenAI. Docs: https://platform.openai.com/docs/api-reference"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("OPENAI_BASE_URL", "https://api.openai.com/v1", "API root.")
    api_key: SecretStr | None = env("OPENAI_API_KEY", None, "Key from platform.openai.com.")


class OpenAI(OpenAIVendor):
    config: Config
