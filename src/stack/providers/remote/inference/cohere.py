"""Cohere, by its compatibility endpoint. Docs: https://docs.cohere.com/docs/compatibility-api

It has no text completions. Models are listed, and documents reranked, by the native API:
https://docs.cohere.com/reference/list-models, https://docs.cohere.com/reference/rerank. Not confirmed: that the native
API answers under the compatibility endpoint's host.
"""

from typing import Any

from pydantic import SecretStr

from stack.apis.inference import Inference, Model
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env

KINDS = {"chat": "chat", "embed": "embedding", "rerank": "rerank"}  # what an entry can be used for
PAGE = 1000  # the most that one page can hold


class Config(OpenAIConfig):
    base_url: str = env("COHERE_BASE_URL", "https://api.cohere.ai/compatibility/v1", "Root of the endpoint.")
    api_key: SecretStr | None = env("COHERE_API_KEY", None, "Key from dashboard.cohere.com.")


class Cohere(OpenAIVendor):
    config: Config

    models_at = "models"
    model_id_at = "name"
    openai_completion = Inference.openai_completion
    reranks = True

    def url_for(self, base_url: str, path: str) -> str:
        native = base_url.rstrip("/").removesuffix("/compatibility/v1")
        if path == "/rerank":
            return f"{native}/v2/rerank"
        if path.startswith("/models"):
            return f"{native}/v1{path}" + (f"?page_size={PAGE}" if path == "/models" else "")
        return super().url_for(base_url, path)

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        kind = next((KINDS[use] for use in entry.get("endpoints") or () if use in KINDS), None)
        return super().read_model({**entry, "type": kind})
