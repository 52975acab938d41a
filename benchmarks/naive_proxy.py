"""The proxy that most people would write first: FastAPI in front, the OpenAI client behind.

Usage: python benchmarks/naive_proxy.py PORT UPSTREAM_URL
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

app = FastAPI()
client = AsyncOpenAI(base_url=sys.argv[2], api_key="bench")


async def events(stream: AsyncStream[ChatCompletionChunk]) -> AsyncIterator[str]:
    async for chunk in stream:
        yield f"data: {chunk.model_dump_json()}\n\n"
    yield "data: [DONE]\n\n"


@app.post("/v1/chat/completions", response_model=None)
async def chat_completions(request: Request) -> StreamingResponse | dict[str, Any]:
    body = await request.json()
    answer = await client.chat.completions.create(**body)
    if body.get("stream"):
        return StreamingResponse(events(answer), media_type="text/event-stream")
    result: dict[str, Any] = answer.model_dump()
    return result


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
