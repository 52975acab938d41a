"""A completion request answered: the prompt is read as a question in its context, and goes on with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stack.apis.completions import Completion, CompletionChoice, CompletionLogprobs, CompletionRequest
from stack.apis.usage import CompletionUsage
from stack.errors import InvalidRequest, UnsupportedParameter
from stack.providers.inline.playground.answers import Manner, answer
from stack.providers.inline.playground.chatting import FINGERPRINT, digest, stretch, usage
from stack.providers.inline.playground.conversation import Conversation, Turn
from stack.providers.inline.playground.logprobs import completion_logprobs
from stack.providers.inline.playground.options import MAX_ANSWERS, Bounds, check_completion, completion_bounds
from stack.providers.inline.playground.text import token_count, tokens


@dataclass(frozen=True, slots=True)
class Continuation:
    """One choice. echo: the prompt, if it is to be repeated before the text."""

    echo: str
    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """All choices of an answer, and what is told with each chunk of it."""

    id: str
    created: int
    model: str
    continuations: tuple[Continuation, ...]
    prompt_tokens: int
    logprobs: int | None = None
    includes_usage: bool = False

    @property
    def usage(self) -> CompletionUsage:
        """Tokens by our own estimate; an echo is not counted twice."""
        return usage(self.prompt_tokens, sum(token_count(one.text) for one in self.continuations))

    def whole(self) -> Completion:
        """The answer in one piece."""
        choices = [
            CompletionChoice(
                index=index, text=one.echo + one.text, finish_reason=one.finish_reason, logprobs=self._logprobs_of(one)
            )
            for index, one in enumerate(self.continuations)
        ]
        return self._completion(choices, usage=self.usage)

    def chunks(self) -> Iterator[Completion]:
        """The answer in pieces: choice after choice, the echo in one piece, then one token a chunk."""
        for index, one in enumerate(self.continuations):
            offset = 0
            for piece in [one.echo, *tokens(one.text)] if one.echo else tokens(one.text):
                logprobs = self._logprobs(piece, offset, starts_document=bool(one.echo) and not offset)
                choice = CompletionChoice(index=index, text=piece, finish_reason=None, logprobs=logprobs)
                yield self._completion([choice], **self._no_usage())
                offset += len(piece)
            last = CompletionChoice(index=index, text="", finish_reason=one.finish_reason, logprobs=None)
            yield self._completion([last], **self._no_usage())
        if self.includes_usage:
            yield self._completion([], usage=self.usage)

    def _logprobs_of(self, one: Continuation) -> CompletionLogprobs | None:
        if not one.echo or self.logprobs is None:
            return self._logprobs(one.text, 0)
        # Token by token as in the stream: the echo and what follows are not cut across their border.
        echo = completion_logprobs(one.echo, self.logprobs, 0, starts_document=True)
        text = completion_logprobs(one.text, self.logprobs, len(one.echo))
        both = {name: [*value, *dict(text)[name]] for name, value in dict(echo).items()}
        return CompletionLogprobs(**both)

    def _logprobs(self, text: str, offset: int, starts_document: bool = False) -> CompletionLogprobs | None:
        return None if self.logprobs is None else completion_logprobs(text, self.logprobs, offset, starts_document)

    def _no_usage(self) -> dict[str, Any]:
        return {"usage": None} if self.includes_usage else {}

    def _completion(self, choices: list[CompletionChoice], **more: Any) -> Completion:
        return Completion(
            id=self.id,
            object="text_completion",
            created=self.created,
            model=self.model,
            choices=choices,
            system_fingerprint=FINGERPRINT,
            **more,
        )


def draft_completion(request: CompletionRequest, created: int, answer_tokens: int = 0) -> TextAnswer:
    """The answer to a completion request: `n` choices for each prompt. Raises InvalidRequest, UnsupportedParameter.

    Choices come best first, so `best_of` has nothing left to choose. created, answer_tokens: as for a chat.
    """
    check_completion(request)
    prompts = _read_prompts(request.prompt)
    if (count := len(prompts) * (request.n or 1)) > MAX_ANSWERS:
        message = f"`prompt` asks for {count} continuations: ask for at most {MAX_ANSWERS} at a time"
        raise InvalidRequest(message, param="prompt")
    bounds = completion_bounds(request)
    continuations = [one for prompt in prompts for one in _continue(prompt, request, bounds, answer_tokens)]
    return TextAnswer(
        id="cmpl-" + digest(request.body()),
        created=created,
        model=request.model,
        continuations=tuple(continuations),
        prompt_tokens=sum(map(token_count, prompts)),
        logprobs=request.logprobs,
        includes_usage=bool(request.stream_options and request.stream_options.include_usage),
    )


def _read_prompts(prompt: str | list[str] | list[int] | list[list[int]] | None) -> list[str]:
    if prompt is None or isinstance(prompt, str):
        return [prompt or ""]
    texts = [one for one in prompt if isinstance(one, str)]
    if len(texts) < len(prompt):
        message = "the playground has no vocabulary to decode token ids with: send `prompt` as text"
        raise UnsupportedParameter(message, param="prompt")
    return texts


def _continue(prompt: str, request: CompletionRequest, bounds: Bounds, answer_tokens: int) -> Iterator[Continuation]:
    # What follows the gap is context like what stands before it, and the question is in the prompt.
    after = (Turn("system", request.suffix),) if request.suffix else ()
    turns = (*after, Turn("user", prompt))
    gap = "" if not prompt or prompt[-1].isspace() else " "
    for text in answer(Conversation(turns), Manner(request.seed), request.n or 1):
        yield Continuation(prompt if request.echo else "", *bounds.cut(gap + stretch(text, answer_tokens)))
