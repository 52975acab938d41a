"""vLLM: a server of your own. Docs: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"""

from typing import ClassVar

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("VLLM_URL", "http://localhost:8000/v1", "API root, with `/v1`.")
    api_key: SecretStr | None = env("VLLM_API_TOKEN", None, "What the server was given as `--api-key`, if anything.")


class VLLM(OpenAIVendor):
    config: Config
    reranks = True
