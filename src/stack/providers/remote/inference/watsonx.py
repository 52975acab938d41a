"""IBM watsonx.ai. Docs: https://cloud.ibm.com/apidocs/watsonx-ai

The key is exchanged for a bearer token that lasts an hour: https://cloud.ibm.com/docs/iam?topic=iam-iamtoken_from_apikey.
Calls name a version of the API and, unless the caller does, the project or space that pays. Chat and the model list
were checked against recorded answers; not confirmed: completions, embeddings, and on-premises login.
"""

import asyncio
from typing import Any
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from stack.apis.inference import Model
from stack.errors import UpstreamError
from stack.providers.remote.openai_mixin import ERROR_BYTES, OpenAIConfig, OpenAIVendor
from stack.providers.remote.tokens import Tokens
from stack.providers.remote.upstream import UpstreamRequest, UpstreamResponse
from stack.providers.remote.upstream_errors import rejection
from stack.registry.spec import Deps, env

GRANT = "urn:ibm:params:oauth:grant-type:apikey"
FORM = "application/x-www-form-urlencoded"


class Config(OpenAIConfig):
    base_url: str = env("WATSONX_BASE_URL", "https://us-south.ml.cloud.ibm.com", "Endpoint of the region.")
    api_key: SecretStr | None = env("WATSONX_API_KEY", None, "IBM Cloud key; exchanged for tokens.")
    project_id: str | None = env("WATSONX_PROJECT_ID", None, "Project that calls are made for.")
    space_id: str | None = env("WATSONX_SPACE_ID", None, "Deployment space, instead of a project.")
    api_version: str = Field("2023-10-25", description="Version of the API, a date.", pattern=r"^\d{4}-\d{2}-\d{2}$")
    iam_url: str = Field("https://iam.cloud.ibm.com/identity/token", description="Where keys become tokens.")


class Watsonx(OpenAIVendor):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self.tokens = Tokens(self._exchange)
        owners = {"project_id": config.project_id, "space_id": config.space_id}
        self._owner = {name: value for name, value in owners.items() if value}

    def get_base_url(self) -> str:
        return self.config.base_url.rstrip("/").removesuffix("/ml/v1") + "/ml/v1"

    def url_for(self, base_url: str, path: str) -> str:
        query = {"version": self.config.api_version} | (self._owner if path == "/models" else {})
        return f"{super().url_for(base_url, path)}?{urlencode(query)}"

    def prepare(self, body: dict[str, Any]) -> dict[str, Any]:
        return body if {"project_id", "space_id"} & body.keys() else body | self._owner

    def read_model(self, entry: dict[str, Any]) -> Model | None:
        return super().read_model({**entry, "created": (entry.get("created") or 0) // 1000})  # milliseconds

    async def authorize(self, request: UpstreamRequest) -> None:
        if key := self.credential():
            try:
                async with asyncio.timeout_at(self.upstream.until(self.config.first_byte_timeout_s)):
                    token = await self.tokens.get(key)
            except TimeoutError as error:
                raise self.upstream.failure(error, "send") from error
            request.headers["authorization"] = f"Bearer {token}"

    async def _send(self, request: UpstreamRequest, model: str | None = None) -> UpstreamResponse:
        try:
            return await super()._send(request, model)
        except UpstreamError as error:
            used, key = request.headers.get("authorization", ""), self.credential()
            if key is None or error.upstream.status != 401 or not used:
                raise
            self.tokens.forget(key, used.removeprefix("Bearer "))  # revoked before its time: once more with a new one
        return await super()._send(request, model)

    async def _exchange(self, key: str) -> tuple[str, float]:
        """A token for a key, with its lifetime in seconds. Raises: UpstreamError."""
        form = urlencode({"grant_type": GRANT, "apikey": key}).encode()
        headers = {"content-type": FORM, "accept": "application/json"}
        response = await self.upstream.send(UpstreamRequest("POST", self.config.iam_url, headers, form), key)
        body = await response.read(ERROR_BYTES)
        if response.status >= 400:
            response.status = 401 if response.status == 400 else response.status  # 400 is for keys it does not know
            raise rejection(self.deps.provider_id, response, body, None, key, own_key=key != self.get_api_key())
        document = self._json(body)
        match document:
            case {"access_token": str(token), "expires_in": int(lifetime_s)}:
                return token, lifetime_s
        raise self.upstream.bad("sent no token for its key")

    async def shutdown(self) -> None:
        self.tokens.close()
        await super().shutdown()
