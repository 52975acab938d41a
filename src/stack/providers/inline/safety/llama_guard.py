"""Llama Guard, or any other model that follows its prompt, as a shield: the 14 hazards of MLCommons.

The model is one of this stack's, named by `provider_shield_id`. Whatever is not a verdict is an error, never "safe".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from stack.apis.chat import ChatCompletionRequest, ChoiceLogprobs
from stack.apis.completions import CompletionLogprobs, CompletionRequest
from stack.apis.safety import CheckedMessage, Safety, ShieldReport
from stack.apis.shields import Shield, ShieldTraits
from stack.apis.wire import Reply, Stream
from stack.errors import BadUpstreamReply, InvalidRequest, UpstreamError
from stack.formats.llama_guard import (
    Policy,
    Version,
    alternating,
    certainty,
    is_small,
    latest,
    policy,
    sees_images,
    version_of,
)
from stack.providers.shield_params import UNREADABLE, refuse_images, settings_of, upstream_name
from stack.registry.spec import Deps, Provider, ProviderConfig

MAX_TOKENS = 100  # a verdict by every code has about half as many
_MAX_CHARS = {
    2: 6_000,
    3: 100_000,
    4: 100_000,
}  # of contexts of 8 and 128 thousand tokens, a character being one or less
_REFUSED = (400, 422)

A = TypeVar("A", bound=BaseModel)


class Config(ProviderConfig):
    version: Version | None = Field(
        None, description="Version of the policy and of the prompt; default: the one in the model's name, else 4."
    )
    prompt: Literal["message", "template", "completion"] = Field(
        "message",
        description="How the model is asked: `message`, by one message with all of the prompt, for any model;"
        " `template`, by the conversation alone, for a server whose chat template holds the prompt; `completion`, by"
        " the prompt with the model's own marks, for a server that continues raw text.",
    )
    excluded_categories: list[str] = Field(default_factory=list, description="Codes that are no objection, as `S6`.")
    custom_categories: dict[str, str] = Field(
        default_factory=dict,
        description="Further categories, or others in place of the model's: a code, and what the prompt says of it, its"
        " name first (`Competitors. Praise of what others sell`).",
    )
    images: bool | None = Field(None, description="Whether the model sees images; default: what its name tells.")
    logprobs: bool = Field(True, description="Ask how sure the model is; one that does not tell is not asked again.")
    max_messages: int = Field(10, ge=1, le=1000, description="Turns that are shown, the last one counted.")
    max_chars: int | None = Field(
        None, ge=100, description="Characters that are shown; default: 6000 for version 2, else 100000."
    )
    window_chars: int = Field(1_000, ge=1, le=100_000, description="In a stream, characters that are held back.")
    stride_chars: int = Field(500, ge=1, le=100_000, description="In a stream, new characters between two questions.")


class Question:
    """A shield's settings, ready to be asked by. Raises: InvalidRequest."""

    def __init__(self, shield: Shield, config: Config) -> None:
        self.config = settings_of(shield, Config, config)
        self.model = upstream_name(shield)
        self.version: Version = self.config.version or version_of(self.model) or 4
        own = self.config.images
        self.images = sees_images(self.model, self.version) if own is None else own
        self.policy: Policy = policy(
            self.version, self.config.excluded_categories, self.config.custom_categories, small=is_small(self.model)
        )
        self.max_chars = self.config.max_chars or _MAX_CHARS[self.version]
        if self.config.prompt == "template" and self.config.custom_categories:
            said = (
                "`custom_categories` cannot be told to a model whose server makes the prompt: set `prompt` to `message`"
            )
            raise InvalidRequest(said, param="custom_categories")
        if self.config.prompt == "completion" and self.config.images:
            said = "`images` cannot be shown within a raw prompt: set `prompt` to `message` or `template`"
            raise InvalidRequest(said, param="images")
        self.images = self.images and self.config.prompt != "completion"

    @property
    def traits(self) -> ShieldTraits:
        return ShieldTraits(self.config.window_chars, self.config.stride_chars, self.images, wants_conversation=True)

    def turns(self, shield: Shield, messages: Sequence[CheckedMessage]) -> list[CheckedMessage]:
        """The turns to show. Raises: InvalidRequest for images that the model cannot see, or too long a message."""
        if not self.images:
            refuse_images(shield, *messages)
        turns = latest(messages, self.config.max_messages, self.max_chars)
        if self.version == 3 and len(turns[-1].images) > 1:
            said = f"the shield `{shield.shield_id}` reads one image at a time: send them one by one"
            raise InvalidRequest(said, code=UNREADABLE)
        return turns

    def chat(self, turns: Sequence[CheckedMessage], *, logprobs: bool) -> ChatCompletionRequest:
        """The request for a verdict on the last of some turns."""
        in_template = self.config.prompt == "template"
        asked = alternating(turns) if in_template else [{"role": "user", "content": self.policy.prompt(turns)}]
        messages: list[dict[str, Any]] = [*asked]
        if shown := self._shown(turns):
            last = [message for message in messages if message["role"] == "user"][-1]
            last["content"] = [*shown, {"type": "text", "text": last["content"]}]
        body = {"model": self.model, "messages": messages, "temperature": 0.0, "max_tokens": MAX_TOKENS}
        return ChatCompletionRequest.model_validate(body | ({"logprobs": True} if logprobs else {}))

    def completion(self, turns: Sequence[CheckedMessage], *, logprobs: bool) -> CompletionRequest:
        """The same as a text to be continued."""
        body = {"model": self.model, "prompt": self.policy.completion(turns), "temperature": 0.0}
        body |= {"max_tokens": MAX_TOKENS} | ({"logprobs": 1} if logprobs else {})
        return CompletionRequest.model_validate(body)

    def _shown(self, turns: Sequence[CheckedMessage]) -> list[dict[str, Any]]:
        # Version 3 sees one image: that of the turn to judge, else the latest before it.
        images = [image for turn in turns for image in turn.images]
        images = images[-1:] if self.version == 3 else images
        return [{"type": "image_url", "image_url": {"url": image}} for image in images]


