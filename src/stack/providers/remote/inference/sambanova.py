"""SambaNova: open-weight models on RDU chips. Docs: https://docs.sambanova.ai/docs/en/features/openai-compatibility

The base URL of a SambaStack of your own goes into `base_url`. Not confirmed: text completions.
"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("SAMBANOVA_URL", "https://api.sambanova.ai/v1", "API root.")
    api_key: SecretStr | None = env("SAMBANOVA_API_KEY", None, "Key from cloud.sambanova.ai.")


class SambaNova(OpenAIVendor):
    config: Config
