"""No secret of a shield's service, and no key of a caller for it, is in any byte that comes out of a server."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
import yaml
from integration.reaching import over_http, server_process
from judged import KEY, SETTINGS

CALLERS_KEY = "canary-7d31-caller/77+x"
FAULTS = ("echo", "fault-401", "fault-503", "fault-garbage", "fault-invalid-json")
FORMS = {
    form
    for secret in (KEY, CALLERS_KEY)
    for form in (secret, secret[:11], quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
}
SHIELDS = [f"{name}-{fault}" for name in SETTINGS for fault in FAULTS]


def held(text):
    return [form for form in FORMS if form in text]


def run_config(upstream):
    """A stack with each shield of a service, once for each fault of its service."""
    providers, shields = [], []
    for name, settings in SETTINGS.items():
        for fault in FAULTS:
            config = settings(f"{upstream.origin}/f/{fault}")
            secrets = {key: "${env.CANARY_SHIELD}" for key, value in config.items() if value == KEY}
            entry = {"provider_id": f"{name}-{fault}", "provider_type": f"remote::{name}", "config": config | secrets}
            providers.append(entry)
            shields.append({"shield_id": f"{name}-{fault}", "provider_id": f"{name}-{fault}"})
    inference = [{"provider_id": "playground", "provider_type": "inline::playground"}]
    found = {"inference": inference, "safety": providers}
    return {
        "version": 2,
        "image_name": "guarded",
        "apis": ["inference", "safety"],
        "providers": found,
        "shields": shields,
    }


@pytest.fixture(scope="module")
def server(upstream, tmp_path_factory):
    path = tmp_path_factory.mktemp("guarded") / "run.yaml"
    path.write_text(yaml.safe_dump(run_config(upstream)))
    with server_process(path, variables={"CANARY_SHIELD": KEY}) as running:
        yield running


@pytest.fixture(scope="module")
def wire(server):
    with over_http(server.origin) as reached:
        yield reached.wire


@pytest.mark.parametrize("shield", SHIELDS)
def test_no_answer_to_a_fault_holds_a_secret_and_none_says_that_all_is_well(wire, shield):
    own = {"x-stack-provider-data": json.dumps({shield: {"api_key": CALLERS_KEY}})}
    message = [{"role": "user", "content": "hello"}]
    for headers in ({}, own):
        checked = wire.post("/v1/safety/run-shield", json={"shield_id": shield, "messages": message}, headers=headers)
        judged = wire.post("/v1/moderations", json={"model": shield, "input": "hello"}, headers=headers)
        for answer in (checked, judged):
            assert answer.status_code >= 400
            assert held(f"{answer.headers.multi_items()}{answer.text}") == []


@pytest.mark.parametrize("path", ["/v1/providers", "/v1/shields", *(f"/v1/providers/{name}" for name in SHIELDS)])
def test_no_page_holds_a_secret(wire, path):
    answer = wire.get(path)
    assert answer.status_code == 200
    assert held(answer.text) == []


def test_the_upstream_did_get_the_secrets_and_the_log_did_not(wire, server, upstream):
    message = {"shield_id": "sambanova-echo", "messages": [{"role": "user", "content": "hello"}]}
    wire.post("/v1/safety/run-shield", json=message)
    sent = upstream.requests("Meta-Llama-Guard-3-8B")[-1]
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert held(server.output()) == []
