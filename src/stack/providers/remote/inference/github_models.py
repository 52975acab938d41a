"""GitHub Models. Docs: https://docs.github.com/en/rest/models/inference

GitHub retired the service on 2026-07-30: https://github.com/orgs/community/discussions/203602. Kept for installations
that still answer. Calls on an organisation's account go to `https://models.github.ai/orgs/ORG/inference`. Models are
listed by the catalogue; there are no text completions.
"""

from urllib.parse import urljoin

from pydantic import SecretStr

from stack.apis.inference import Inference
from stack.providers.remote.openai_mixin import OpenAIConfig, OpenAIVendor
from stack.registry.spec import env


class Config(OpenAIConfig):
    base_url: str = env("GITHUB_MODELS_BASE_URL", "https://models.github.ai/inference", "Root of the inference API.")
    # Not GITHUB_TOKEN: many machines have one, for other purposes.
    api_key: SecretStr | None = env("GITHUB_MODELS_TOKEN", None, "Token with the permission `models: read`.")


class GitHubModels(OpenAIVendor):
    config: Config

    openai_completion = Inference.openai_completion

    def url_for(self, base_url: str, path: str) -> str:
        if path.startswith("/models"):  # there is no address of one model
            return urljoin(base_url, "/catalog/models")
        return super().url_for(base_url, path)
