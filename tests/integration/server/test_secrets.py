"""No secret of the configuration, and no key of a caller, is in any byte that comes out."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx2
import pytest
from integration.lab import CANARIES
from integration.wire import CHAT, asking

from stack.testing.faults import FAULTS

CALLERS_KEY = "canary-7d31-caller/77+x"
SECRETS = [*CANARIES.values(), CALLERS_KEY]
# Those that repeat a request on purpose: the upstream itself gives the caller what it was sent.
ECHOES = ("echo",)
NAMES = [row.example for row in FAULTS if row.example not in ECHOES]
HEADERS = {"x-stack-timeout-ms": "400"}
OWN_KEY = {**HEADERS, "x-stack-provider-data": json.dumps({"faulty": {"api_key": CALLERS_KEY}})}
MOST = 1 << 20


def forms(secret):
    """A secret as it looks in text, in URLs, in JSON and in base64, and its beginning, as careless masks leave it."""
    return {
        secret,
        secret[:11],
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    }


FORMS = {form for secret in SECRETS for form in forms(secret)}


def holds_a_secret(text):
    return [form for form in FORMS if form in text]


def all_bytes(wire, model, headers, stream):
    """Status line, headers and the first MiB of an answer."""
    with wire.stream("POST", CHAT, json=asking(model, stream=stream), headers=headers) as answer:
        body = b""
        try:
            for block in answer.iter_raw():
                body += block
                if len(body) > MOST:
                    break
        except httpx2.HTTPError as error:
            body += repr(error).encode()
        return f"{answer.status_code} {answer.headers.multi_items()}\n" + body.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def everything(lab_http, lab_library):
    """Model and bytes of each answer to each fault: both ways, whole and streamed, with each kind of key."""
    cases = [
        (reached.wire, f"faulty/{name}", headers, stream)
        for reached in (lab_http, lab_library)
        for name in NAMES
        for headers in (HEADERS, OWN_KEY)
        for stream in (False, True)
    ]
    with ThreadPoolExecutor(24) as pool:
        answers = pool.map(lambda case: all_bytes(*case), cases)
        return [(case[1], answer) for case, answer in zip(cases, answers, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_to_a_fault_holds_a_secret(everything, name):
    seen = [text for model, text in everything if model == f"faulty/{name}"]
    assert len(seen) == 8
    assert [holds_a_secret(text) for text in seen] == [[]] * 8


@pytest.mark.parametrize("path", ["/v1/providers", "/v1/providers/faulty", "/v1/models", "/v1/inspect/routes"])
def test_no_page_holds_a_secret(lab, everything, path):
    assert holds_a_secret(lab.wire.get(path).text) == []


def test_the_pages_show_that_there_are_secrets(lab):
    config = lab.client.providers.retrieve("faulty").config
    assert (config["api_key"], config["headers"]) == ("**********", {"x-canary": "**********"})


def test_the_servers_log_holds_no_secret_though_every_fault_was_logged(lab_server, everything):
    log = lab_server.output()
    assert log.count("upstream error") > len(NAMES)
    assert holds_a_secret(log) == []


def test_a_secret_that_breaks_a_header_is_refused_without_being_told(lab):
    own = json.dumps({"faulty": {"api_key": f"{CALLERS_KEY}\r\nx-evil: 1"}})
    answer = lab.wire.post(CHAT, json=asking("faulty/ok"), headers={"x-stack-provider-data": own})
    assert answer.status_code == 400
    assert holds_a_secret(answer.text) == []


def test_the_upstream_did_get_the_secrets(lab, upstream):
    lab.client.chat.completions.create(**asking("faulty/ok@got-the-key"))
    sent = upstream.requests("ok@got-the-key")[-1].headers
    assert sent["authorization"] == f"Bearer {CANARIES['CANARY_KEY']}"
    assert sent["x-canary"] == CANARIES["CANARY_HEADER"]
