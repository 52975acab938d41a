"""Searches of one store: which plan a query gets, and what its rows are to a caller.

A search by index under a filter looks for candidates first and filters them: where few chunks pass, it would find too
few. So those that pass are counted up to a bound; below it every one of them is compared. Beyond it, and without a
filter, the index is searched further and further (pgvector's iterative scans), and if it still gave fewer than were
asked for, every chunk is compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stack.apis.vector_io import EmbeddedChunk, KeywordQuery, Metric, ScoredChunk, VectorQuery
from stack.providers.remote.pgvector.index import IndexSettings
from stack.providers.remote.pgvector.table import Table

if TYPE_CHECKING:
    from asyncpg import Connection, Record

MAX_EF_SEARCH = 1000
SPARE = 4  # candidates for each result, where an index of 16-bit numbers chooses them
_EXACT = {"enable_indexscan": "off", "enable_seqscan": "on", "jit": "off"}
# The planner does not see what it costs to fetch vectors that lie outside of their rows.
_BY_INDEX = {"enable_seqscan": "off", "jit": "off"}
_COUNTING = {"enable_seqscan": "on"}


@dataclass(frozen=True, slots=True)
class Search:
    """exact_below: chunks that pass a filter, up to which all are compared. indexed: tables known to have an index.
    keeps_session: what is set on a connection stays, as it does not behind a pooler of transactions.
    """

    exact_below: int
    max_scan_tuples: int
    defaults: IndexSettings
    keeps_session: bool = True
    indexed: set[str] = field(default_factory=set)

    def session(self) -> dict[str, str]:
        """What is set once on each connection, so that the common search is a single exchange."""
        kinds = (self.defaults.model_copy(update={"index": kind}) for kind in ("hnsw", "ivfflat"))
        return {name: value for of in kinds for name, value in self.settings(of, 1).items()}

    def fits_session(self, settings: dict[str, str]) -> bool:
        """Whether a search needs nothing else than what is set."""
        return self.keeps_session and settings.items() <= self.session().items()

    def settings(self, of: IndexSettings, top_k: int) -> dict[str, str]:
        """How an index is searched."""
        if of.index == "ivfflat":
            probes = str(min(of.probes, of.lists))
            return _BY_INDEX | {"ivfflat.probes": probes, "ivfflat.iterative_scan": "relaxed_order"}
        return _BY_INDEX | {
            "hnsw.ef_search": str(min(max(of.ef_search, top_k), MAX_EF_SEARCH)),
            "hnsw.iterative_scan": "relaxed_order",
            "hnsw.max_scan_tuples": str(max(self.max_scan_tuples, top_k)),
        }


async def nearest(connection: Connection, table: Table, query: VectorQuery, search: Search) -> list[ScoredChunk]:
    """The chunks nearest to a vector."""
    settings, has_index = search.settings(table.settings, query.top_k), table.settings.index != "none"
    rows: list[Record] = []
    if has_index and query.filter is None and search.fits_session(settings):
        rows = await _nearest(connection, table, query, is_exact=False)
        has_index = False
    if len(rows) < query.top_k:
        async with connection.transaction(readonly=True):
            if has_index and not await _is_selective(connection, table, query, search):
                await apply_settings(connection, settings)
                rows = await _nearest(connection, table, query, is_exact=False)
            if len(rows) < query.top_k:
                await apply_settings(connection, _EXACT)
                rows = await _nearest(connection, table, query, is_exact=True)
    scored = [ScoredChunk(chunk_of(row), _score(table.metric, row["distance"])) for row in rows]
    return _above(scored, query.score_threshold)


async def apply_settings(connection: Connection, settings: dict[str, str], *, for_transaction: bool = True) -> None:
    """Set what Postgres goes by, until the end of the transaction or of the connection."""
    sql = "select set_config(name, value, $3) from unnest($1::text[], $2::text[]) as settings (name, value)"
    await connection.execute(sql, list(settings), list(settings.values()), for_transaction)


async def by_words(connection: Connection, table: Table, query: KeywordQuery) -> list[ScoredChunk]:
    """The chunks that share words with a text; what Postgres cannot hold of it is no word."""
    text = query.text.replace("\0", " ").encode("utf-8", "replace").decode()
    parameters: list[object] = [table.settings.language, text, query.top_k]
    rows = await connection.fetch(table.with_words(query.filter, parameters), *parameters)
    return _above([ScoredChunk(chunk_of(row), row["score"]) for row in rows], query.score_threshold)


def chunk_of(row: Record) -> EmbeddedChunk:
    """The chunk in a row."""
    metadata, chunk_metadata = json.loads(row["kept"])
    return EmbeddedChunk(row["chunk_id"], row["content"], row["embedding"], metadata, chunk_metadata)


async def _nearest(connection: Connection, table: Table, query: VectorQuery, *, is_exact: bool) -> list[Record]:
    candidates = query.top_k * SPARE if table.is_half and not is_exact else query.top_k
    parameters: list[object] = [query.embedding, candidates, query.top_k]
    return list(await connection.fetch(table.nearest(query.filter, parameters), *parameters))


async def _is_selective(connection: Connection, table: Table, query: VectorQuery, search: Search) -> bool:
    if query.filter is None:
        return False
    await apply_settings(connection, _COUNTING)
    parameters: list[object] = [search.exact_below + 1]
    return int(await connection.fetchval(table.matching(query.filter, parameters), *parameters)) <= search.exact_below


def _score(metric: Metric, distance: float) -> float:
    if metric == "cosine":
        return max(-1.0, min(1.0, 1.0 - distance))
    return 1.0 / (1.0 + distance) if metric == "l2" else -distance


def _above(scored: list[ScoredChunk], threshold: float | None) -> list[ScoredChunk]:
    return scored if threshold is None else [each for each in scored if each.score >= threshold]
