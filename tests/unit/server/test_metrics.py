"""What the server counts, and how it shows it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from stack.apis.wire import ReplyMeta
from stack.errors import InvalidRequest, Unreachable, UpstreamRejected
from stack.server.metrics import MAX_SERIES, Meter
from stack.server.room import Room


def samples(meter: Meter) -> dict[str, float]:
    families = text_string_to_metric_families(meter.text().decode())
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        if family.name.startswith("stack_")
        for sample in family.samples
    }


def test_answers_are_counted_by_call_provider_and_model_with_their_tokens():
    meter = Meter(Room(1))
    meta = ReplyMeta("groq", "llama", prompt_tokens=5, completion_tokens=7)
    meter.answered("chat/completions", meta, 0.02).count_tokens(meta)
    labels = [("call", "chat/completions"), ("model", "llama"), ("provider", "groq")]
    shown = samples(meter)
    assert shown[f"stack_answers_total{labels}"] == 1
    assert shown[f"stack_tokens_total{sorted([*labels, ('kind', 'prompt')])}"] == 5
    assert shown[f"stack_tokens_total{sorted([*labels, ('kind', 'completion')])}"] == 7


def test_the_histogram_is_cumulative():
    meter = Meter(Room(1))
    for seconds in (0.02, 0.2, 100.0):
        meter.answered("embeddings", ReplyMeta("p", "m"), seconds)
    labels = [("call", "embeddings"), ("model", "m"), ("provider", "p")]
    shown = samples(meter)
    counts = [
        shown[f"stack_first_byte_seconds_bucket{sorted([*labels, ('le', le)])}"] for le in ("0.01", "0.25", "+Inf")
    ]
    assert counts == [0, 2, 3]


def test_errors_are_counted_by_code_and_phase():
    meter = Meter(Room(1))
    meter.failed("completions", Unreachable("gone", provider_id="up", phase="connect"))
    meter.failed("completions", InvalidRequest("bad"))
    meter.left("completions")
    shown = samples(meter)
    rows = [("up", "upstream_unreachable", "connect"), ("", "invalid_request", ""), ("", "caller_left", "")]
    for provider, code, phase in rows:
        labels = [("call", "completions"), ("code", code), ("phase", phase), ("provider", provider)]
        assert shown[f"stack_errors_total{labels}"] == 1


def test_codes_that_upstreams_make_up_cannot_pile_up():
    meter = Meter(Room(1))
    for number in range(MAX_SERIES + 500):
        meter.failed("completions", UpstreamRejected("no", provider_id="up", phase="status", code=f"e{number}"))
    labels = [("call", "completions"), ("code", "other"), ("phase", "status"), ("provider", "up")]
    assert samples(meter)[f"stack_errors_total{labels}"] == 500


def test_made_up_models_cannot_pile_up():
    meter = Meter(Room(1))
    for number in range(MAX_SERIES + 500):
        meter.answered("embeddings", ReplyMeta("p", f"m{number}"), 0.1)
    shown = samples(meter)
    assert shown[f"stack_answers_total{[('call', 'embeddings'), ('model', 'other'), ('provider', 'p')]}"] == 500
