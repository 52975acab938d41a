"""Synchronous calls of an asynchronous transport: from any thread, and from inside a running event loop too."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")


class BlockingTransport(httpx2.BaseTransport):
    """A synchronous transport in front of `inner`, which runs in an event loop on a thread of its own.

    The thread starts with the first request. It ends, and closes `inner`, once: at `close()`, when the transport is
    collected, or at interpreter exit.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self._loop = LoopThread(inner)
        self._close = weakref.finalize(self, self._loop.stop)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = self._loop.call(self._inner.handle_async_request(_readable_in_a_loop(request)))
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_BlockingStream(self, response.stream),
            extensions=response.extensions,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the transport's loop and wait for its result."""
        return self._loop.call(work)

    def close(self) -> None:
        self._close()


class LoopThread:
    """An event loop on a daemon thread: started by the first call, and stopped after it has closed `guest`."""

    def __init__(self, guest: httpx2.AsyncBaseTransport) -> None:
        self._guest = guest
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._stopped = False

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the loop and wait for its result. Raises what it raises; ReadError when stopped meanwhile."""
        future = self._submit(work)
        try:
            return future.result()
        except CancelledError as error:
            raise httpx2.ReadError("the client was closed before the answer was complete") from error
        except BaseException:
            # Interrupting the thread that waits interrupts the work it waits for.
            future.cancel()
            raise

    def stop(self) -> None:
        """Close the guest, end the loop and join the thread."""
        with self._lock:
            self._stopped = True
            if self._thread is None or self._loop is None or not self._thread.is_alive():
                return
            # Under the lock: whatever was submitted is ahead of this in the loop's queue, and is cancelled with it.
            self._loop.call_soon_threadsafe(self._stopping.set)
        # A transport may be collected on any thread, the loop's own included.
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            try:
                return asyncio.run_coroutine_threadsafe(work, self._running_loop())
            except (RuntimeError, httpx2.ReadError):
                work.close()
                raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._stopped:
            raise httpx2.ReadError("the client is closed: make a new one")
        if self._thread is None or self._loop is None:
            self._loop = asyncio.new_event_loop()
            thread = threading.Thread(target=self._run, args=(self._loop,), name="stack-client", daemon=True)
            thread.start()
            self._thread = thread
            _before_thread_pools_end(weakref.WeakMethod(self.stop))
        if self._thread is threading.current_thread():
            raise RuntimeError("a call from the client's own loop would wait for itself: use the asynchronous client")
        if not self._thread.is_alive():
            raise RuntimeError("the client's thread did not survive a fork: make one client in each process")
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._host_guest())

    async def _host_guest(self) -> None:
        await self._stopping.wait()
        await self._guest.aclose()


def _before_thread_pools_end(stop: weakref.WeakMethod[Callable[[], None]]) -> None:
    """Call `stop` when the interpreter ends: a stack needs threads to stop, and `atexit` comes when there are none."""
    import concurrent.futures.thread  # noqa: F401 - the last that registers is the first that is called

    def end() -> None:
        if (alive := stop()) is not None:
            alive()

    # There is no public way. https://github.com/python/cpython/issues/86128
    threading._register_atexit(end)  # type: ignore[attr-defined]


class _BlockingStream(httpx2.SyncByteStream):
    """The body of an answer. It keeps its transport alive: an answer outlives the client that asked."""

    def __init__(self, transport: BlockingTransport, stream: httpx2.AsyncByteStream) -> None:
        self._transport = transport
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        chunks = aiter(self._stream)
        while (chunk := self._transport.run(_next(chunks))) is not None:
            yield chunk

    def close(self) -> None:
        with suppress(httpx2.ReadError):  # a closed transport has closed its streams
            self._transport.run(self._stream.aclose())


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


class _OffLoop(httpx2.AsyncByteStream):
    """A synchronous request body, read on worker threads: its source may block."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = iter(self._stream)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


def _readable_in_a_loop(request: httpx2.Request) -> httpx2.Request:
    stream = request.stream
    if isinstance(stream, httpx2.AsyncByteStream):
        return request
    assert isinstance(stream, httpx2.SyncByteStream)
    return httpx2.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=_OffLoop(stream),
        extensions=request.extensions,
    )
