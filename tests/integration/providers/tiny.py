"""A provider from outside the tree that answers chats with one word, and nothing else."""

from __future__ import annotations

from stack.apis.inference import ChatCompletion, ChatCompletionRequest, Inference
from stack.apis.wire import Reply
from stack.registry.spec import Deps, ProviderConfig, ProviderSpec

SPEC = ProviderSpec("inference", "inline::tiny", "Says `tiny`.", module=__name__)


class Config(ProviderConfig):
    pass


class Tiny(Inference):
    def __init__(self, config: Config, deps: Deps) -> None:
        self.config = config

    async def openai_chat_completion(self, request: ChatCompletionRequest) -> Reply[ChatCompletion]:
        if request.model == "bug":
            raise ZeroDivisionError("canary-of-a-bug")
        message = {"role": "assistant", "content": "tiny"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "", "choices": [choice]}
        return Reply.of(ChatCompletion.model_validate(answer))
