"""The plainest caller: the standard library, no client package, no credential."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest


def post(url, body):
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


def test_a_chat_is_one_post(origin, says):
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is a gateway?"},
    ]
    answer = post(f"{origin}/v1/chat/completions", {"model": says, "messages": messages})
    assert answer["choices"][0]["message"]["content"]


def test_an_error_is_json_behind_a_status(origin):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{origin}/v1/chat/completions", {"model": "gpt-0", "messages": [{"role": "user", "content": "hi"}]})
    with caught.value as answer:
        assert (answer.code, json.loads(answer.read())["error"]["code"]) == (404, "model_not_found")
