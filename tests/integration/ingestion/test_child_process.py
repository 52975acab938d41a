"""The process that reads a file: bounded, without network or environment, gone when its caller is."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop

from stack.errors import ParseFailed, StackError
from stack.services.parsing import Limits, parse

SLOW = b"<b>" * 5_000_000  # takes Python's own parser a good while
CONFINED = """
from stack.services.parsing import Limits
from stack.services.parsing.confinement import confine
confine(Limits())
"""


def written(folder: Path, content: bytes, name: str = "page.html") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def children() -> list[str]:
    """The processes that read files for this one. Linux only: it reads /proc."""
    own = Path(f"/proc/{os.getpid()}/task")
    pids = b" ".join(told(task / "children") for task in own.iterdir()).decode().split()
    return [pid for pid in pids if b"parsing.child" in told(Path(f"/proc/{pid}/cmdline"))]


def told(path: Path) -> bytes:
    """What the system tells of a thread or a process; of one that has ended meanwhile, nothing."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return path.read_bytes()
    return b""


async def begun(task: asyncio.Task[object]) -> None:
    """Returns once the process reads the file."""
    while not children():
        assert not task.done(), "the file was read before anybody looked"
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(cpu_s=1, wall_s=600), "more time or memory"),
        (Limits(wall_s=0.5), "longer than 0.5 seconds"),
        (Limits(memory_bytes=96 * 1024 * 1024, wall_s=600), "more than 96 MiB of memory"),
        (Limits(plain_bytes=1024 * 1024), "larger than 1 MiB"),
    ],
)
async def test_a_file_that_takes_more_than_it_may_fails(limits: Limits, message: str, tmp_path: Path) -> None:
    with pytest.raises(ParseFailed, match=message) as failed:
        await parse(written(tmp_path, SLOW * 4), "page.html", None, limits)
    assert failed.value.code == "invalid_file"
    assert children() == []


async def test_cancelling_the_caller_kills_the_child(tmp_path: Path) -> None:
    task = asyncio.create_task(parse(written(tmp_path, SLOW), "page.html", None))
    await begun(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []


async def test_a_file_that_is_gone_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StackError) as failed:
        await parse(tmp_path / "gone.txt", "gone.txt", None)
    assert not isinstance(failed.value, ParseFailed)
    assert "FileNotFoundError" in failed.value.message


async def test_several_files_are_read_at_once(tmp_path: Path) -> None:
    paths = [written(tmp_path, f"number {n}".encode(), f"{n}.txt") for n in range(8)]
    documents = await asyncio.gather(*(parse(path, path.name, None) for path in paths))
    assert [document.text for document in documents] == [f"number {n}" for n in range(8)]


def test_any_loop_on_any_thread_can_ask(tmp_path: Path) -> None:
    path, texts = written(tmp_path, b"words", "a.txt"), []

    async def read() -> None:
        texts.append((await parse(path, "a.txt", None)).text)

    for run in (asyncio.run, uvloop.run):
        thread = threading.Thread(target=lambda run=run: run(read()))
        thread.start()
        thread.join(120)
    assert texts == ["words", "words"]


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "import os; os.remove('/nothing')",
        "import os; os.open('/tmp/confined', os.O_CREAT | os.O_WRONLY)",
        "open('/tmp/confined', 'w')",
        "open('/dev/null', 'r+b')",
        "from pathlib import Path; Path('/tmp/confined').write_text('x')",
        "import ctypes; ctypes.CDLL('libc.so.6')",
    ],
)
def test_a_confined_process_cannot(attempt: str) -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED + attempt], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Refused: a parser tried" in done.stderr
    assert not Path("/tmp/confined").exists()


async def test_the_child_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary")
    task = asyncio.create_task(parse(written(tmp_path, SLOW), "page.html", None))
    await begun(task)
    environment = Path(f"/proc/{children()[0]}/environ").read_bytes()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert b"canary" not in environment
