"""Upload forms: what is malformed is the caller's to know, and nothing for the log."""

from __future__ import annotations

import pytest

from stack.errors import InvalidRequest
from stack.server.multipart import Form


async def sent(*parts: bytes):
    for part in parts:
        yield part


@pytest.mark.parametrize("body", [b"garbage", b"--B\r\n: x\r\n\r\n", b"--B\r\ncontent-disposition: form-data\r\n\r\nx"])
async def test_a_malformed_form_is_refused_and_not_logged(body, caplog):
    with pytest.raises(InvalidRequest, match="form"):
        await Form("multipart/form-data; boundary=B", sent(body), 100).open("file")
    assert caplog.records == []


async def test_fields_that_hold_nothing_count_as_well():
    part = b'--B\r\ncontent-disposition: form-data; name="%d"\r\n\r\n\r\n'
    fields = b"".join(part % number for number in range(40)) + b"--B--\r\n"
    with pytest.raises(InvalidRequest, match="too many"):
        await Form("multipart/form-data; boundary=B", sent(fields), 100).open("file")
