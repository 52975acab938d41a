"""Bodies made to exhaust or confuse: size, depth, numbers, texts, doubled keys; and what callers write into logs."""

from __future__ import annotations

import json
import re
from itertools import repeat

import pytest
from integration.faults.memory import forget_peak, peak
from integration.hostile.provoking import LITTLE_S, LOG_LINE, provoke, worked_s
from integration.wire import asking, error_in, head, posting

from stack.testing.answers import encode

MIB = 1 << 20
KIB_OF_MEMORY = 96 * 1024  # of which 20 MiB are read, joined and decoded
PLAYGROUND = "playground/not-an-llm"


def chat(more: str, model: str = PLAYGROUND) -> bytes:
    """A chat request that ends with `more`, which need not be JSON."""
    return posting(encode(asking(model))[:-1] + f", {more}}}".encode())


def raw(text: str) -> bytes:
    return posting(text.encode())


def message(content: str) -> bytes:
    return raw(f'{{"model": "{PLAYGROUND}", "messages": [{{"role": "user", "content": {content}}}]}}')


BODIES = {
    "100,000 open arrays": (raw("[" * 100_000), "invalid_json"),
    "100,000 open objects": (raw('{"a":' * 100_000), "invalid_request"),
    "100,000 arrays": (raw("[" * 100_000 + "]" * 100_000), "invalid_json"),
    "100,000 arrays in an unknown field": (chat(f'"x": {"[" * 100_000}{"]" * 100_000}'), "invalid_json"),
    "100,000 objects in metadata": (chat('"metadata": ' + '{"a":' * 100_000 + "1" + "}" * 100_000), "invalid_request"),
    "65 levels": (chat(f'"x": {"[" * 64}{"]" * 64}'), "invalid_json"),
    "65 levels behind a text of brackets": (chat(f'"y": "]]\\"]]", "x": {"[" * 64}{"]" * 64}'), "invalid_json"),
    "100 levels of contents": (message("[" * 100 + "]" * 100), "invalid_request"),
    "a number of 100,000 digits": (chat('"n": ' + "9" * 100_000), "invalid_json"),
    "a number of 100,000 digits in an unknown field": (chat('"x": ' + "9" * 100_000), "invalid_json"),
    "a number beyond floats": (chat('"temperature": 1e999'), "invalid_request"),
    "a negative count": (chat('"n": -1'), "invalid_request"),
    "NaN": (chat('"temperature": NaN'), "invalid_request"),
    "Infinity": (chat('"top_p": -Infinity'), "invalid_request"),
    "a lone surrogate": (message('"\\ud800"'), "invalid_json"),
    "half a surrogate pair": (message('"\\ud83d\\u0041"'), "invalid_json"),
    "a raw surrogate": (posting(b'{"model": "\xed\xa0\x80", "messages": []}'), "invalid_json"),
    "a raw NUL": (message('"\x00"'), "invalid_json"),
    "UTF-16": (posting(encode(asking(PLAYGROUND)).decode().encode("utf-16")), "invalid_json"),
    "a byte order mark": (posting(b"\xef\xbb\xbf" + encode(asking(PLAYGROUND))), "invalid_json"),
    "two documents": (posting(encode(asking(PLAYGROUND)) * 2), "invalid_json"),
    "a comment": (chat('"x": 1 /* y */'), "invalid_json"),
    "a doubled key of another type": (chat('"messages": 1'), "invalid_request"),
    "a million messages that are none": (
        raw(f'{{"model": "{PLAYGROUND}", "messages": [{",".join(repeat("0", 1_000_000))}]}}'),
        "invalid_request",
    ),
    "100,000 unknown fields and no model": (raw(json.dumps({f"k{n}": n for n in range(100_000)})), "invalid_request"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_hostile_body_is_a_400_in_the_envelope(target, case):
    data, code = BODIES[case]
    before_s, logged = worked_s(target), len(target.output())
    heard = provoke(target.port, closing(data))
    assert (heard.answers, heard.status, heard.closed) == (1, 400, True)
    error = error_in(heard.body)
    assert error["code"] == code
    assert len(error["message"]) < 500
    assert worked_s(target) - before_s < LITTLE_S
    assert lines_after(target, logged) == []


def closing(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)


def lines_after(target, logged: int) -> list[str]:
    return target.output()[logged:].split("\n")[:-1]


def test_deep_json_that_is_allowed_passes(target):
    assert provoke(target.port, closing(chat(f'"x": {"[" * 63}{"]" * 63}', model="faulty/ok"))).status == 200


def test_very_many_messages_are_answered(target):
    many = encode({"model": PLAYGROUND, "messages": [{"role": "user", "content": "hi"}] * 20_000})
    assert provoke(target.port, closing(posting(many))).status == 200


@pytest.mark.parametrize("doubled", ['"model": "faulty/ok@twice"', '"mod\\u0065l": "faulty/ok@twice"'])
def test_an_upstream_never_sees_two_models(target, upstream, doubled):
    heard = provoke(target.port, closing(chat(doubled, model="faulty/fault-500")))
    assert heard.status == 200
    sent = upstream.requests("ok@twice")[-1].body
    assert sent.count(b"model") == 1
    assert b"fault-500" not in sent


CHUNKED = head(content_type="application/json", transfer_encoding="chunked")
ENDLESS = {
    "a length of 1 GiB": [head(content_type="application/json", content_length=1 << 30), *repeat(b" " * MIB, 1024)],
    "chunks without end": [CHUNKED, *repeat(b"100000\r\n" + b" " * MIB + b"\r\n", 1024)],
    "one chunk of 1 GiB": [CHUNKED, b"40000000\r\n", *repeat(b" " * MIB, 1024)],
}


@pytest.mark.parametrize("case", ENDLESS)
def test_an_endless_body_is_refused_within_bounded_memory(target, case):
    before_s, before = worked_s(target), forget_peak(target.pid)
    heard = provoke(target.port, ENDLESS[case])
    assert heard.status in (0, 413)  # it closes with bytes unread, and a kernel may then take the answer back
    assert heard.closed
    assert peak(target.pid) - before < KIB_OF_MEMORY
    assert worked_s(target) - before_s < LITTLE_S


def test_a_chunk_whose_extension_never_ends_costs_no_memory(hasty):
    before = forget_peak(hasty.pid)
    heard = provoke(hasty.port, [CHUNKED, b"5;", *repeat(b"x" * MIB, 64)])
    assert (heard.status, heard.closed) == (408, True)
    assert peak(hasty.pid) - before < 8 * 1024


INJECTED = 'x\nlevel=critical event="owned"\r\n\x1b[31mred\x1b[0m\x00\x85\u2028\u202eevil\x9b31m'


def asked_for(model: str) -> bytes:
    return closing(posting(encode(asking(model))))


WRITERS = {
    "a model's name": asked_for(f"faulty/fault-500@{INJECTED}"),
    "a model that does not exist": asked_for(INJECTED),
    "a path": closing(head("/v1/%0alevel=critical%20event=owned%1b[31m", "GET")),
    "a model's path": closing(head("/v1/models/%0d%0aevent=owned%1b[31m", "GET")),
    "a request id": closing(head("/v1/models", "GET", x_request_id="a%0aevent=owned")),
    "provider data": closing(head("/v1/models", "GET", x_stack_provider_data='{"a": "\\n\\u001b[31m"}')),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_of_a_caller_makes_a_line_or_a_colour_in_the_log(target, writer):
    logged = len(target.output())
    assert provoke(target.port, WRITERS[writer]).status in (200, 404, 500, 502)
    for line in lines_after(target, logged):
        assert re.fullmatch(LOG_LINE, line)
        assert line.isprintable()


def test_nothing_of_a_caller_makes_a_header(target):
    heard = provoke(target.port, asked_for(f"faulty/ok@{INJECTED}"))
    answered = heard.data.partition(b"\r\n\r\n")[0]
    assert heard.status == 200
    assert not re.search(rb"[^\x20-\x7e\r\n]|\r(?!\n)|(?<!\r)\n", answered)
    assert b"\nlevel" not in answered
