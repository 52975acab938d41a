"""A provider from outside the tree: it writes down what happens to it, and never ends a stream by itself."""

from __future__ import annotations

from itertools import count

from stack.apis.context import request_context
from stack.apis.inference import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, Inference, Model
from stack.apis.wire import Reply, Stream
from stack.registry.spec import Deps, ProviderConfig, ProviderSpec

SPEC = ProviderSpec("inference", "inline::counting", "Counts.", module=__name__)
EVENTS: list[str] = []


class Config(ProviderConfig):
    greeting: str = "hello"


class Counting(Inference):
    def __init__(self, config: Config, deps: Deps) -> None:
        self.config = config

    async def initialize(self) -> None:
        EVENTS.append("started")

    async def shutdown(self) -> None:
        EVENTS.append("stopped")

    async def list_models(self) -> list[Model]:
        return [Model(model_id="one", provider_id="counting", provider_model_id="one")]

    async def openai_chat_completion(self, request: ChatCompletionRequest):
        if request.stream:
            return Stream.of(ChatCompletionChunk, self._chunks())
        EVENTS.append(f"asked with {dict(request_context.get().provider_data)}")
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.config.greeting},
        }
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "one", "choices": [choice]}
        return Reply.of(ChatCompletion.model_validate(answer))

    async def _chunks(self):
        try:
            for number in count():
                choice = {"index": 0, "delta": {"content": str(number)}, "finish_reason": None}
                chunk = {
                    "id": "1",
                    "object": "chat.completion.chunk",
                    "created": 1,
                    "model": "one",
                    "choices": [choice],
                }
                yield ChatCompletionChunk.model_validate(chunk)
        finally:
            EVENTS.append("stream closed")
