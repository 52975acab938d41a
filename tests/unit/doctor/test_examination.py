"""A provider looked at: how far it gets, what is wrong, and the line that mends it."""

from __future__ import annotations

import asyncio

import pytest

from stack.doctor import Check
from stack.testing.server_process import free_port
from stack.testing.tls import server_context
from stack.testing.upstream import FaultUpstream

KEYED = '{base_url: "${env.HERE_URL}", api_key: "${env.HERE_KEY:=}"}'
REACHED = ["package", "variables", "dns", "connect", "start"]
OWN = """\
from stack.apis.inference import Inference
from stack.registry.spec import Provider, ProviderConfig, ProviderSpec
from pydantic import SecretStr
SPEC = ProviderSpec("inference", "remote::own", "Mine.", __name__)
class Config(ProviderConfig):
    api_key: SecretStr = SecretStr("")
class Own(Provider, Inference):
"""


@pytest.fixture
def at(examined):
    """`await at(url, key)`: the checks of a provider whose variables are so."""

    async def at(url: str, key: str = "", type: str = "remote::openai-compatible", **more) -> tuple[Check, ...]:
        environ = {"HERE_URL": url, "HERE_KEY": key}
        (found,) = await examined(type, KEYED, environ=environ, **more)
        return found.checks

    return at


@pytest.fixture
def own(examined, tmp_path, monkeypatch, request):
    """`await own("async def initialize(self): ...")`: the last check of a provider with these methods."""

    async def own(method: str, **more) -> Check:
        name = f"own_{abs(hash(request.node.name))}"
        (tmp_path / f"{name}.py").write_text(f"{OWN}    {method}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        (found,) = await examined("remote::own", module=name, **more)
        return found.checks[-1]

    return own


def names(checks):
    return [check.name for check in checks]


async def test_all_is_well(at, upstream):
    checks = await at(upstream.base_url, "sk-good")
    assert names(checks) == [*REACHED, "credential", "models", "model"]
    assert {check.status for check in checks} == {"ok"}
    assert checks[-1].found.endswith("is available")


async def test_only_models_are_asked_for(at, upstream):
    await at(upstream.base_url, "sk-good")
    sent = [request for model in upstream.counts.requests for request in upstream.requests(model)]
    assert {request.method for request in sent} == {"GET"}
    assert all(request.path.startswith("/v1/models") for request in sent)


async def test_its_variables_are_told_by_name(at, upstream):
    found = next(check.found for check in await at(upstream.base_url) if check.name == "variables")
    assert found == "set: HERE_URL; not set: HERE_KEY"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_told_with_its_variable(at, upstream, status):
    *_, last = checks = await at(upstream.base_url_with(f"fault-{status}"), "sk-bad")
    assert names(checks) == [*REACHED, "credential"]
    assert last == Check("credential", "failed", f"refused with status {status}", "export HERE_KEY=...")


async def test_a_credential_that_is_missing_is_told(at, upstream):
    last = (await at(upstream.base_url_with("fault-401")))[-1]
    assert last.status == "failed"
    assert last.found == "none is set, and the service wants one (status 401)"


async def test_where_callers_bring_their_keys_a_missing_one_is_a_warning(at, upstream):
    last = (await at(upstream.base_url_with("fault-401"), type="remote::passthrough"))[-1]
    assert (last.name, last.status) == ("credential", "warning")


async def test_a_setting_without_a_variable_is_mended_in_the_file(examined, upstream):
    (found,) = await examined(config=f"{{base_url: {upstream.base_url_with('fault-401')}}}")
    assert found.checks[-1].fix == (
        "set `api_key` in the config of `mine`, for instance to `${env.OPENAI_COMPATIBLE_API_KEY}`"
    )


@pytest.mark.parametrize("fault", ["fault-404", "fault-405"])
async def test_a_service_that_cannot_list_is_a_warning(at, upstream, fault):
    last = (await at(upstream.base_url_with(fault), "sk-good"))[-1]
    assert (last.name, last.status) == ("models", "warning")
    assert "export HERE_URL=..." in last.fix


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("fault-503", "failed", "failed with status 503"),
        ("fault-429", "warning", "refuses more requests"),
        ("fault-reset", "failed", "closed the connection"),
        ("fault-400", "failed", "fails with 400"),
    ],
)
async def test_other_failures_are_those_of_the_list(at, upstream, fault, status, said):
    last = (await at(upstream.base_url_with(fault), "sk-good"))[-1]
    assert (last.name, last.status) == ("models", status)
    assert said in last.found
    assert last.fix


