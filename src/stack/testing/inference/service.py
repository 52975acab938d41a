"""A service that we play: OpenAI's API with tools, schemas, pictures, embeddings and reranking, which fails on request.

Its answers are those of the playground, so that they are right in form; its faults are those of `FaultUpstream`.
"""

from __future__ import annotations

import re
from typing import Any

import pydantic_core

from stack.apis.inference import ChatCompletionRequest, CompletionRequest, EmbeddingsRequest, RerankRequest
from stack.apis.wire import Reply, Stream, WireRequest, event_data
from stack.errors import StackError
from stack.providers.inline.inference.playground import CHAT_MODEL, EMBEDDING_MODEL, RERANK_MODEL, Config, Playground
from stack.testing.answers import DONE, Json, event
from stack.testing.deps import provider_deps
from stack.testing.exchange import Exchange
from stack.testing.http import Connection, Request
from stack.testing.upstream import FaultUpstream

CHAT, EMBEDDING, RERANK = "played-chat", "played-embedding", "played-rerank"
KINDS = {CHAT: "chat", EMBEDDING: "embedding", RERANK: "rerank"}
NAMED = {"output_dimension": "dimensions"}  # as Mistral has it
EXTRA = {"x_played": {"is_kept": True}}
"""A field that no API has: it is in every answer, whole or in parts."""
_APIS: dict[str, tuple[str, type[WireRequest], str]] = {
    "chat": ("openai_chat_completion", ChatCompletionRequest, CHAT_MODEL),
    "completion": ("openai_completion", CompletionRequest, CHAT_MODEL),
    "embeddings": ("openai_embeddings", EmbeddingsRequest, EMBEDDING_MODEL),
    "rerank": ("rerank", RerankRequest, RERANK_MODEL),
}


class PlayedService(FaultUpstream):
    """models_at, model_id_at: where its list has its entries, and what an entry calls the id of its model.

    received: every request, in order. fault: how it answers everything, by a name of `FaultUpstream`; empty: rightly.
    """

    def __init__(self) -> None:
        super().__init__()
        self.models_at, self.model_id_at = "data", "id"
        self.fault = ""
        self.received: list[Request] = []
        self._brain = Playground(Config(), provider_deps("played"))

    async def _answer(self, connection: Connection, request: Request) -> None:
        self.received.append(request)
        await super()._answer(connection, request)

    async def _behave(self, exchange: Exchange, name: str, number: int) -> None:
        request, api = exchange.request, exchange.answer.api
        is_exchange = b"grant_type=" in request.body  # of a key for a token: not the call that shall fail
        if self.fault and not is_exchange:
            await super()._behave(exchange, self.fault, number)
        elif api in _APIS:
            await self._think(exchange, *_APIS[api])
        elif request.method == "GET":
            await self._list(exchange)
        elif is_exchange:
            await exchange.reply(200, {"access_token": "played-token", "expires_in": 3600, "token_type": "Bearer"})
        else:
            await exchange.fail(404, f"there is no `{request.path}` here", "not_found")

    async def _list(self, exchange: Exchange) -> None:
        entries = [{"object": "model", "owned_by": "played", **more} for more in map(self._entry, KINDS)]
        asked = next((entry for entry in entries if exchange.request.path.endswith(f"/{entry['id']}")), None)
        if asked is None and re.search(r"/models/(?!search)", exchange.request.path):
            await exchange.fail(404)
        else:
            await exchange.reply(200, asked or {"object": "list", self.models_at: entries})

    def _entry(self, name: str) -> Json:
        # `task` is Cloudflare's word for the kind of a model.
        task = "Text Embeddings" if name == EMBEDDING else "Text Generation"
        return {"id": name, self.model_id_at: name, "type": KINDS[name], "task": {"name": task}}

    async def _think(self, exchange: Exchange, call: str, kind: type[WireRequest], model: str) -> None:
        try:
            given = {NAMED.get(name, name): value for name, value in (exchange.request.json or {}).items()}
            fields = {name: value for name, value in given.items() if name in kind.model_fields}
            asked = kind.from_body(pydantic_core.to_json({**fields, "model": model}))
            answer = await getattr(self._brain, call)(asked)
        except (StackError, ValueError) as error:
            await exchange.fail(error.status if isinstance(error, StackError) else 400, str(error))
            return
        if isinstance(answer, Stream):
            await exchange.stream([event(self._signed(chunk, exchange)) for chunk in await _chunks(answer)])
            await exchange.finish()
        elif isinstance(answer, Reply):
            await exchange.reply(200, self._signed(pydantic_core.from_json(answer.body), exchange))

    def _signed(self, document: Any, exchange: Exchange) -> Json:
        return {**document, "model": exchange.request.model, **EXTRA}


async def _chunks(answer: Stream[Any]) -> list[Any]:
    whole = b"".join([block async for block in answer.blocks()]).removesuffix(DONE)
    return [pydantic_core.from_json(data) for data in event_data(whole)]
