"""What is said of the machine."""

from __future__ import annotations

import resource
import socket

import pytest

from stack.doctor.machine import check_open_files, check_port, check_python
from stack.testing.server_process import free_port


@pytest.mark.parametrize(("version", "status"), [((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((3, 10, 9), "failed")])
def test_python_must_be_new_enough(version, status):
    assert check_python(version).status == status


def test_a_free_port_stays_free():
    port = free_port()
    assert [check_port("127.0.0.1", port).status for _ in range(2)] == ["ok", "ok"]


def test_a_port_that_is_taken_is_a_warning():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        check = check_port("127.0.0.1", taken.getsockname()[1])
    assert (check.status, "--port" in check.fix) == ("warning", True)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid", "a..b"])
def test_an_address_of_another_machine_cannot_be_listened_on(host):
    assert check_port(host, free_port()).status == "failed"


@pytest.mark.parametrize(("limit", "status"), [(1024, "warning"), (4096, "ok"), (resource.RLIM_INFINITY, "ok")])
def test_few_files_are_a_warning(limit, status):
    assert check_open_files(limit).status == status
