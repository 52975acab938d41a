"""Gemini, by Google's OpenAI endpoint. Docs: https://ai.google.dev/gemini-api/docs/openai

Its list says `models/NAME` where calls say `NAME`; errors come as a list of one. It has no text completions, and tells
no usage for embeddings. Not confirmed: `index` in the tool calls of streams.
"""

from typing import Any

from pydantic import SecretStr

from stack.apis.inference import Inference, Model
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env(
        "GEMINI_BASE_URL", "https://generativelanguage.googleapis.com/v1beta/openai", "Root of the OpenAI endpoint."
    )
    api_key: SecretStr | None = env("GEMINI_API_KEY", None, "Key from aistudio.google.com.")


class Gemini(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        return super().read_model({**entry, "id": str(entry["id"]).removeprefix("models/")})
