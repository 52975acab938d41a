"""An OpenAI-compatible service that every caller reaches with a key of its own.

The caller's key comes with the request, as provider data; a configured key serves those who bring none, and without
either no credential is sent. Model ids and bodies pass unchanged. Docs: https://platform.openai.com/docs/api-reference
"""

from typing import ClassVar

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("PASSTHROUGH_URL", description="API root; `/chat/completions` is put behind it.")
    api_key: SecretStr | None = env("PASSTHROUGH_API_KEY", None, "For callers without a key of their own.")


class Passthrough(OpenAIVendor):
    config: Config
    reranks = True
