"""Another stack, or a service that answers `run-shield` and `moderations` as one does, with the caller's credentials.

Docs: https://llama-stack.readthedocs.io/en/latest/references/api_reference/ (Safety). A Llama Stack server tells no
places; another `stack` does, so that its findings can be masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from stack.apis.moderations import InputType, ModerationRequest, ModerationResponse, moderation_response
from stack.apis.safety import (
    CheckedMessage,
    Finding,
    FindingObject,
    RunShieldResponse,
    Safety,
    SafetyViolation,
    ShieldReport,
    moderated,
)
from stack.apis.shields import Shield, ShieldTraits
from stack.errors import InvalidRequest
from stack.formats.moderations import as_input, as_moderation, encodable, judgements
from stack.providers.remote.credentials import callers_data
from stack.providers.remote.service import Service, ServiceConfig, each_of
from stack.providers.shield_params import refuse_images, settings_of, upstream_name
from stack.registry.spec import ConfigModel, Deps, Provider, env

MAX_WORDS = 200  # characters of a category or of a sentence for the user
# Those that frame a message or belong to one connection (RFC 9110, 7.6.1), and those that are ours to set.
BLOCKED = {
    *("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect"),
    *("forwarded", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
    *("trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-forwarded-for", "x-forwarded-host"),
    *("x-forwarded-proto", "x-real-ip", "x-request-id", "x-stack-provider-data"),
}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_LEVELS = ("info", "warn", "error")
_ROLES = {"assistant": "assistant", "system": "system", "developer": "system"}


class Params(ConfigModel):
    """What a shield may choose."""

    conversation: bool = Field(False, description="Judge the last message in the light of those before it.")
    images: bool = Field(False, description="Whether the other shield reads images.")
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")


class Config(Params, ServiceConfig):
    switch: ClassVar[str] = "base_url"

    base_url: str = env("PASSTHROUGH_SAFETY_URL", ..., "API root; `/safety/run-shield` is put behind it.")
    api_key: SecretStr | None = env("PASSTHROUGH_SAFETY_API_KEY", None, "For callers without a key of their own.")
    forward_headers: dict[str, str] = Field(
        default_factory=dict,
        description="Headers to send, each by the name of its value in a caller's provider data: `{token: x-token}`.",
    )
    extra_blocked_headers: list[str] = Field(
        default_factory=list, description="Headers that are never sent, beside those that frame a message."
    )

    @field_validator("extra_blocked_headers")
    @classmethod
    def _in_lower_case(cls, names: list[str]) -> list[str]:
        return [name.lower() for name in names]

    @model_validator(mode="after")
    def _nothing_blocked_is_forwarded(self) -> Self:
        for name in self.forward_headers.values():
            if not _HEADER.fullmatch(name):
                raise ValueError(f"`forward_headers` has `{name[:64]}`, which is no name of a header")
            if name.lower() in BLOCKED or name.lower() in self.extra_blocked_headers:
                raise ValueError(f"`forward_headers` has `{name}`, which is never sent: name another header")
        return self


class Passthrough(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._service = Service(deps.provider_id, config, config.api_key)

    async def shutdown(self) -> None:
        self._service.close()

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        params = settings_of(shield, Params, self.config)
        return ShieldTraits(params.window_chars, params.stride_chars, params.images, params.conversation)

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        traits = await self._readable(shield, messages)
        if not messages:
            return ShieldReport()
        if traits.wants_conversation:
            violations = [await self._violation(shield, messages)]
            return self._report(violations, [len(messages) - 1], messages)
        # Each by itself: the answer need not tell which of several it is about.
        violations = await each_of(messages, lambda message: self._violation(shield, [message]))
        return self._report(violations, list(range(len(messages))), messages)

    async def run_moderation(self, shield: Shield, request: ModerationRequest) -> ModerationResponse:
        messages = moderated(request)
        await self._readable(shield, messages)
        apart = isinstance(request.input, str) or isinstance(request.input[0], str)
        given: list[Any] = [encodable(each.text) for each in messages] if apart else as_input(messages[0])
        name = upstream_name(shield)
        document = await self._post("/moderations", {"model": name, "input": given})
        if (told := judgements(document, len(messages))) is None:
            raise self._service.upstream.bad("sent an answer that is no moderation of each input")
        kinds: list[list[InputType]] = [["text", "image"] if each.images else ["text"] for each in messages]
        return moderation_response(shield.shield_id, map(as_moderation, told, kinds))

    async def _readable(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldTraits:
        traits = await self.describe_shield(shield)
        if not traits.reads_images:
            refuse_images(shield, *messages)
        return traits

    async def _violation(self, shield: Shield, messages: Sequence[CheckedMessage]) -> SafetyViolation | None:
        """What the other shield objects to. Raises: UpstreamError."""
        name = upstream_name(shield)
        body = {"shield_id": name, "messages": [_as_chat(each) for each in messages], "params": {}}
        document = await self._post("/safety/run-shield", body)
        try:
            if "violation" in document:  # without one, nobody can tell what was meant
                return _about_last(RunShieldResponse.model_validate(document).violation, len(messages) - 1)
        except ValidationError as error:
            raise self._service.upstream.bad("sent an answer that is no report of a shield") from error
        raise self._service.upstream.bad("sent an answer that does not tell of a `violation`")

    async def _post(self, path: str, body: object) -> dict[str, Any]:
        url = f"{self.config.base_url.rstrip('/')}{path}"
        return await self._service.post(url, body, headers=self._forwarded())

    def _forwarded(self) -> dict[str, str]:
        """The caller's values for the headers that are forwarded. Raises: InvalidRequest for one that is no header."""
        given, sent = callers_data(self.deps.provider_id), {}
        for key, header in self.config.forward_headers.items():
            value = given.get(key)
            if isinstance(value, str) and value:
                if not value.isprintable() or not value.isascii():
                    raise InvalidRequest(f"`{key}` of the provider data cannot be sent in a header: use plain ASCII")
                sent[header.lower()] = value
        return sent

    def _report(
        self, violations: Sequence[SafetyViolation | None], indices: Sequence[int], messages: Sequence[CheckedMessage]
    ) -> ShieldReport:
        """One report of several: what is gravest counts."""
        told = [(each, index) for each, index in zip(violations, indices, strict=True) if each is not None]
        if not told:
            return ShieldReport()
        level = max((each.violation_level for each, _ in told), key=_LEVELS.index)
        gravest = [(each, index) for each, index in told if each.violation_level == level]
        found = tuple(finding for each, index in gravest for finding in _findings(each, index, messages))
        said = next((each.user_message for each, _ in gravest if each.user_message), "") or ""
        return ShieldReport(found, level, said[:MAX_WORDS])