async def test_a_service_that_hangs_is_given_up(at, upstream, pass_time):
    looking = asyncio.create_task(at(upstream.base_url_with("fault-hang")))
    await asyncio.to_thread(upstream.wait_until, lambda counts: counts.active == 1)
    pass_time(61)
    last = (await looking)[-1]
    assert (last.name, last.found) == ("models", "no answer within 60 s")


@pytest.mark.usefixtures("no_names")
@pytest.mark.parametrize(
    ("url", "last", "fix"),
    [
        ("http://127.0.0.1:9/v1", "connect", "is a server running at"),
        ("https://nowhere.invalid/v1", "dns", "getent hosts nowhere.invalid"),
        ("nowhere", "dns", "export HERE_URL=..."),
    ],
)
async def test_a_service_that_is_not_reached_is_asked_nothing(at, url, last, fix):
    *_, check = await at(url, "sk-good")
    assert (check.name, check.status) == (last, "failed")
    assert fix in check.fix


async def test_a_certificate_that_is_not_trusted_is_the_end(at):
    async with FaultUpstream(tls=server_context()) as upstream:
        *_, last = await at(upstream.base_url, "sk-good")
    assert (last.name, last.status) == ("tls", "failed")


async def test_a_local_server_is_told_with_its_command(at):
    *_, last = await at(f"http://127.0.0.1:{free_port()}/v1", type="remote::vllm")
    assert "start it with `vllm serve MODEL`, or export HERE_URL=..." in last.fix


async def test_a_registered_model_that_is_refused_is_a_warning(at, upstream):
    more = "models: [{model_id: chat, provider_id: mine, provider_model_id: fault-500}]"
    *_, models, model = await at(upstream.base_url, "sk-good", more=more)
    assert (models.status, model.status) == ("ok", "warning")
    assert model.found.startswith("`fault-500`: provider `mine` failed")


async def test_a_registered_model_that_is_not_there_is_told_with_near_names(examined):
    more = "models: [{model_id: chat, provider_id: mine, provider_model_id: not-a-llm}]"
    (found,) = await examined("inline::playground", more=more)
    assert found.checks[-1].status == "warning"
    assert found.checks[-1].fix == "`provider_model_id`: did you mean `not-an-llm`?"


async def test_a_service_without_a_list_is_asked_for_what_is_registered(at, upstream):
    more = "models: [{model_id: chat, provider_id: mine, provider_model_id: ok}]"
    *_, models, model = await at(upstream.base_url_with("fault-404-then-ok-1"), "sk-good", more=more)
    assert (models.status, model) == ("warning", Check("model", "ok", "`ok` is available"))


async def test_a_missing_package_is_told_with_the_line_that_installs_it(examined):
    (found,) = await examined("remote::gone", module="no_such_package")
    (check,) = found.checks
    assert (check.name, check.status, check.fix) == ("package", "failed", "pip install no_such_package")


async def test_the_playground_is_started_and_asked(examined):
    (found,) = await examined("inline::playground")
    assert names(found.checks) == ["package", "variables", "start", "models", "model"]
    assert not found.has_failed


async def test_a_provider_that_is_off_is_told_with_its_switch(examined):
    (found,) = await examined(id='"${env.HERE_KEY:+here}"')
    assert found.checks == (Check("", "off", "set HERE_KEY"),)


@pytest.mark.parametrize("method", ["initialize", "list_models"])
async def test_whatever_a_provider_raises_is_told_without_its_secrets(own, method):
    last = await own(
        f"async def {method}(self): raise RuntimeError('\\x1b[2J' + self.config.api_key.get_secret_value())",
        config="{api_key: sk-canary-1}",
    )
    assert (last.name, last.status) == ({"initialize": "start", "list_models": "models"}[method], "failed")
    assert last.found == "RuntimeError: \\x1b[2J***"


async def test_a_provider_that_cannot_list_is_a_warning(own):
    last = await own("pass")
    assert (last.name, last.status) == ("models", "warning")


async def test_a_provider_without_limits_of_its_own_is_given_up(own, monkeypatch):
    monkeypatch.setattr("stack.doctor.examination.GRACE_S", 0.0)
    last = await own("async def list_models(self): import asyncio; await asyncio.Event().wait()", timeout_s=0.2)
    assert (last.name, last.found) == ("models", "no answer within 0.2 s")


async def test_what_was_started_is_stopped(own, capsys):
    await own("async def shutdown(self): print('stopped')")
    assert "stopped" in capsys.readouterr().out


@pytest.mark.parametrize(
    "fault", ["fault-401", "fault-400", "fault-hang", "fault-reset", "echo", "fault-302", "fault-503"]
)
async def test_no_secret_is_told(at, upstream, fault):
    checks = await at(upstream.base_url_with(fault), "sk-canary-2", timeout_s=0.3)
    assert "canary" not in repr(checks)
