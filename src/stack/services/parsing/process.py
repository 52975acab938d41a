"""Files to text, in a process of their own: whatever a file does to its parser, the server stays as it is."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import ParseFailed, StackError
from stack.services.parsing.document import ParsedDocument, Span
from stack.services.parsing.failures import invalid
from stack.services.parsing.limits import Limits

if TYPE_CHECKING:  # the child imports this package, and has no use for it
    from asyncio import StreamReader
    from asyncio.subprocess import Process

_COMMAND = (sys.executable, "-P", "-S", "-B", "-X", "utf8", "-m", "stack.services.parsing.child")
_LONGEST_HEAD = 8 * 1024 * 1024  # bytes: 10,000 spans with long labels
_LONGEST_STDERR = 4096


async def parse(path: Path, filename: str, media_type: str | None, limits: Limits | None = None) -> ParsedDocument:
    """The text of the file at `path`; `filename` and `media_type` (which may hold a charset) are what its sender says.

    Costs a process, 0.05 to 0.2 s at least: callers bound how many run at once. Cancelling kills it.
    Raises ParseFailed with code `unsupported_file` or `invalid_file`; StackError if parsing itself is at fault.
    """
    import asyncio

    limits = limits or Limits()
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Nothing of the environment, which holds keys; modules come from where they came from here.
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is for the server, which knows what to do
        limit=_LONGEST_HEAD,
    )
    try:
        job = {"path": str(path), "name": filename, "media_type": media_type, "limits": asdict(limits)}
        async with asyncio.timeout(limits.wall_s):
            return await _converse(process, json.dumps(job).encode(), limits)
    except TimeoutError as error:
        raise invalid(f"the file takes longer than {limits.wall_s:g} seconds to read: split it") from error
    finally:
        await _end(process)


async def _converse(process: Process, job: bytes, limits: Limits) -> ParsedDocument:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(job)
        process.stdin.close()
        head = await process.stdout.readline()
        text = await _read_text(process.stdout, limits.text_bytes)
    except (ConnectionError, ValueError) as error:  # ended before it listened, or a line without end
        raise await _no_answer(process) from error
    if await process.wait() or not head.endswith(b"\n"):
        raise await _no_answer(process)
    answer = json.loads(head)
    if "code" in answer:
        _log_refusal(answer)
        raise ParseFailed(answer["message"], code=answer["code"])
    return ParsedDocument(text, tuple(Span(*each) for each in answer["spans"]), answer["format"])


def _log_refusal(answer: dict[str, str]) -> None:
    import structlog

    structlog.get_logger().info("file not read", code=answer["code"], reason=answer.get("reason"))


async def _read_text(stdout: StreamReader, longest: int) -> str:
    held = bytearray()
    while block := await stdout.read(256 * 1024):
        held += block
        if len(held) > longest:
            raise ValueError("more text than agreed")
    return held.decode()


async def _no_answer(process: Process) -> StackError:
    """What it means that the child ended without an answer: by a signal the file is at fault, else we are."""
    assert process.stderr is not None
    status = await process.wait()
    if status < 0:
        return invalid("the file takes more time or memory to read than it may: split it, or save it again")
    said = (await process.stderr.read(_LONGEST_STDERR)).decode("utf-8", "replace").strip()
    last = said.splitlines()[-1] if said else f"it ended with status {status}"
    return StackError(f"the file could not be read, by a fault of this server: {last}")


async def _end(process: Process) -> None:
    """Kill the child, if it still runs, and wait until it is gone."""
    import asyncio

    if process.returncode is None:
        process.kill()
    await asyncio.shield(process.wait())