def _as_chat(message: CheckedMessage) -> dict[str, Any]:
    text = encodable(message.text)
    shown = [{"type": "image_url", "image_url": {"url": image}} for image in message.images]
    # Llama Stack wants more of the messages of tools than is known here, and of an assistant's how it ended.
    told: dict[str, Any] = {"role": _ROLES.get(message.role, "user")}
    told["content"] = [{"type": "text", "text": text}, *shown] if shown else text
    return told | ({"stop_reason": "end_of_turn"} if message.role == "assistant" else {})


def _about_last(violation: SafetyViolation | None, last: int) -> SafetyViolation | None:
    """A violation in which what was found in another message than the last has no place."""
    for each in violation.findings if violation else ():
        if each.message != last:
            each.start = each.end = None
    return violation


def _findings(violation: SafetyViolation, index: int, messages: Sequence[CheckedMessage]) -> list[Finding]:
    """What a violation tells, with places where it tells them and they are places of the text."""
    if not violation.findings:
        kind = violation.metadata.get("violation_type")
        name = kind if isinstance(kind, str) and kind else "passthrough/violation"
        scores = violation.categories or {name: 1.0}
        return [Finding(each[:MAX_WORDS], min(1.0, max(0.0, score)), index) for each, score in scores.items()]
    return [_finding(each, index, len(messages[index].text)) for each in violation.findings]


def _finding(told: FindingObject, index: int, length: int) -> Finding:
    start, end = told.start, told.end
    has_place = start is not None and end is not None and 0 <= start < end <= length
    return Finding(
        told.category[:MAX_WORDS],
        min(1.0, max(0.0, told.score)),
        index,
        start if has_place else None,
        end if has_place else None,
        told.replacement,
        told.provider_code[:MAX_WORDS],
    )
