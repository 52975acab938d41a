"""Hugging Face's router. Docs: https://huggingface.co/docs/inference-providers/tasks/chat-completion

`ORG/MODEL` leaves the choice of the service to the router, `ORG/MODEL:SERVICE` makes it. The router's OpenAI API serves
chat only.
"""

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("HF_BASE_URL", "https://router.huggingface.co/v1", "API root.")
    api_key: SecretStr | None = env("HF_TOKEN", None, "Token that may call Inference Providers.")


class HuggingFace(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion
    openai_embeddings = Inference.openai_embeddings
