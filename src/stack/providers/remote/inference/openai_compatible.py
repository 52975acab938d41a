"""Any service that speaks OpenAI's API. Docs: https://platform.openai.com/docs/api-reference"""

from typing import ClassVar
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.providers.remote.upstream import UpstreamRequest
from stack.registry.spec import env


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("OPENAI_COMPATIBLE_BASE_URL", description="API root; `/chat/completions` is put behind it.")
    api_key: SecretStr | None = env("OPENAI_COMPATIBLE_API_KEY", None, "Sent as a bearer token, if given.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers to add to each call.")
    query: dict[str, SecretStr] = Field(default_factory=dict, description="Query parameters to add to each call.")


class OpenAICompatible(OpenAIVendor):
    config: Config
    reranks = True

    def url_for(self, base_url: str, path: str) -> str:
        url = super().url_for(base_url, path)
        if not self.config.query:
            return url
        query = {name: value.get_secret_value() for name, value in self.config.query.items()}
        return f"{url}?{urlencode(query)}"

    def secrets(self) -> tuple[str, ...]:
        more = (*self.config.headers.values(), *self.config.query.values())
        return (*super().secrets(), *(value.get_secret_value() for value in more))

    async def authorize(self, request: UpstreamRequest) -> None:
        await super().authorize(request)
        for name, value in self.config.headers.items():
            request.headers[name.lower()] = value.get_secret_value()
