"""An OpenAI-compatible upstream that fails on request, on a real socket.

    python -m stack.testing.upstream --port 0        # prints {"port": 40123, "base_url": "http://127.0.0.1:40123/v1"}

It serves chat completions, completions, embeddings and models, streamed or whole. How it answers is chosen by the
header `x-fault`, else by a path prefix `/f/<name>/...`, else by the model (what stands behind the last `/` and before
`@`, so `acme/fault-503@case-7` fails with 503 and is counted apart). Every name can be followed by `-then-ok-N`: the
first N requests of that model get the fault, later ones a correct answer. Its own pages:

    GET /faults              every behaviour, with an example
    GET /counts              requests, completed, aborted by the caller, per model; connections
    GET /requests?model=M    the last 500 requests for M: headers, body, time
    POST /reset              forget all of that
    POST /down?seconds=S     refuse connections for S seconds, on the same port
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Self
from urllib.parse import unquote

from stack.testing.answers import Answer, api_of, encode
from stack.testing.counts import Counts, Ledger
from stack.testing.exchange import JSON, Exchange, head
from stack.testing.faults import FAULTS, describe, find, name_at
from stack.testing.http import HOST, Connection, HttpServer, Request
from stack.testing.thread import in_thread
from stack.testing.tls import server_context

_PREFIX = re.compile(r"/f/(?P<name>[^/]+)(?P<path>/.*)?")
_ONE_MODEL = re.compile(r".*/models/(?P<model>.+)")
_LISTED = tuple(row.example for row in FAULTS)


class FaultUpstream:
    """The upstream, inside this process: `async with FaultUpstream() as upstream`.

    What it has counted may be read from any thread. seed: of `fault-flaky-P`.
    """

    def __init__(self, *, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None, seed: int = 0) -> None:
        self._server = HttpServer(self._answer, host=host, port=port, tls=tls)
        self._ledger = Ledger()
        self._random = random.Random(seed)  # noqa: S311
        self._served = 0
        self._revival: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def origin(self) -> str:
        """Scheme, host and port: where its own pages are."""
        return self._server.origin

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.origin}/v1"

    def base_url_with(self, fault: str) -> str:
        """A base URL below which every request gets this fault, whatever its model."""
        return f"{self.origin}/f/{fault}/v1"

    @property
    def counts(self) -> Counts:
        """What it has seen so far."""
        return self._ledger.counts(len(self._server.connections), self._server.accepted)

    def requests(self, model: str) -> list[Request]:
        """The last 500 requests for a model (its full name), oldest first."""
        return self._ledger.received(model)

    def reset(self) -> None:
        """Forget every request and count."""
        self._ledger.reset()

    def wait_until(self, true: Callable[[Counts], bool], timeout_s: float = 30.0) -> Counts:
        """Block this thread until the counts are as wanted. Raises TimeoutError.

        For another thread than the upstream's: under its own event loop, `await asyncio.to_thread(...)`.
        """
        if not self._ledger.wait_until(true, timeout_s):
            raise TimeoutError(f"after {timeout_s} s the upstream had seen {self.counts.json()}")
        return self.counts

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._revival is not None:
            self._revival.cancel()
        await self._server.stop()

    def down(self, seconds: float = math.inf) -> asyncio.Task[None]:
        """Refuse connections and close idle ones; the task ends when it listens again, `seconds` later, on its port.

        For its own event loop, as `up` is; anything else posts to `/down`.
        """
        self._server.refuse()
        self._revival = asyncio.get_running_loop().create_task(self._revive(seconds))
        return self._revival

    async def up(self) -> None:
        """Listen again now, where it is down."""
        revival, self._revival = self._revival, None
        if revival is not None and not revival.done():
            revival.cancel()
            await self._server.start()

    async def _revive(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._server.start()

    async def _answer(self, connection: Connection, request: Request) -> None:
        page = self._page(request)
        if page is not None:
            body = encode(page)
            await connection.send(head(200, {"content-type": JSON, "content-length": len(body)}) + body)
            return
        name, path = _chosen(request)
        model = request.model or _model_in(path) or name or "ok"
        number = self._ledger.begin(model, request)
        aborted = True
        try:
            await self._behave(self._exchange(connection, request, path, model), name, number)
            aborted = False
        finally:
            self._ledger.end(model, aborted=aborted)

    def _exchange(self, connection: Connection, request: Request, path: str, model: str) -> Exchange:
        self._served += 1
        api = api_of(path)
        body = request.json if isinstance(request.json, dict) else {}
        listed = _LISTED if api == "models" and not _model_in(path) else ()
        answer = Answer(api, f"req-{self._served}", model, body, listed=listed)
        return Exchange(connection, request, answer, self._random)

    async def _behave(self, exchange: Exchange, name: str, number: int) -> None:
        wanted = name_at(name or "ok", number)
        behaviour = find(wanted)
        if not name and exchange.answer.api == "other":
            await exchange.fail(404, f"there is no `{exchange.request.path}` here", "not_found")
        elif behaviour is None:
            await exchange.fail(404, f"there is no fault `{wanted}`: see `/faults`")
        else:
            await behaviour.answer(exchange, wanted)

    def _page(self, request: Request) -> dict[str, Any] | None:
        """One of the upstream's own pages; None for everything else."""
        match request.method, request.path:
            case "GET", "/faults":
                return {"faults": describe(FAULTS), "suffix": "-then-ok-N"}
            case "GET", "/counts":
                return self.counts.json()
            case "GET", "/requests":
                return {"requests": [_as_json(each) for each in self.requests(request.query.get("model", "ok"))]}
            case "POST", "/reset":
                self.reset()
            case "POST", "/down":
                self.down(float(request.query.get("seconds", 1)))
            case _, "/trap":
                self._ledger.redirect_followed(request.query.get("model", ""))
            case _:
                return None
        return {"ok": True}


