"""A vLLM worker on RunPod Serverless. Docs: https://docs.runpod.io/serverless/vllm/openai-compatibility

The model is the one that the worker was deployed with. A worker that sleeps wakes up first: if that takes longer than
a minute, raise `first_byte_timeout_s`. Not confirmed: embeddings, which are another kind of worker.
"""

from typing import ClassVar

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "endpoint_id"
    base_url: str = env("RUNPOD_BASE_URL", "https://api.runpod.ai/v2", "API root; the endpoint's path goes behind it.")
    endpoint_id: str = env("RUNPOD_ENDPOINT_ID", description="Id of the endpoint.")
    api_key: SecretStr | None = env("RUNPOD_API_KEY", None, "Key from console.runpod.io.")


class RunPod(OpenAIVendor):
    config: Config

    def get_base_url(self) -> str:
        return f"{self.config.base_url.rstrip('/')}/{self.config.endpoint_id}/openai/v1"
