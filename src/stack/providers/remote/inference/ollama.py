"""Ollama: models on your own machine. Docs: https://github.com/ollama/ollama/blob/main/docs/openai.md"""

from typing import ClassVar

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("OLLAMA_URL", "http://localhost:11434/v1", "API root, with `/v1`.")


class Ollama(OpenAIVendor):
    config: Config
