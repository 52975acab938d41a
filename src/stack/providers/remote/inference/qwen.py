"""Qwen on Alibaba Cloud Model Studio (DashScope).

Docs: https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope

Keys belong to a region; those of Beijing want `https://dashscope.aliyuncs.com/compatible-mode/v1`. Not confirmed: the
model list (`/models`); if it is missing, name models in run.yaml.
"""

from pydantic import SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("DASHSCOPE_BASE_URL", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "API root.")
    api_key: SecretStr | None = env("DASHSCOPE_API_KEY", None, "Key from Model Studio.")


class Qwen(OpenAIVendor):
    config: Config
