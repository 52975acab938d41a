"""The names that a server answers to: on loopback without keys, none that a web page can choose."""

from __future__ import annotations

import pytest

from stack.config.models import AuthConfig, ServerConfig
from stack.server.hosts import Hosts

LOCAL = [
    "localhost",
    "localhost:8321",
    "LocalHost.",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.9.9.9:65535",
    "[::1]",
    "[::1]:80",
]
FOREIGN = [
    "evil.example",
    "evil.example:8321",
    "localhost.evil.example",
    "evil.example#localhost",
    "evil.example/localhost",
    "localhost@evil.example",
    "evil.example:80@localhost",
    "localhost:80:80",
    "localhost:port",
    "localhost, evil.example",
    "127.0.0.1.nip.io",
    "127.1",
    "2130706433",
    "0.0.0.0",
    "192.168.0.1",
    "10.0.0.1:8321",
    "[::2]",
    "[::1",
    "[localhost]x",
    "local host",
    "localhost\\evil",
    "\xe9vil.example",
    ":80",
]


def code(config: ServerConfig, *hosts: str, target: bytes = b"/v1/models") -> str | None:
    refusal = Hosts(config).refusal(target, [host.encode("latin-1") for host in hosts])
    return refusal.code if refusal else None


@pytest.mark.parametrize("listens", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("host", LOCAL)
def test_names_of_this_machine_pass_with_any_port(listens: str, host: str):
    assert code(ServerConfig(host=listens), host) is None


@pytest.mark.parametrize("host", FOREIGN)
def test_any_other_name_is_refused(host: str):
    assert code(ServerConfig(), host) == "bad_host"


@pytest.mark.parametrize("host", ["proxy.example", "PROXY.example:443", "localhost"])
def test_listed_names_pass_as_well(host: str):
    assert code(ServerConfig(allowed_hosts=["Proxy.example"]), host) is None


@pytest.mark.parametrize("listens", ["127.0.0.1", "0.0.0.0"])
def test_a_list_holds_wherever_the_server_listens(listens: str):
    assert code(ServerConfig(host=listens, allowed_hosts=["proxy.example"]), "evil.example") == "bad_host"


@pytest.mark.parametrize(
    "config", [ServerConfig(host="0.0.0.0"), ServerConfig(auth=AuthConfig(api_keys=["k" * 20]))], ids=["all", "keys"]
)
def test_a_server_that_others_reach_or_that_wants_keys_takes_any_name(config: ServerConfig):
    assert code(config, "evil.example") is None


@pytest.mark.parametrize("config", [ServerConfig(), ServerConfig(host="0.0.0.0")], ids=["loopback", "all"])
@pytest.mark.parametrize("hosts", [("localhost", "localhost"), ("localhost", "evil.example")])
def test_a_request_has_not_two_hosts(config: ServerConfig, hosts: tuple[str, ...]):
    assert code(config, *hosts) == "invalid_http"


def test_http_1_0_needs_none():
    assert code(ServerConfig()) is None


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://localhost:8321/v1/models", None),
        (b"HTTPS://[::1]", None),
        (b"*", None),
        (b"http://evil.example/v1/models", "bad_host"),
        (b"http://localhost@evil.example/", "bad_host"),
        (b"http:///v1/models", "invalid_http"),
        (b"ftp://localhost/v1/models", "invalid_http"),
    ],
)
def test_the_host_of_a_whole_url_counts_and_not_the_header(target: bytes, expected: str | None):
    assert code(ServerConfig(), "localhost", target=target) == expected
