"""Guardrails of Amazon Bedrock. Docs: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails.html

What a user says is checked as input, what a model says as output. A guardrail that masks tells what it masked: such
findings have places, and Bedrock's own words for a replacement. Images are PNG or JPEG, sent as data.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from stack.apis.safety import CheckedMessage, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.errors import InvalidRequest
from stack.formats.bedrock_guardrail import INTERVENED, Assessed, findings, from_native, to_native
from stack.providers.remote.aws import AwsConfig, Signer
from stack.providers.remote.credentials import callers_key
from stack.providers.remote.service import Service, ServiceConfig, each_of
from stack.providers.remote.upstream import UpstreamRequest
from stack.providers.shield_params import UNREADABLE, refuse_images, settings_of, upstream_name
from stack.registry.spec import ConfigModel, Deps, Provider, env

# Both as the API's model has them.
GUARDRAIL = r"^([a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+)$"
VERSION = r"^([1-9][0-9]{0,7}|DRAFT)$"
_GUARDRAIL = re.compile(GUARDRAIL)


class Params(ConfigModel):
    """What a shield may choose."""

    guardrail_version: str = Field(
        "DRAFT", pattern=VERSION, description="Version of the guardrail: a number, or `DRAFT`."
    )
    images: bool = Field(False, description="Whether the guardrail checks images.")
    max_chars: int = Field(25_000, ge=100, description="Longest message that is checked, in characters.")
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")

    @model_validator(mode="before")
    @classmethod
    def _read_llama_stacks_word(cls, given: Any) -> Any:
        if isinstance(given, dict) and "guardrailVersion" in given:
            return {name: each for name, each in given.items() if name != "guardrailVersion"} | {
                "guardrail_version": given["guardrailVersion"]
            }
        return given


class Config(Params, ServiceConfig, AwsConfig):
    switch: ClassVar[str] = "guardrail_id"

    guardrail_id: str | None = env(
        "BEDROCK_GUARDRAIL_ID", None, "Id or ARN of the guardrail of shields that name none.", pattern=GUARDRAIL
    )
    region: str = env("AWS_REGION", "us-east-1", "Region of the guardrails.", pattern=r"^[A-Za-z0-9-]{1,64}$")
    api_key: SecretStr | None = env("AWS_BEARER_TOKEN_BEDROCK", None, "A key of Bedrock's own, instead of AWS's.")
    endpoint_url: str | None = env(
        "BEDROCK_ENDPOINT_URL", None, "Root of the service; default: that of AWS in the region."
    )


class Bedrock(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._service = Service(deps.provider_id, config, config.api_key)
        self._signer = Signer(deps.provider_id, "bedrock", config.region, config.keys)

    async def shutdown(self) -> None:
        self._service.close()

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        params = settings_of(shield, Params, self.config)
        self._url(shield, params)
        return ShieldTraits(params.window_chars, params.stride_chars, params.images)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        params = settings_of(shield, Params, self.config)
        if not params.images:
            refuse_images(shield, *messages)
        url = self._url(shield, params)
        bodies = [self._body(message, params) for message in messages]
        full = [index for index, body in enumerate(bodies) if body["content"]]
        answers = await each_of(full, lambda index: self._assessed(url, bodies[index]))
        told = [
            (answer.action, found)
            for index, answer in zip(full, answers, strict=True)
            for found in findings(answer, messages[index], index)
        ]
        if any(action == INTERVENED for action, _ in told):
            objections = tuple(found for action, found in told if action == INTERVENED)
            return ShieldReport(objections, user_message="This is against the rules of this service.")
        return ShieldReport(tuple(found for _, found in told), "info")

    def _url(self, shield: Shield, params: Params) -> str:
        """Where a guardrail is. Raises: InvalidRequest for a name that none can have."""
        name = upstream_name(shield, self.config.guardrail_id)
        if not _GUARDRAIL.fullmatch(name):
            said = f"`{name[:64]}` is no id or ARN of a guardrail: set the shield's `provider_shield_id`"
            raise InvalidRequest(said, param="provider_shield_id")
        root = self.config.endpoint_url or f"https://bedrock-runtime.{self.config.region}.amazonaws.com"
        return f"{root.rstrip('/')}/guardrail/{quote(name, safe='')}/version/{params.guardrail_version}/apply"

    def _body(self, message: CheckedMessage, params: Params) -> dict[str, Any]:
        """What is sent of a message. Raises: InvalidRequest for one that the service cannot check."""
        if len(message.text) > params.max_chars:
            raise InvalidRequest(
                f"a message of {len(message.text)} characters is too long to be checked: {params.max_chars} fit"
            )
        if (body := to_native(message)) is None:
            said = "a guardrail reads images of type PNG or JPEG in `data:` URLs: send the image itself"
            raise InvalidRequest(said, code=UNREADABLE)
        return body

    async def _assessed(self, url: str, body: dict[str, Any]) -> Assessed:
        has_key = self.config.api_key is not None or callers_key(self.deps.provider_id) is not None
        document = await self._service.post(url, body, authorize=None if has_key else self._sign)
        if (assessed := from_native(document)) is None:
            raise self._service.upstream.bad("sent an answer that is no assessment")
        return assessed

    async def _sign(self, request: UpstreamRequest) -> str:
        return await asyncio.to_thread(self._signer.sign, request)  # may ask the machine for credentials
