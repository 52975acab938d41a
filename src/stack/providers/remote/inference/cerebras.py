"""Cerebras: open-weight models on wafer-scale chips. Docs: https://inference-docs.cerebras.ai/resources/openai

It serves no embeddings, and refuses what it does not support, such as `logit_bias` and `service_tier`, with a 400.
"""

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("CEREBRAS_BASE_URL", "https://api.cerebras.ai/v1", "API root.")
    api_key: SecretStr | None = env("CEREBRAS_API_KEY", None, "Key from cloud.cerebras.ai.")


class Cerebras(OpenAIVendor):
    config: Config

    openai_embeddings = Inference.openai_embeddings
