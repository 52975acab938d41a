"""Services that judge text, as their vendors describe them, on a real socket: all object to one phrase.

    async with judging("the blue falcon") as service:
        service.requests[-1].json

It answers chat and text completions as Llama Guard and NemoGuard do, OpenAI's moderations, Guardrails of Bedrock,
checks of NeMo Guardrails, and another stack's `run-shield`. What `script` holds is answered first, in its order.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from stack.apis.moderations import CATEGORIES
from stack.testing.answers import encode
from stack.testing.exchange import JSON, head
from stack.testing.http import Connection, HttpServer, Request

Json = dict[str, Any]
Scripted = str | bytes | Json | tuple[int, Json] | Callable[[Connection], Any]

_CONVERSATION = re.compile(r"<BEGIN CONVERSATION>\n\n?(.*?)\n\n?<END CONVERSATION>", re.DOTALL)
_TURN = re.compile(r"(?:^|\n\n?)(?:User|Agent|user|response: agent): ")


class JudgingService:
    """phrase: what is objected to. script: answers to come first; a text is what the model says."""

    def __init__(self, phrase: str) -> None:
        self.phrase = phrase
        self.script: list[Scripted] = []
        self.requests: list[Request] = []
        self.origin = ""

    async def __call__(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        is_question = request.method == "POST"
        answer: Any = self.script.pop(0) if self.script and is_question else self._answer(request)
        if callable(answer):
            await answer(connection)
            return
        if isinstance(answer, str):
            answer = completion(answer) if "prompt" in request.json else chat(answer)
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        body = document if isinstance(document, bytes) else encode(document)
        await connection.send(head(status, {"content-type": JSON, "content-length": len(body)}) + body)

    def _answer(self, request: Request) -> Json | tuple[int, Json]:
        for ending, answer in _ANSWERS.items():
            if request.path.endswith(ending):
                return answer(self, request.json)
        return {"object": "list", "data": []} if request.path.endswith("/models") else (404, {"error": {}})

    def objects_to(self, text: str) -> bool:
        return self.phrase in text


@asynccontextmanager
async def judging(phrase: str) -> AsyncIterator[JudgingService]:
    """A service that listens while this is open."""
    service = JudgingService(phrase)
    async with HttpServer(service) as server:
        service.origin = server.origin
        yield service


def chat(text: str | None, logprobs: Json | None = None) -> Json:
    """A chat completion that says a text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice | {"logprobs": logprobs}],
    }


def completion(text: str, logprobs: Json | None = None) -> Json:
    """A text completion that says a text."""
    choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": logprobs}
    return {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}


def _last_turn(prompt: str) -> str:
    """The text that a prompt asks about."""
    conversation = _CONVERSATION.search(prompt)
    return _TURN.split(conversation[1])[-1] if conversation else prompt


def _guard_chat(service: JudgingService, asked: Json) -> Json:
    content = asked["messages"][-1]["content"]
    prompt = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    unsafe = service.objects_to(_last_turn(prompt))
    if "output JSON format" in prompt:
        side = "Response Safety" if "response: agent: " in prompt else "User Safety"
        said = {"User Safety": "safe"} | (
            {side: "unsafe", "Safety Categories": "Violence"} if unsafe else {side: "safe"}
        )
        return chat(json.dumps(said))
    word: Json = {"token": "unsafe" if unsafe else "safe", "logprob": math.log(0.9), "bytes": None, "top_logprobs": []}
    blank = {**word, "token": "\n\n"}
    return chat(
        "\n\nunsafe\nS10" if unsafe else "\n\nsafe", {"content": [blank, word]} if asked.get("logprobs") else None
    )


def _guard_completion(service: JudgingService, asked: Json) -> Json:
    unsafe = service.objects_to(_last_turn(asked["prompt"]))
    told = {"tokens": ["unsafe" if unsafe else "safe"], "token_logprobs": [math.log(0.9)]}
    return completion("unsafe\nS10" if unsafe else "safe", told if asked.get("logprobs") else None)


def _moderations(service: JudgingService, asked: Json) -> Json:
    given = asked["input"]
    inputs: list[Any] = [given] if isinstance(given, str) else given
    if isinstance(inputs[0], dict):
        inputs = ["\n".join(part.get("text", "") for part in inputs)]
    results = []
    for text in inputs:
        unsafe = service.objects_to(text)
        flags = {category: unsafe and category == "violence" for category in CATEGORIES}
        scores = {category: 0.98 if flag else 0.0001 for category, flag in flags.items()}
        applied = {category: ["text"] for category in CATEGORIES}
        results.append(
            {
                "flagged": unsafe,
                "categories": flags,
                "category_scores": scores,
                "category_applied_input_types": applied,
            }
        )
    return {"id": "modr-1", "model": asked.get("model", "omni-moderation-latest"), "results": results}


def _guardrail(service: JudgingService, asked: Json) -> Json:
    text = "\n".join(block["text"]["text"] for block in asked["content"] if "text" in block)
    nothing: Json = {"action": "NONE", "outputs": [], "assessments": [{}], "usage": {}}
    if not service.objects_to(text):
        return nothing
    entity = {"match": service.phrase, "type": "EMAIL", "action": "ANONYMIZED", "detected": True}
    masked = text.replace(service.phrase, "{EMAIL}")
    found = {"sensitiveInformationPolicy": {"piiEntities": [entity], "regexes": []}}
    return nothing | {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": masked}], "assessments": [found]}


def _checks(service: JudgingService, asked: Json) -> Json:
    unsafe = service.objects_to(asked["messages"][-1]["content"])
    status = "blocked" if unsafe else "success"
    return {"status": status, "rails_status": {"self check input": {"status": status}}, "guardrails_data": None}


def _run_shield(service: JudgingService, asked: Json) -> Json:
    """As a Llama Stack server answers, which tells no places."""
    unsafe = service.objects_to(str(asked["messages"][-1]["content"]))
    told = {"violation_type": "S1"}
    violation = {"violation_level": "error", "user_message": "I can't answer that.", "metadata": told}
    return {"violation": violation if unsafe else None}


_ANSWERS: Mapping[str, Callable[[JudgingService, Json], Json]] = {
    "/chat/completions": _guard_chat,
    "/completions": _guard_completion,
    "/moderations": _moderations,
    "/apply": _guardrail,
    "/guardrail/checks": _checks,
    "/safety/run-shield": _run_shield,
}
