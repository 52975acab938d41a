"""Groq: open-weight models on LPU hardware. Docs: https://console.groq.com/docs/openai"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("GROQ_BASE_URL", "https://api.groq.com/openai/v1", "API root.")
    api_key: SecretStr | None = env("GROQ_API_KEY", None, "Key from console.groq.com.")


class Groq(OpenAIVendor):
    config: Config
