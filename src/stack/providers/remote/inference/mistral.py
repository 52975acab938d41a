"""Mistral AI. Docs: https://docs.mistral.ai/api/

It refuses fields that it does not know (422), so three of OpenAI's go under Mistral's own names; it has no text
completions. Not confirmed: whether `stream_options` is still refused.
"""

from typing import Any

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env

OWN_NAMES = {"max_completion_tokens": "max_tokens", "seed": "random_seed", "dimensions": "output_dimension"}


class Config(OpenAIConfig):
    base_url: str = env("MISTRAL_BASE_URL", "https://api.mistral.ai/v1", "API root.")
    api_key: SecretStr | None = env("MISTRAL_API_KEY", None, "Key from console.mistral.ai.")


class Mistral(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion

    def prepare(self, body: dict[str, Any]) -> dict[str, Any]:
        return {OWN_NAMES.get(name, name): value for name, value in body.items()}
