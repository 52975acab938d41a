"""Models behind serving endpoints of a Databricks workspace; the model is the name of the endpoint.

Docs: https://docs.databricks.com/aws/en/machine-learning/model-serving/score-foundation-models

Endpoints are listed by https://docs.databricks.com/api/workspace/servingendpoints/list, those of classic models
included. Not confirmed: OAuth for service principals; `api_key` is a personal access token or a token got elsewhere.
"""

from typing import Any, ClassVar

from pydantic import SecretStr

from stack.apis.inference import Model
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env

TASKS = {"llm/v1/chat": "chat", "llm/v1/completions": "language", "llm/v1/embeddings": "embedding"}


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("DATABRICKS_HOST", description="Workspace, such as `https://NAME.cloud.databricks.com`.")
    api_key: SecretStr | None = env("DATABRICKS_TOKEN", None, "Access token of the workspace.")


class Databricks(OpenAIVendor):
    config: Config

    models_at = "endpoints"
    model_id_at = "name"

    def get_base_url(self) -> str:
        return self.config.base_url.rstrip("/").removesuffix("/serving-endpoints") + "/serving-endpoints"

    def url_for(self, base_url: str, path: str) -> str:
        if path.startswith("/models"):
            workspace = base_url.removesuffix("/serving-endpoints")
            return f"{workspace}/api/2.0/serving-endpoints{path.removeprefix('/models')}"
        return super().url_for(base_url, path)

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        return super().read_model({**entry, "type": TASKS.get(str(entry.get("task")))})
