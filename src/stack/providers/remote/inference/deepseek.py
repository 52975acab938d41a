"""DeepSeek. Docs: https://api-docs.deepseek.com/

Text completions (fill in the middle) are a beta under a path of their own; there are no embeddings.
"""

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("DEEPSEEK_BASE_URL", "https://api.deepseek.com", "API root.")
    api_key: SecretStr | None = env("DEEPSEEK_API_KEY", None, "Key from platform.deepseek.com.")


class DeepSeek(OpenAIVendor):
    config: Config

    openai_embeddings = Inference.openai_embeddings

    def url_for(self, base_url: str, path: str) -> str:
        # https://api-docs.deepseek.com/guides/fim_completion
        if path == "/completions":
            base_url = base_url.rstrip("/").removesuffix("/v1") + "/beta"
        return super().url_for(base_url, path)
