"""Moonshot AI: the Kimi models. Docs: https://platform.moonshot.ai/docs/api/chat

Keys of platform.moonshot.cn want `https://api.moonshot.cn/v1`. Chat and the model list are all that is documented.
"""

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("MOONSHOT_BASE_URL", "https://api.moonshot.ai/v1", "API root.")
    api_key: SecretStr | None = env("MOONSHOT_API_KEY", None, "Key from platform.moonshot.ai.")


class Moonshot(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion
    openai_embeddings = Inference.openai_embeddings
