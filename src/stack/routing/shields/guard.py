"""A model behind its shields: an `Inference` around an `Inference`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    EmbeddingsRequest,
    EmbeddingsResponse,
    Inference,
    Model,
    ModelAvailability,
    RerankRequest,
    RerankResponse,
)
from stack.apis.safety import CheckedMessage
from stack.apis.shields import ShieldTraits
from stack.apis.wire import Reply, Stream, WireRequest
from stack.errors import ContentBlocked, InvalidRequest, ShieldUnavailable, StackError
from stack.routing.rerank import rerank
from stack.routing.shields.checks import Checks, Outcome, Use, refusal
from stack.routing.shields.events import texts_of, without_logprobs
from stack.routing.shields.requests import Reading, read_request, rewritten
from stack.routing.shields.texts import Passage, Slot, encoded, masks_of
from stack.routing.shields.trail import HEADER, Trail, Verdict, header_of
from stack.routing.shields.window import Window

R = TypeVar("R", bound=WireRequest)
T = TypeVar("T", bound=BaseModel)
C = TypeVar("C", bound=BaseModel)
V = TypeVar("V")

_QUICK_BYTES = 256 * 1024  # read in about 3 ms


@dataclass(frozen=True, slots=True)
class Guard:
    """The shields of one model, and where their verdicts go."""

    input: Checks | None
    output: Checks | None
    trail: Trail


class Guards:
    """The guards of models: by the ids that run.yaml gives, and by what stands behind them.

    named: a guard, or None, per registered id. targets: provider id and the provider's own name of a model, `folded`,
    to its guard, for whoever names the model in another way.
    """

    def __init__(self, named: Mapping[str, Guard | None], targets: Mapping[tuple[str, str], Guard]) -> None:
        self._named = dict(named)
        self._targets = dict(targets)

    def around(self, inner: Inference, model_id: str, provider_id: str, provider_model_id: str) -> Inference:
        """A provider as one of its models may be asked: itself, for one that was registered without shields or never.

        model_id: what the caller said.
        """
        guard = self.of(model_id, provider_id, provider_model_id)
        return inner if guard is None else Guarded(inner, guard, model_id)

    def of(self, model_id: str, provider_id: str, provider_model_id: str) -> Guard | None:
        """The guard of a model, as `around` takes it."""
        if model_id in self._named:
            return self._named[model_id]
        return self._targets.get(folded(provider_id, provider_model_id))


def folded(provider_id: str, name: str) -> tuple[str, str]:
    """Some upstreams take a name in any case."""
    return provider_id, name.strip().casefold()


class _Admitted(NamedTuple):
    request: Any
    about: Sequence[CheckedMessage]
    verdicts: list[Verdict]


class Guarded(Inference):
    """Asks `inner` what its shields let pass, and answers what they let pass of its answer.

    model: the id that callers use, for the trail.
    """

    def __init__(self, inner: Inference, guard: Guard, model: str) -> None:
        self._inner = inner
        self._guard = guard
        self._model = model

    async def openai_chat_completion(
        self, request: ChatCompletionRequest
    ) -> Reply[ChatCompletion] | Stream[ChatCompletionChunk]:
        return await self._answer(request, self._inner.openai_chat_completion)

    async def openai_completion(self, request: CompletionRequest) -> Reply[Completion] | Stream[Completion]:
        return await self._answer(request, self._inner.openai_completion)

    async def openai_embeddings(self, request: EmbeddingsRequest) -> Reply[EmbeddingsResponse]:
        admitted = await self._admit(request)
        answer = await self._inner.openai_embeddings(admitted.request)
        _tell(answer, admitted.verdicts)
        return answer

    async def rerank(self, request: RerankRequest) -> Reply[RerankResponse]:
        admitted = await self._admit(request)
        answer = await rerank(self._inner, admitted.request)
        _tell(answer, admitted.verdicts)
        return answer

    async def list_models(self) -> list[Model]:
        return await self._inner.list_models()

    async def check_model_availability(self, model: str) -> ModelAvailability:
        return await self._inner.check_model_availability(model)

    async def _answer(self, request: R, ask: Callable[[R], Awaitable[Reply[T] | Stream[C]]]) -> Reply[T] | Stream[C]:
        admitted = await self._admit(request)
        answer = await ask(admitted.request)
        if self._guard.output is None:
            _tell(answer, admitted.verdicts)
            return answer
        if isinstance(answer, Stream):
            return await self._stream(answer, self._guard.output, admitted)
        return await self._whole(answer, self._guard.output, admitted)

    async def _admit(self, request: R) -> _Admitted:
        """The request as shields let it pass. Raises: ContentBlocked, ShieldUnavailable, InvalidRequest."""
        checks = self._guard.input
        if checks is None:
            return _Admitted(request, await self._conversation(request), [])
        size = len(request.body())
        reading = await _aside(size, lambda: read_request(request))
        messages = [passage.message() for passage in reading.passages]
        outcomes = await checks.run(messages, judging="each" if reading.independent else "new")
        verdicts = self._note(checks, outcomes)
        _check(outcomes, verdicts, checks, reading.param or None)
        sent = await _aside(size, lambda: _masked(request, reading, outcomes))
        about = [] if reading.independent else [passage.message() for passage in reading.passages]
        return _Admitted(sent, about, verdicts)

    async def _whole(self, answer: Reply[T], checks: Checks, admitted: _Admitted) -> Reply[T]:
        body = answer.body
        document, passages = await _aside(len(body), lambda: _read_answer(body))
        messages = [passage.message() for passage in passages]
        outcomes = await checks.run(messages, admitted.about, judging="each")
        verdicts = [*admitted.verdicts, *self._note(checks, outcomes)]
        _check(outcomes, verdicts, checks)
        if _mask(passages, outcomes):
            without_logprobs(document)
            answer = answer.replaced(encoded(document))
        _tell(answer, verdicts)
        return answer

    async def _stream(self, answer: Stream[C], checks: Checks, admitted: _Admitted) -> Stream[C]:
        try:
            traits = await self._traits(checks)
        except BaseException:
            await answer.aclose()
            raise
        verdicts = [_blank(use, checks) for use in checks.uses]
        window = Window(checks, traits, admitted.about, verdicts)
        _tell(answer, [*admitted.verdicts, *verdicts])
        return answer.through(self._passing(answer, window, verdicts))

    async def _passing(
        self, answer: Stream[C], window: Window, verdicts: Sequence[Verdict]
    ) -> AsyncGenerator[bytes, None]:
        """The blocks of a stream as its shields release them; what is held when it breaks is never seen."""
        try:
            async for block in answer.blocks():
                if released := await window.push(block):
                    yield released
            if released := await window.finish():
                yield released
        except StackError:
            await answer.aclose()
            raise
        finally:
            for verdict in verdicts:
                self._guard.trail.note(verdict, self._model)

    async def _conversation(self, request: WireRequest) -> Sequence[CheckedMessage]:
        """What was asked, as far as it can be read, for output shields that want to know: nothing of it is checked."""
        output = self._guard.output
        if output is None or not any(traits.wants_conversation for traits in await self._traits(output)):
            return []
        try:
            reading = await _aside(len(request.body()), lambda: read_request(request))
        except InvalidRequest:
            return []
        return [] if reading.independent else [passage.message() for passage in reading.passages]

    async def _traits(self, checks: Checks) -> list[ShieldTraits]:
        """What shields say of themselves. Raises: ShieldUnavailable, as a verdict of the one that does not."""
        told = await checks.traits()
        failed = [each for each in told if isinstance(each, Outcome)]
        _check(failed, self._note(checks, failed), checks)
        return [each for each in told if isinstance(each, ShieldTraits)]

    def _note(self, checks: Checks, outcomes: Sequence[Outcome]) -> list[Verdict]:
        verdicts = [_blank(outcome.use, checks) for outcome in outcomes]
        for verdict, outcome in zip(verdicts, outcomes, strict=True):
            verdict.add(outcome)
            self._guard.trail.note(verdict, self._model)
        return verdicts


async def _aside(size: int, work: Callable[[], V]) -> V:
    """The result of some work on JSON of so many bytes; in a thread, if it takes the processor for long."""
    return await asyncio.to_thread(work) if size > _QUICK_BYTES else work()


def _blank(use: Use, checks: Checks) -> Verdict:
    return Verdict(use.shield.shield_id, use.shield.provider_id, checks.stage)


def _check(outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], checks: Checks, param: str | None = None) -> None:
    error = refusal(outcomes, checks.stage, param)
    if isinstance(error, ContentBlocked | ShieldUnavailable):
        error.trail = header_of(verdicts)
    if error is not None:
        raise error


def _read_answer(body: bytes) -> tuple[dict[str, Any], list[Passage]]:
    """A whole answer, and a passage per text of it. Raises: InvalidRequest for an image, a file or speech."""
    document = json.loads(body)
    return document, [Passage("assistant", [Slot(t.holder, t.key, t.value)]) for t in texts_of(document)]


def _masked(request: R, reading: Reading, outcomes: Sequence[Outcome]) -> R:
    """A request without what is to be masked in it."""
    _mask(reading.passages, outcomes)
    return rewritten(request, reading.document)


def _mask(passages: Sequence[Passage], outcomes: Sequence[Outcome]) -> bool:
    """Replace what is to be masked; whether there was anything."""
    findings = [found for outcome in outcomes for found in outcome.masking]
    for index in {found.message for found in findings}:
        passages[index].mask(masks_of(found for found in findings if found.message == index))
    return bool(findings)


def _tell(answer: Reply[Any] | Stream[Any], verdicts: Sequence[Verdict]) -> None:
    if verdicts:
        answer.meta.headers[HEADER] = header_of(verdicts)
