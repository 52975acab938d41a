"""Claude, by Anthropic's OpenAI endpoint. Docs: https://platform.claude.com/docs/en/api/openai-sdk

Anthropic means this endpoint for comparing models. It serves chat only, with `n` of 1, joins system messages into one
at the start, gives no account of thinking, and ignores most fields that it lacks. Models are listed by the native API:
https://platform.claude.com/docs/en/api/models/list
"""

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.providers.remote.upstream import UpstreamRequest
from stack.registry.spec import env

VERSION = "2023-06-01"
LIST_LIMIT = 1000  # the most that one page can hold


class Config(OpenAIConfig):
    base_url: str = env("ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1", "API root, with `/v1`.")
    api_key: SecretStr | None = env("ANTHROPIC_API_KEY", None, "Key from platform.claude.com.")


class Anthropic(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion
    openai_embeddings = Inference.openai_embeddings

    def url_for(self, base_url: str, path: str) -> str:
        return super().url_for(base_url, path) + (f"?limit={LIST_LIMIT}" if path == "/models" else "")

    async def authorize(self, request: UpstreamRequest) -> None:
        key = self.credential()
        if key and request.method == "GET":  # the native API takes no bearer token
            request.headers |= {"x-api-key": key, "anthropic-version": VERSION}
        else:
            await super().authorize(request)
