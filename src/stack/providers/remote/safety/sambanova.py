"""SambaNova's Llama Guard. Docs: https://docs.sambanova.ai/docs/en/models/sambacloud-models

The conversation goes as it is: the model's own chat template makes the prompt of it. Checked against the documentation
alone; not confirmed: which versions of the model are served today, and logprobs, which are not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, SecretStr

from stack.apis.safety import CheckedMessage, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.formats.llama_guard import Policy, Version, alternating, is_small, latest, policy, version_of
from stack.providers.remote.service import Service, ServiceConfig
from stack.providers.shield_params import refuse_images, settings_of, upstream_name
from stack.registry.spec import ConfigModel, Deps, Provider, env

MAX_TOKENS = 100


class Params(ConfigModel):
    """What a shield may choose."""

    version: Version | None = Field(None, description="Version of the policy; default: the one in the model's name.")
    excluded_categories: list[str] = Field(default_factory=list, description="Codes that are no objection, as `S6`.")
    max_messages: int = Field(10, ge=1, le=1000, description="Turns that are shown, the last one counted.")
    max_chars: int = Field(25_000, ge=100, description="Characters that are shown.")
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")


class Config(Params, ServiceConfig):
    base_url: str = env("SAMBANOVA_URL", "https://api.sambanova.ai/v1", "API root.")
    api_key: SecretStr | None = env("SAMBANOVA_API_KEY", None, "Key from cloud.sambanova.ai.")
    model: str = Field("Meta-Llama-Guard-3-8B", description="Model of shields that name none.")


class SambaNova(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._service = Service(deps.provider_id, config, config.api_key)

    async def initialize(self) -> None:
        """Raises: InvalidRequest for settings that no shield could have."""
        await self.describe_shield(Shield(self.deps.provider_id))

    async def shutdown(self) -> None:
        self._service.close()

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        params = settings_of(shield, Params, self.config)
        self._policy(shield, params)
        return ShieldTraits(params.window_chars, params.stride_chars, wants_conversation=True)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        params = settings_of(shield, Params, self.config)
        rules = self._policy(shield, params)
        refuse_images(shield, *messages)
        if not messages or not messages[-1].text.strip():
            return ShieldReport()
        turns = alternating(latest(messages, params.max_messages, params.max_chars))
        model = upstream_name(shield, self.config.model)
        answer = await self._service.chat(self.config.base_url, model, turns, MAX_TOKENS)
        if (codes := rules.codes(answer)) is None:
            raise self._service.upstream.bad(f"got no verdict from the model `{model}`: is it a Llama Guard?")
        found = rules.findings(codes, len(messages) - 1, 1.0)
        return ShieldReport(found, user_message="This is against the rules of this service." if found else "")

    def _policy(self, shield: Shield, params: Params) -> Policy:
        model = upstream_name(shield, self.config.model)
        version: Version = params.version or version_of(model) or 3
        return policy(version, params.excluded_categories, small=is_small(model))
