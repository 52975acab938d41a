"""`stack run --record` and `--replay`: a served stack that answers tomorrow as its providers did today."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest

from stack.testing.server_process import ServerProcess, free_port
from stack.testing.upstream import upstream_thread

KEY = "gsk-canary-0123456789"


def serving(*options, base_url):
    port = free_port()
    env = {"GROQ_API_KEY": KEY, "GROQ_BASE_URL": base_url}
    return ServerProcess(["-m", "stack", "run", "groq", "--port", str(port), *options], port=port, env=env)


def ask(server, text):
    body = {"model": "groq/ok", "messages": [{"role": "user", "content": text}], "stream": True}
    url, headers = f"{server.base_url}/chat/completions", {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
        return answer.read()


def test_a_served_stack_answers_as_it_was_recorded(tmp_path):
    with upstream_thread() as upstream, serving("--record", str(tmp_path), base_url=upstream.base_url) as server:
        heard = [ask(server, "one"), ask(server, "two")]
    assert f"recorded 3 exchanges in `{tmp_path}`" in server.output()
    assert KEY not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    with serving("--replay", str(tmp_path), base_url="http://127.0.0.1:9/v1") as server:
        assert ask(server, "one") == heard[0]
        with pytest.raises(urllib.error.HTTPError) as raised:
            ask(server, "three")
    assert json.loads(raised.value.read())["error"]["code"] == "not_recorded"
    assert 'no recording of this `POST /v1/chat/completions`: `body.messages[0].content` is "three"' in server.output()
    assert f"unused: {tmp_path}/groq/chat-completions/002-" in server.output()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--record", "a", "--replay", "b"), "say `--record` or `--replay`, not both"),
        (("--timing",), "`--timing` belongs to `--record` or `--replay`"),
        (("--record", "a", "--workers", "2"), "want one process: say `--workers 1`"),
        (("--replay", "nothing-here"), "nothing can be replayed"),
    ],
)
def test_what_cannot_be_meant_is_refused(stack, options, words):
    done = stack("run", "playground", *options)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
