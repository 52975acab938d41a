"""The recordings of one provider, found by request, and which of them were asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from stack.testing.answers import encode, error_body
from stack.testing.matching import Key, difference, key_of, nearest
from stack.testing.recordings import Recording

MODELS = "/v1/models"


class Shelf:
    """A request is answered if method, endpoint and the whole body are those of a recording.

    Of equal recordings each is used once, in order, and the last one from then on. What was asked for by GET, such as
    lists of models, is neither unknown nor unused: stacks ask for those by themselves.
    unknown: a sentence about each request that no recording answers.
    """

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.recordings = [each for each in recordings if each.method != "GET"]
        self.unknown: list[str] = []
        self._lists = {each.endpoint: each for each in recordings if each.method == "GET"}
        self._used: set[str] = set()
        self._by_key: defaultdict[Key, list[Recording]] = defaultdict(list)
        for each in self.recordings:
            self._by_key[key_of(each.method, each.endpoint, each.request)].append(each)

    def find(self, method: str, endpoint: str, body: Any) -> Recording | None:
        """The recording of a request, which is used then; where there is none, `explain` tells why."""
        candidates = self._by_key.get(key_of(method, endpoint, body), [])
        for recording in candidates:
            if recording.id not in self._used:
                self._used.add(recording.id)
                return recording
        return candidates[-1] if candidates else None

    def listing(self, endpoint: str) -> tuple[int, bytes] | None:
        """The answer to a GET: what was recorded, or the one entry of the list of models that `/ID` names."""
        if found := self._lists.get(endpoint):
            return found.status, found.document()
        models = self._lists.get(MODELS)
        if models is None or not endpoint.startswith(f"{MODELS}/"):
            return None
        wanted = unquote(endpoint.removeprefix(f"{MODELS}/"))
        # A list of another form than OpenAI's is looked through by whoever reads it, once there is no such model.
        entries = models.body.get("data") if isinstance(models.body, dict) else None
        for entry in entries or ():
            if entry["id"] == wanted:
                return 200, encode(entry)
        return 404, encode(error_body(404, f"there is no model `{wanted}`"))

    def explain(self, method: str, endpoint: str, body: Any) -> str:
        """Why no recording answers a request: what is different in the nearest one."""
        same = [each for each in self.recordings if (each.method, each.endpoint) == (method, endpoint)]
        closest = nearest(body, same)
        if closest is None:
            return f"no recording of `{method} {endpoint}`"
        where = difference(closest.request, body)
        return f"no recording of this `{method} {endpoint}`: {where} in `{closest.path.name}`, the nearest"

    def unused(self) -> list[Recording]:
        """The recordings that no request has asked for."""
        return [each for each in self.recordings if each.id not in self._used]

    def problems(self) -> list[str]:
        """A line for each unknown request and each unused recording."""
        return [*self.unknown, *(f"unused: {each.path}" for each in self.unused())]
