"""Together AI: open-weight models. Docs: https://docs.together.ai/docs/openai-api-compatibility"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("TOGETHER_BASE_URL", "https://api.together.xyz/v1", "API root.")
    api_key: SecretStr | None = env("TOGETHER_API_KEY", None, "Key from api.together.ai.")


class Together(OpenAIVendor):
    config: Config
    reranks = True
