"""LM Studio: models on your own machine. Docs: https://lmstudio.ai/docs/developer/openai-compat"""

from typing import ClassVar

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("LM_STUDIO_URL", "http://localhost:1234/v1", "API root, with `/v1`.")
    api_key: SecretStr | None = env("LM_API_TOKEN", None, "Token, if the server requires authentication.")


class LMStudio(OpenAIVendor):
    config: Config
