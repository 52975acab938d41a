"""Replaying in this process: within `replaying(folder)`, remote providers get recorded answers and reach no service."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from stack.providers.remote.upstream import Send, Upstream, UpstreamRequest, UpstreamResponse, between
from stack.testing.recordings import Recording, endpoint_of, passes_by, read_recordings
from stack.testing.redaction import Redaction
from stack.testing.shelf import Shelf


class Player:
    """Answers with the recordings of a folder, each provider with those of its id.

    paced: streams take the time they took, where it was recorded. secrets: as they were masked in the recording.
    Raises OSError and ValueError if the folder holds no recordings.
    """

    def __init__(self, folder: Path, secrets: Iterable[str] = (), *, paced: bool = False) -> None:
        by_provider: defaultdict[str, list[Recording]] = defaultdict(list)
        for each in read_recordings(folder):
            by_provider[each.provider].append(each)
        self.shelves = {provider: Shelf(recordings) for provider, recordings in by_provider.items()}
        self._paced = paced
        self._redaction = Redaction(secrets)

    def step(self, upstream: Upstream, send: Send) -> Send:
        """Stand in the place of a provider's service."""

        async def replayed(request: UpstreamRequest, credential: str | None) -> UpstreamResponse:
            if passes_by(request):
                return await send(request, credential)
            self._redaction.learn(request, credential)
            return self._answer(upstream, request)

        return replayed

    def _answer(self, upstream: Upstream, request: UpstreamRequest) -> UpstreamResponse:
        shelf = self.shelves.setdefault(upstream.provider_id, Shelf([]))
        endpoint = endpoint_of(urlsplit(request.url).path)
        if request.method == "GET":
            if (listed := shelf.listing(endpoint)) is None:
                raise upstream.bad(f"is replayed, and there is no recording of `GET {endpoint}`", "not_recorded")
            return Replayed(listed[0], {"content-type": "application/json"}, [listed[1]])
        body = self._redaction.body(request.body, request.headers.get("content-type", ""))
        found = shelf.find(request.method, endpoint, body)
        if found is None:
            sentence = shelf.explain(request.method, endpoint, body)
            shelf.unknown.append(f"{upstream.provider_id}: {sentence}")
            raise upstream.bad(f"is replayed, and there is {sentence}", "not_recorded")
        headers = {"content-type": found.content_type, "x-request-id": found.id, **found.headers}
        if found.stream:
            return Replayed(found.status, headers, found.events(), found.at_ms if self._paced else ())
        wanted = body.get("encoding_format") if isinstance(body, dict) else None
        return Replayed(found.status, headers, [found.document(wanted)])

    def problems(self) -> list[str]:
        """A line for each unknown request and each unused recording."""
        return [line for shelf in self.shelves.values() for line in shelf.problems()]

    def check(self) -> None:
        """Raises AssertionError if a request was unknown or a recording is unused, naming all of them."""
        if problems := self.problems():
            raise AssertionError("\n".join(problems))


class Replayed(UpstreamResponse):
    """A recorded answer. at_ms: when each part is there, in milliseconds from now; at once where that is not told."""

    def __init__(self, status: int, headers: dict[str, str], parts: list[bytes], at_ms: Iterable[float] = ()) -> None:
        self.status = status
        self.headers = headers
        self._parts = parts
        self._at_ms = at_ms

    async def read(self, limit: int | None = None) -> bytes:
        return b"".join(self._parts)

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        began, times = asyncio.get_running_loop().time(), iter(self._at_ms)
        for part in self._parts:
            due = began + next(times, 0.0) / 1000
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            yield part

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def replaying(folder: Path, secrets: Iterable[str] = (), *, paced: bool = False) -> Iterator[Player]:
    """Providers that are made within this get what `folder` has recorded. Raises OSError, ValueError."""
    player = Player(folder, secrets, paced=paced)
    with between(player.step):
        yield player
