"""Azure OpenAI: your own deployments. Docs: https://learn.microsoft.com/azure/ai-services/openai/reference

With `api_version` the classic paths are called (`/openai/deployments/NAME/...?api-version=`), without it the v1 paths
(`/openai/v1/...`). The model is the name of the deployment.
"""

from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from stack.apis.models import Model
from stack.errors import NotFound
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.providers.remote.upstream import UpstreamRequest
from stack.registry.spec import ConfigModel, env


class AzureModel(ConfigModel):
    """A deployment with its own endpoint; the key is the provider's."""

    model: str = Field(description="Name of the deployment.")
    base_url: str = Field(description="Endpoint of its resource.")


class Config(OpenAIConfig):
    switch: ClassVar = "base_url"
    base_url: str = env("AZURE_API_BASE", description="Endpoint, such as `https://NAME.openai.azure.com`.")
    api_key: SecretStr | None = env("AZURE_API_KEY", None, "Key of the resource.")
    api_version: str | None = env("AZURE_API_VERSION", None, "Version of the classic paths; default: the v1 paths.")
    models: list[AzureModel] = Field(default_factory=list, description="Deployments with endpoints of their own.")


class Azure(OpenAIVendor):
    config: Config

    def get_base_url(self) -> str:
        return self._root(self.config.base_url) + ("" if self.config.api_version else "/v1")

    def base_url_for(self, model: str) -> str:
        own = (entry.base_url for entry in self.config.models if entry.model == model)
        root = self._root(next(own, self.config.base_url))
        # The name is the caller's: it must not reach another path, as dots would, whichever way they are written.
        if self.config.api_version and model in (".", ".."):
            raise NotFound(f"no deployment can have the name `{model}`", param="model", code="model_not_found")
        return f"{root}/deployments/{quote(model, safe='')}" if self.config.api_version else f"{root}/v1"

    def url_for(self, base_url: str, path: str) -> str:
        version = self.config.api_version
        return super().url_for(base_url, path) + (f"?api-version={version}" if version else "")

    async def authorize(self, request: UpstreamRequest) -> None:
        if key := self.credential():
            request.headers["api-key"] = key

    async def list_models(self) -> list[Model]:
        """The configured deployments if there are any: Azure's own list names what could be deployed."""
        found = [model for entry in self.config.models if (model := self.read_model({"id": entry.model}))]
        return found or await super().list_models()

    @staticmethod
    def _root(endpoint: str) -> str:
        return endpoint.rstrip("/").removesuffix("/v1").removesuffix("/openai") + "/openai"