def _chosen(request: Request) -> tuple[str, str]:
    """The name of the behaviour, empty if the request names none, and the path without its prefix."""
    prefix = _PREFIX.fullmatch(request.path)
    path = (prefix["path"] or "/") if prefix else request.path
    if fault := request.headers.get("x-fault"):
        return fault, path
    if prefix:
        return prefix["name"], path
    return (request.model or _model_in(path)).rpartition("/")[2].partition("@")[0], path


def _model_in(path: str) -> str:
    match = _ONE_MODEL.fullmatch(path)
    return unquote(match["model"]) if match else ""


def _as_json(request: Request) -> dict[str, Any]:
    return {
        "received_at": request.received_at,
        "monotonic_s": request.monotonic_s,
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "json": request.json,
        "body": request.body.decode("utf-8", "replace"),
    }


def upstream_thread(
    *, port: int = 0, tls: ssl.SSLContext | None = None, seed: int = 0
) -> AbstractContextManager[FaultUpstream]:
    """`with upstream_thread() as upstream`: the upstream in a thread of its own."""
    return in_thread(FaultUpstream(port=port, tls=tls, seed=seed))


async def _serve(arguments: argparse.Namespace) -> None:
    tls = server_context(arguments.cert, arguments.key) if arguments.cert else None
    async with FaultUpstream(host=arguments.host, port=arguments.port, tls=tls, seed=arguments.seed) as upstream:
        print(json.dumps({"port": upstream.port, "base_url": upstream.base_url}), flush=True)  # noqa: T201
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.testing.upstream", description="An upstream that fails on request."
    )
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 lets the kernel choose")
    parser.add_argument("--cert", default="", help="PEM file with the certificate: serves TLS")
    parser.add_argument("--key", default=None, help="PEM file with its key, if it is not in the same file")
    parser.add_argument("--seed", type=int, default=0, help="of `fault-flaky-P`")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
