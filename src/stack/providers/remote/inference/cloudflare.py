"""Cloudflare Workers AI. Docs: https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/

Models are called by their whole name, `@cf/VENDOR/NAME`, and are found by a search of the account's:
https://developers.cloudflare.com/api/resources/ai/subresources/models/methods/list. There are no text completions.
Not confirmed: that one page of the search can hold every model.
"""

from typing import Any, ClassVar

from pydantic import SecretStr

from stack.apis.inference import Inference, Model
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env

TASKS = {"Text Generation": "chat", "Text Embeddings": "embedding"}
PAGE = 100


class Config(OpenAIConfig):
    switch: ClassVar = "account_id"
    base_url: str = env(
        "CLOUDFLARE_BASE_URL", "https://api.cloudflare.com/client/v4", "API root; the account's path goes behind it."
    )
    account_id: str = env("CLOUDFLARE_ACCOUNT_ID", description="Id of the account.")
    api_key: SecretStr | None = env("CLOUDFLARE_API_TOKEN", None, "Token that may use Workers AI.")


class Cloudflare(OpenAIVendor):
    config: Config

    models_at = "result"
    model_id_at = "name"
    openai_completion = Inference.openai_completion

    def get_base_url(self) -> str:
        return f"{self.config.base_url.rstrip('/')}/accounts/{self.config.account_id}/ai/v1"

    def url_for(self, base_url: str, path: str) -> str:
        if path.startswith("/models"):  # there is no address of one model
            return f"{base_url.removesuffix('/v1')}/models/search?per_page={PAGE}"
        return super().url_for(base_url, path)

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        """Models that can be called here: for text and for embeddings."""
        task = entry.get("task")
        kind = TASKS.get(str(task.get("name"))) if isinstance(task, dict) else None
        return super().read_model({**entry, "type": kind}) if kind else None
