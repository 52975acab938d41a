"""Perplexity's Sonar models. Docs: https://docs.perplexity.ai/docs/sonar/openai-compatibility

Ended on 2026-09-27 for an API that is not served here, kept for gateways that still answer:
https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/overview. There is no model list. Embeddings are refused:
Perplexity's are base64 of int8, which clients would read as floats.
"""

from pydantic import SecretStr

from stack.apis.inference import Inference, Model
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("PERPLEXITY_BASE_URL", "https://api.perplexity.ai", "API root.")
    api_key: SecretStr | None = env("PERPLEXITY_API_KEY", None, "Key from Perplexity's console.")


class Perplexity(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion
    openai_embeddings = Inference.openai_embeddings

    async def list_models(self) -> list[Model]:
        names = self.config.allowed_models or ["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"]
        return [model for name in names if (model := self.read_model({"id": name}))]