class LlamaGuard(Provider, Safety):
    config: Config

    def __init__(self, config: Config, deps: Deps) -> None:
        super().__init__(config, deps)
        self._without_logprobs: set[str] = set()

    async def initialize(self) -> None:
        """Raises: InvalidRequest for settings that no shield could have."""
        await self.describe_shield(Shield(self.deps.provider_id))

    async def describe_shield(self, shield: Shield) -> ShieldTraits:
        return Question(shield, self.config).traits

    async def run_shield(self, shield: Shield, messages: Sequence[CheckedMessage]) -> ShieldReport:
        question = Question(shield, self.config)
        if not messages or not (messages[-1].text.strip() or messages[-1].images):
            return ShieldReport()
        turns = question.turns(shield, messages)
        answer, score = await self._answer(question, turns)
        if (codes := question.policy.codes(answer)) is None:
            raise self._no_verdict(question)
        findings = question.policy.findings(codes, len(messages) - 1, score)
        return ShieldReport(findings, user_message="This is against the rules of this service." if findings else "")

    async def _answer(self, question: Question, turns: Sequence[CheckedMessage]) -> tuple[str, float]:
        """What the model says, and how sure it is. Raises: UpstreamError."""
        logprobs = question.config.logprobs and question.model not in self._without_logprobs
        try:
            return await self._asked(question, turns, logprobs)
        except UpstreamError as error:
            if not (logprobs and error.upstream.status in _REFUSED):
                raise
        answer = await self._asked(question, turns, logprobs=False)
        self._without_logprobs.add(question.model)
        return answer

    async def _asked(self, question: Question, turns: Sequence[CheckedMessage], logprobs: bool) -> tuple[str, float]:
        if question.config.prompt == "completion":
            text = await self.deps.inference.openai_completion(question.completion(turns, logprobs=logprobs))
            for choice in (await self._whole(question, text)).choices:
                return choice.text, certainty(_raw_words(choice.logprobs))
        else:
            said = await self.deps.inference.openai_chat_completion(question.chat(turns, logprobs=logprobs))
            for answer in (await self._whole(question, said)).choices:
                return answer.message.content or "", certainty(_words(answer.logprobs))
        raise self._no_verdict(question)

    async def _whole(self, question: Question, said: Reply[A] | Stream[Any]) -> A:
        """The value of an answer that is no stream. Raises: BadUpstreamReply."""
        if isinstance(said, Stream):
            await said.aclose()
            raise self._no_verdict(question)
        try:
            return said.value
        except ValidationError as error:
            raise self._no_verdict(question) from error

    def _no_verdict(self, question: Question) -> BadUpstreamReply:
        provider_id = self.deps.provider_id
        return BadUpstreamReply(
            f"provider `{provider_id}` got no verdict from the model `{question.model}`: does it follow the prompt?",
            provider_id=provider_id,
            phase="read",  # of one answer: the model may well judge the next text
        )


def _words(logprobs: ChoiceLogprobs | None) -> Iterator[tuple[str, float | None]]:
    return ((each.token, each.logprob) for each in (logprobs.content if logprobs else None) or ())


def _raw_words(logprobs: CompletionLogprobs | None) -> Iterator[tuple[str, float | None]]:
    return zip((logprobs and logprobs.tokens) or (), (logprobs and logprobs.token_logprobs) or (), strict=False)
