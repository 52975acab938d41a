"""Ask with nothing but Python itself, and read the stream of events.

Needs: chat: stream
"""

from __future__ import annotations

import json
import os
import urllib.request

url = os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1")
body = {
    "model": os.environ.get("STACK_MODEL", "playground/not-an-llm"),
    "messages": [{"role": "user", "content": "Say something short."}],
    "stream": True,
}
headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(), headers)
with urllib.request.urlopen(request, timeout=60) as response:
    for line in response:
        data = line.strip().removeprefix(b"data: ")
        if data and data != b"[DONE]":
            for choice in json.loads(data)["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
print()
