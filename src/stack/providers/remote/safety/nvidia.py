"""NVIDIA: a server of NeMo Guardrails, or a content safety model as a NIM, hosted or of your own.

Docs: https://docs.nvidia.com/nemo/microservices/latest/guardrails/checks.html and
https://docs.nvidia.com/nim/llama-3-1-nemotron-safety-guard-8b/prompt-template.md. A server is asked where
`guardrails_service_url` is set. Checked against the documentation alone; not confirmed: `rails_status` of rails that
change a message. Models that answer in lines instead of JSON (`nemotron-3-content-safety`) are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, SecretStr

from stack.apis.safety import CheckedMessage, Finding, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.errors import InvalidRequest
from stack.formats.moderations import encodable
from stack.formats.nemoguard import blocking_rails, categories, exchange, findings, prompt, slug
from stack.providers.remote.service import Service, ServiceConfig
from stack.providers.shield_params import refuse_images, settings_of, upstream_name
from stack.registry.spec import ConfigModel, Deps, Provider, env

MAX_TOKENS = 200


class Params(ConfigModel):
    """What a shield may choose."""

    config_id: str = env(
        "NVIDIA_GUARDRAILS_CONFIG_ID", "self-check", "Configuration of the server of NeMo Guardrails.", min_length=1
    )
    max_chars: int = Field(100_000, ge=100, description="Longest message that is judged, in characters.")
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")


class Config(Params, ServiceConfig):
    switch: ClassVar[str] = "guardrails_service_url"

    guardrails_service_url: str | None = env(
        "GUARDRAILS_SERVICE_URL", None, "Root of a server of NeMo Guardrails; without one, a model is asked."
    )
    base_url: str = env("NVIDIA_BASE_URL", "https://integrate.api.nvidia.com/v1", "API root of the model.")
    api_key: SecretStr | None = env("NVIDIA_API_KEY", None, "Bearer token for whichever of the two is asked.")
    model: str = Field(
        "nvidia/llama-3.1-nemotron-safety-guard-8b-v3", description="Model of shields that name none; NeMo's main one."
    )


class Nvidia(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._service = Service(deps.provider_id, config, config.api_key)

    async def shutdown(self) -> None:
        self._service.close()

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        params = settings_of(shield, Params, self.config)
        return ShieldTraits(params.window_chars, params.stride_chars, wants_conversation=True)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        params = settings_of(shield, Params, self.config)
        refuse_images(shield, *messages)
        if not messages or not messages[-1].text.strip():
            return ShieldReport()
        spoken = exchange(messages)
        if (length := sum(len(message.text) for message in spoken)) > params.max_chars:
            raise InvalidRequest(f"{length} characters are too many to be judged: {params.max_chars} fit")
        model, last = upstream_name(shield, self.config.model), len(messages) - 1
        if self.config.guardrails_service_url:
            found = await self._rails(self.config.guardrails_service_url, params.config_id, model, spoken, last)
        else:
            found = await self._rated(model, spoken, last)
        return ShieldReport(found, user_message="This is against the rules of this service." if found else "")

    async def _rails(
        self, root: str, config_id: str, model: str, spoken: Sequence[CheckedMessage], last: int
    ) -> tuple[Finding, ...]:
        """What the rails of a configuration say. Raises: UpstreamError."""
        told = [
            {"role": "assistant" if each.role == "assistant" else "user", "content": encodable(each.text)}
            for each in spoken
        ]
        body = {"model": model, "messages": told, "guardrails": {"config_id": config_id}}
        url = f"{root.rstrip('/').removesuffix('/v1')}/v1/guardrail/checks"
        if (rails := blocking_rails(await self._service.post(url, body))) is None:
            raise self._service.upstream.bad("sent an answer that is no result of checks")
        return tuple(Finding(f"nvidia/{slug(rail)}", 1.0, last, provider_code=rail[:100]) for rail in rails)

    async def _rated(self, model: str, spoken: Sequence[CheckedMessage], last: int) -> tuple[Finding, ...]:
        """What a content safety model says. Raises: UpstreamError."""
        asked = [{"role": "user", "content": prompt(spoken)}]
        answer = await self._service.chat(self.config.base_url, model, asked, MAX_TOKENS)
        if (names := categories(answer, spoken[-1].role)) is None:
            raise self._service.upstream.bad(f"got no rating from the model `{model}`")
        return findings(names, last)
