"""The bytes that both ends agree on: 0.9 kB in; 0.66 kB, or 203 chunks (40 kB), out."""

from __future__ import annotations

import json
from typing import Literal

Kind = Literal["plain", "burst", "paced"]

MODEL = "gpt-bench"
PACE_S = 0.02
_WORDS = ("A proxy ", "reads a ", "request, ", "finds a ", "route and ", "passes the ", "bytes on. ")
_CREATED = 1_760_000_000


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": _CREATED}
    return b"data: " + _compact(chunk | {"model": MODEL, "choices": [choice]}) + b"\n\n"


ANSWER_TEXT = "".join(_WORDS[number % 7] for number in range(18))
ANSWER = _compact(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": _CREATED,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": ANSWER_TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 180,
            "completion_tokens": 48,
            "total_tokens": 228,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }
)


def _chunks(count: int) -> list[bytes]:
    words = [_chunk({"content": _WORDS[number % 7]}) for number in range(count - 2)]
    return [_chunk({"role": "assistant", "content": ""}), *words, _chunk({}, "stop")]


DONE = b"data: [DONE]\n\n"
CHUNKS: dict[Kind, list[bytes]] = {"burst": _chunks(203), "paced": _chunks(50)}
MODELS = _compact(
    {"object": "list", "data": [{"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "bench"}]}
)


def request(kind: Kind, model: str) -> bytes:
    """A whole HTTP/1.1 request with a body of 0.9 kB; the upstream recognises the kind by `stream` and `user`."""
    system = "You are a careful assistant. Answer in plain words, name your sources, and say so if you do not know. "
    user = "What does a proxy do between reading a request and passing the answer on? "
    body = _compact(
        {
            "model": model,
            "messages": [{"role": "system", "content": system * 3}, {"role": "user", "content": user * 6}],
            "temperature": 0.7,
            "top_p": 0.95,
            "max_tokens": 512,
            "user": kind,
            "stream": kind != "plain",
        }
    )
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"accept: */*\r\nauthorization: Bearer bench\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def fault(kind: Kind, body: bytes) -> str | None:
    """What is wrong with a whole body, or None: every word must have come through, in order."""
    try:
        return _plain_fault(body) if kind == "plain" else _stream_fault(kind, body)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return f"not an OpenAI answer ({error!r}): {body[:200]!r}"


def _plain_fault(body: bytes) -> str | None:
    text = json.loads(body)["choices"][0]["message"]["content"]
    return None if text == ANSWER_TEXT else f"another text: {text!r}"


def _stream_fault(kind: Kind, body: bytes) -> str | None:
    if not body.endswith(DONE):
        return f"the stream ends with {body[-60:]!r} instead of `data: [DONE]`"
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in body.removesuffix(DONE).split(b"\n\n")[:-1]]
    if len(chunks) != len(CHUNKS[kind]):
        return f"{len(chunks)} chunks instead of {len(CHUNKS[kind])}"
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    expected = "".join(_WORDS[number % 7] for number in range(len(chunks) - 2))
    return None if text == expected else "the words of the stream differ"
