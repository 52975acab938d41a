"""NVIDIA NIM, hosted or your own containers. Docs: https://docs.api.nvidia.com/nim/reference/llm-apis

Retrieval models want `input_type` (`query` or `passage`) in embedding requests: an extra field, it passes on as it is.
"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("NVIDIA_BASE_URL", "https://integrate.api.nvidia.com/v1", "API root.")
    api_key: SecretStr | None = env("NVIDIA_API_KEY", None, "Key from build.nvidia.com; none for your own containers.")


class Nvidia(OpenAIVendor):
    config: Config
