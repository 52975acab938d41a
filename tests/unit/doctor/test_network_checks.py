"""The way to a service: each step told apart from the next, within its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from stack.doctor.network import Service, network_checks
from stack.testing.server_process import free_port
from stack.testing.tls import server_context, trusting_context
from stack.testing.upstream import FaultUpstream

CHANGE = "export HERE_URL=..."


async def checked(url: str, **more):
    return [check async for check in network_checks(Service.at(url, CHANGE), 60, **more)]


def told(checks):
    return [(check.name, check.status) for check in checks]


@pytest.fixture
async def silent() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An address that takes connections and never says anything, and what is set once somebody has on one."""
    spoken_to = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            if await reader.read(1):
                spoken_to.set()
            await reader.read()

    async with await asyncio.start_server(mute, "127.0.0.1") as listener:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}", spoken_to


async def test_a_service_over_http_has_no_certificate(upstream):
    assert told(await checked(upstream.base_url)) == [("dns", "ok"), ("connect", "ok")]


@pytest.mark.usefixtures("no_names")
async def test_a_name_that_does_not_resolve_is_the_end():
    (check,) = await checked("https://nowhere.invalid/v1")
    assert (check.name, check.status) == ("dns", "failed")
    assert check.found == "https://nowhere.invalid:443: the name does not resolve"
    assert CHANGE in check.fix


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
async def test_a_name_that_cannot_exist_does_not_resolve(host):
    assert told(await checked(f"http://{host}/v1")) == [("dns", "failed")]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_port_that_refuses_is_told_with_its_address(host):
    port = free_port()
    dns, connect = await checked(f"http://{host}:{port}/v1?key=s3cret")
    assert told([dns, connect]) == [("dns", "ok"), ("connect", "failed")]
    assert connect.fix.startswith(f"is a server running at http://{host}:{port}")
    assert "s3cret" not in connect.found + connect.fix


async def test_a_certificate_that_nobody_signed_is_told_with_how_to_trust_it():
    async with FaultUpstream(tls=server_context()) as upstream:
        *reached, tls = await checked(upstream.base_url)
    assert told([*reached, tls]) == [("dns", "ok"), ("connect", "ok"), ("tls", "failed")]
    assert "its certificate is not trusted: self-signed certificate" in tls.found
    assert "export SSL_CERT_FILE=" in tls.fix


async def test_a_certificate_that_is_trusted_is_fine():
    async with FaultUpstream(tls=server_context()) as upstream:
        checks = await checked(upstream.base_url, tls=trusting_context())
    assert told(checks) == [("dns", "ok"), ("connect", "ok"), ("tls", "ok")]


async def test_a_port_without_tls_is_no_matter_of_connecting(silent, pass_time):
    address, spoken_to = silent
    checking = asyncio.create_task(checked(f"https://{address}"))
    await spoken_to.wait()
    pass_time(61)
    checks = await checking
    assert told(checks) == [("dns", "ok"), ("connect", "ok"), ("tls", "failed")]
    assert checks[-1].found.endswith("no TLS handshake within 60 s")
    assert "`http://`" in checks[-1].fix


@pytest.mark.parametrize("url", ["", "localhost:1234", "ftp://here", "http://", "http://me:s3cret@here", "http://a:b"])
def test_what_is_no_plain_url_is_refused(url):
    with pytest.raises(ValueError, match=r"URL|[Pp]ort") as raised:
        Service.at(url, CHANGE)
    assert "s3cret" not in str(raised.value)
