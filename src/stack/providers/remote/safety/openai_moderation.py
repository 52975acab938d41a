"""OpenAI's moderation endpoint, or a service that speaks like it: text and images.

Docs: https://platform.openai.com/docs/guides/moderation. `omni-moderation-latest` reads both; the older
`text-moderation-*` reads text alone. An answer passes as it came, categories that we do not know included. Not
confirmed: how many texts one request may hold (we send 32), and how long each may be.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field, SecretStr

from stack.apis.moderations import InputType, Moderation, ModerationRequest, ModerationResponse, moderation_response
from stack.apis.safety import CheckedMessage, Finding, Safety, ShieldReport, moderated
from stack.apis.shields import Shield, ShieldTraits
from stack.formats.moderations import Judgement, as_input, as_moderation, encodable, findings, judgements
from stack.providers.remote.service import Service, ServiceConfig, each_of
from stack.providers.shield_params import refuse_images, settings_of, upstream_name
from stack.registry.spec import ConfigModel, Deps, Provider, env

TEXTS_AT_ONCE = 32


class Params(ConfigModel):
    """What a shield may choose."""

    threshold: float | None = Field(
        None, ge=0, le=1, description="Score from which a category applies; default: what the service says applies."
    )
    categories: list[str] = Field(default_factory=list, description="The categories that count; none: all of them.")
    images: bool | None = Field(None, description="Whether the model reads images; default: if it is an `omni` one.")
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")


class Config(Params, ServiceConfig):
    base_url: str = env("OPENAI_BASE_URL", "https://api.openai.com/v1", "API root; `/moderations` is put behind it.")
    api_key: SecretStr | None = env("OPENAI_API_KEY", None, "Key from platform.openai.com.")
    model: str = Field("omni-moderation-latest", description="Model of shields that name none.")


class OpenAIModeration(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._service = Service(deps.provider_id, config, config.api_key)

    async def shutdown(self) -> None:
        self._service.close()

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        params = settings_of(shield, Params, self.config)
        is_omni = upstream_name(shield, self.config.model).startswith("omni")
        images = is_omni if params.images is None else params.images
        return ShieldTraits(params.window_chars, params.stride_chars, reads_images=images)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        params = settings_of(shield, Params, self.config)
        found: list[Finding] = []
        for index, judgement in enumerate(await self._judgements(shield, messages)):
            if judgement is not None:
                found += findings(judgement, index, params.threshold, params.categories)
        return ShieldReport(tuple(found), user_message="This is against the rules of this service." if found else "")

    async def run_moderation(self, shield: Shield, request: ModerationRequest) -> ModerationResponse:
        """The service's own judgement, all of its scores included, unless the shield has rules of its own."""
        params = settings_of(shield, Params, self.config)
        if params.threshold is not None or params.categories:
            return await super().run_moderation(shield, request)
        messages = moderated(request)
        told = await self._judgements(shield, messages)
        return moderation_response(shield.shield_id, map(_moderation, messages, told))

    async def _judgements(self, shield: Shield, messages: Sequence[CheckedMessage]) -> list[Judgement | None]:
        """What is said of each message; None of one that is empty, which the service would refuse."""
        if not (await self.describe_shield(shield)).reads_images:
            refuse_images(shield, *messages)
        texts = [index for index, each in enumerate(messages) if each.text.strip() and not each.images]
        batches = [texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(texts), TEXTS_AT_ONCE)]
        batches += [[index] for index, each in enumerate(messages) if each.images]

        async def one(batch: Sequence[int]) -> list[Judgement]:
            first = messages[batch[0]]
            given = as_input(first) if first.images else [encodable(messages[index].text) for index in batch]
            return await self._asked(shield, given, len(batch))

        told: dict[int, Judgement] = {}
        for batch, answer in zip(batches, await each_of(batches, one), strict=True):
            told |= zip(batch, answer, strict=True)
        return [told.get(index) for index in range(len(messages))]

    async def _asked(self, shield: Shield, given: Sequence[object], count: int) -> list[Judgement]:
        model = upstream_name(shield, self.config.model)
        url = f"{self.config.base_url.rstrip('/')}/moderations"
        document = await self._service.post(url, {"model": model, "input": given}, model=model)
        if (told := judgements(document, count)) is None:
            raise self._service.upstream.bad("sent an answer that is no moderation of each input")
        return told


def _moderation(message: CheckedMessage, judgement: Judgement | None) -> Moderation:
    given: dict[InputType, object] = {"text": message.text, "image": message.images}
    nothing = Judgement(flagged=False, categories={}, category_scores={})
    return as_moderation(judgement or nothing, [kind for kind, content in given.items() if content])
