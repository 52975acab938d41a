"""Attacks in other words: how near each sentence is in meaning to attacks that are known, by any embedding model."""

from __future__ import annotations

import asyncio
import base64
import math
import re
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from operator import mul

from stack.apis.embeddings import EmbeddingsRequest
from stack.apis.inference import Inference
from stack.apis.safety import Finding
from stack.errors import InvalidRequest, ProviderUnavailable, RequestError
from stack.providers.inline.prompt_guard.exemplars import EXTRACTIONS, HARMLESS, INJECTIONS, JAILBREAKS

_SENTENCE = re.compile(r"[^.!?\n]{12,400}[.!?]*")
_BATCH = 64
_KNOWN = {"injection": INJECTIONS, "jailbreak": JAILBREAKS, "extraction": EXTRACTIONS}

Vector = Sequence[float]


class Similarity:
    """One embedding model and the exemplars as it sees them, which are asked for once.

    least: cosine from which on a sentence is an attack, where no harmless exemplar is as near.
    """

    def __init__(self, inference: Inference, model: str, least: float, max_sentences: int) -> None:
        self._inference = inference
        self._model = model
        self._least = least
        self._max_sentences = max_sentences
        self._known: dict[str, list[Vector]] | None = None
        self._learning = asyncio.Lock()

    async def findings(self, text: str, categories: Iterable[str]) -> list[Finding]:
        """The sentences that are attacks. Raises: InvalidRequest for too many, ProviderUnavailable, UpstreamError."""
        most = self._max_sentences
        spans = await asyncio.to_thread(lambda: [each.span() for each in islice(_SENTENCE.finditer(text), most + 1)])
        if len(spans) > most:
            message = f"a text has more than {most} sentences, which is the most that are compared: split it"
            raise InvalidRequest(message, param="messages")
        known = await self._exemplars()
        vectors = await self._embedded([text[start:end] for start, end in spans])
        # A millisecond for each.
        return await asyncio.to_thread(self._attacks, spans, vectors, known, list(categories))

    def _attacks(
        self,
        spans: Sequence[tuple[int, int]],
        vectors: Sequence[Vector],
        known: dict[str, list[Vector]],
        categories: Sequence[str],
    ) -> list[Finding]:
        found: list[Finding] = []
        for (start, end), vector in zip(spans, vectors, strict=True):
            category, score = max(
                ((name, _nearest(vector, known[name])) for name in categories), key=lambda each: each[1]
            )
            if score >= self._least and score > _nearest(vector, known["harmless"]):
                found.append(Finding(f"prompt_attack/{category}", min(1.0, score), 0, start, end, None, "similarity"))
        return found

    async def _exemplars(self) -> dict[str, list[Vector]]:
        async with self._learning:
            if self._known is None:
                named = {**_KNOWN, "harmless": HARMLESS}
                vectors = iter(await self._embedded(list(chain.from_iterable(named.values()))))
                self._known = {name: [next(vectors) for _ in sentences] for name, sentences in named.items()}
            return self._known

    async def _embedded(self, sentences: Sequence[str]) -> list[Vector]:
        """Vectors of length 1. Raises: ProviderUnavailable where the model is none that can be asked."""
        vectors: list[Vector] = []
        for at in range(0, len(sentences), _BATCH):
            request = EmbeddingsRequest(model=self._model, input=list(sentences[at : at + _BATCH]))
            try:
                answer = (await self._inference.openai_embeddings(request)).value
            except RequestError as error:
                message = f"`embedding_model` is `{self._model}`, which gives no embeddings: {error.message}"
                raise ProviderUnavailable(message) from error
            vectors += [_unit(each.embedding) for each in sorted(answer.data, key=lambda each: each.index)]
        return vectors


def _unit(embedding: Sequence[float] | str) -> Vector:
    values = array("f", base64.b64decode(embedding)) if isinstance(embedding, str) else embedding
    length = math.hypot(*values) or 1.0
    return [value / length for value in values]


def _nearest(vector: Vector, known: Iterable[Vector]) -> float:
    cosines: list[float] = [sum(map(mul, vector, each)) for each in known]
    return max(cosines)
