"""llama.cpp's server. Docs: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md

It serves the model it was started with, whatever name a request gives; embeddings want `--embeddings`.
"""

from typing import ClassVar

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("LLAMA_CPP_SERVER_URL", "http://localhost:8080/v1", "API root, with `/v1`.")
    api_key: SecretStr | None = env(
        "LLAMA_CPP_SERVER_API_KEY", None, "What the server got as `--api-key`, if anything."
    )


class LlamaCppServer(OpenAIVendor):
    config: Config
    reranks = True
