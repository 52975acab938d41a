"""A good provider that is broken in one way: what comes back, what goes up, or what is raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pydantic_core

from stack.apis.inference import Inference
from stack.apis.wire import Reply, Stream, event_data
from stack.testing.answers import DONE, event

Change = Callable[[Any], Any]


def same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Breakage:
    """whole: of an answer's JSON; chunks: of a stream's; request: of what was asked; raised: of an error, None to
    swallow it; models: of the list; available: of what is told of a model; tail: what ends a stream."""

    whole: Change = same
    chunks: Change = same
    request: Change = same
    raised: Change = same
    models: Change = same
    available: Change = same
    tail: bytes = DONE


class Broken(Inference):
    """Asks `good`, and breaks what it says."""

    def __init__(self, good: Any, breakage: Breakage) -> None:
        self.good, self.breakage = good, breakage

    async def openai_chat_completion(self, request: Any) -> Any:
        return await self._call(self.good.openai_chat_completion, request)

    async def openai_completion(self, request: Any) -> Any:
        return await self._call(self.good.openai_completion, request)

    async def openai_embeddings(self, request: Any) -> Any:
        return await self._call(self.good.openai_embeddings, request)

    async def rerank(self, request: Any) -> Any:
        return await self._call(self.good.rerank, request)

    async def list_models(self) -> Any:
        return self.breakage.models(await self.good.list_models())

    async def check_model_availability(self, model: str) -> Any:
        return self.breakage.available(await self.good.check_model_availability(model))

    async def _call(self, call: Any, request: Any) -> Any:
        asked = self.breakage.request(pydantic_core.from_json(request.body()))
        try:
            answer = await call(type(request).from_body(pydantic_core.to_json(asked)))
            if isinstance(answer, Stream):
                return Stream(answer._value_type, answer.meta, self._events(answer))
            document = self.breakage.whole(pydantic_core.from_json(answer.body))
            return Reply(answer._value_type, answer.meta, body=pydantic_core.to_json(document))
        except Exception as error:
            instead = self.breakage.raised(error)
            if instead is not None:
                raise instead from error
            return Reply(type(request), None, body=b"{}")  # type: ignore[arg-type]

    async def _events(self, answer: Any) -> AsyncIterator[bytes]:
        chunks = []
        try:
            async for block in answer.blocks():
                chunks += [pydantic_core.from_json(data) for data in event_data(block) if data != b"[DONE]"]
        except Exception as error:
            if (instead := self.breakage.raised(error)) is not None:
                raise instead from error
        for chunk in self.breakage.chunks(chunks):
            yield event(chunk)
        yield self.breakage.tail


class Deaf(Broken):
    """Goes on reading its service when the caller has left."""

    async def _call(self, call: Any, request: Any) -> Any:
        answer = await call(request)
        self.kept = answer.blocks()
        return Stream(answer._value_type, answer.meta, self._passed()) if isinstance(answer, Stream) else answer

    async def _passed(self) -> AsyncIterator[bytes]:
        yield await anext(self.kept)
        yield await anext(self.kept)


class Endless(Broken):
    """Waits for what never comes."""

    async def _call(self, call: Any, request: Any) -> Any:
        await asyncio.Event().wait()
