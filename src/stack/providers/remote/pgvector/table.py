"""The SQL of one store: a table of chunks with its indexes. Names are ours or quoted; values travel as parameters.

Columns: metadata is what filters see, kept the JSON that is given back as it came, words what keyword queries look for.
"""

from __future__ import annotations

from dataclasses import dataclass

from stack.apis.filters import Filter
from stack.apis.vector_io import Metric, VectorStoreSpec
from stack.providers.remote.pgvector.filters import condition
from stack.providers.remote.pgvector.index import MAX_INDEXED, ROWS_PER_LIST, IndexSettings

WORDS_SEEN = 100_000  # characters of a text that keyword queries see: a `tsvector` holds a megabyte at most
_OPERATORS = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}
_CLASSES = {"cosine": "cosine", "l2": "l2", "inner_product": "ip"}

_CREATE = """
    create table <table> (
        chunk_id text collate "C" primary key,
        content text not null,
        embedding [[vector]](<dimension>) not null,
        metadata jsonb not null,
        kept text not null,
        words tsvector not null
    )
"""
_INDEX = """
    create index if not exists <index> on <table> using <kind> ((<indexed embedding>) [[<operators>]]) with (<options>)
"""
_INSERT = """
    insert into <table> (chunk_id, content, embedding, metadata, kept, words)
    values ($1, $2, $3, $4::text::jsonb, $5, to_tsvector($6::text::regconfig, left($2, <words seen>)))
    on conflict (chunk_id) do update set content = excluded.content, embedding = excluded.embedding,
        metadata = excluded.metadata, kept = excluded.kept, words = excluded.words
"""
_NEAREST = """
    select chunk_id, content, embedding, kept, distance
    from (
        select chunk_id, content, embedding, kept, embedding <distance> $1::[[vector]] as distance
        from <table> <where>
        order by <indexed embedding> <distance> <indexed asked> limit $2
    ) candidates
    order by distance, chunk_id limit $3
"""
# Any of the words: what the parser makes of the text, each quoted as `tsquery` wants it.
_WITH_WORDS = r"""
    with asked as materialized (
        select string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery as words
        from unnest(to_tsvector($1::text::regconfig, left($2, <words seen>)))
    )
    select chunk_id, content, embedding, kept, ts_rank(words, (select words from asked), 1) as score
    from <table> <where>
    order by score desc, chunk_id limit $3
"""


def quoted_name(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Table:
    """schema: of the stores; extension: the schema that pgvector's types are in."""

    schema: str
    name: str
    extension: str
    spec: VectorStoreSpec
    settings: IndexSettings

    def sql(self, text: str, **more: str) -> str:
        """A statement with the names of this store filled in; `[[x]]` is pgvector's own `x`."""
        of_extension = f"{quoted_name(self.extension)}."
        names = {
            "table": f"{quoted_name(self.schema)}.{quoted_name(self.name)}",
            "index": quoted_name(f"{self.name}_embedding"),
            "dimension": str(self.spec.dimension),
            "distance": f"operator({of_extension}{_OPERATORS[self.spec.metric]})",
            "indexed embedding": self._indexed("embedding"),
            "indexed asked": self._indexed("$1::[[vector]]"),
            "words seen": str(WORDS_SEEN),
        }
        for name, value in (more | names).items():
            text = text.replace(f"<{name}>", value)
        return text.replace("[[", of_extension).replace("]]", "")

    @property
    def metric(self) -> Metric:
        return self.spec.metric

    @property
    def is_half(self) -> bool:
        """Whether the index holds 16-bit numbers, which only choose candidates: scores come from the vectors."""
        return self.spec.dimension > MAX_INDEXED

    @property
    def rows_to_index(self) -> int:
        """Chunks from which on there is an index."""
        return self.settings.lists * ROWS_PER_LIST if self.settings.index == "ivfflat" else 0

    def creating(self) -> list[str]:
        """Statements that make the table and the indexes that it has from the start."""
        return [
            self.sql(_CREATE),
            self.sql("create index on <table> using gin (metadata jsonb_path_ops)"),
            self.sql("create index on <table> using gin (words)"),
            *([self.indexing()] if self.settings.index == "hnsw" else []),
        ]

    def dropping(self) -> str:
        return self.sql("drop table if exists <table>")

    def indexing(self) -> str:
        """Make the index of the vectors; for IVFFlat once there are rows to learn from."""
        of = self.settings
        options = f"m = {of.m}, ef_construction = {of.ef_construction}"
        if of.index == "ivfflat":
            options = f"lists = {of.lists}"
        operators = f"{'halfvec' if self.is_half else 'vector'}_{_CLASSES[self.metric]}_ops"
        return self.sql(_INDEX, kind=of.index, operators=operators, options=options)

    def has_index(self) -> str:
        """$1 schema, $2 index, $3 rows: whether it is there, and how many rows there are, counted to that number."""
        return self.sql(
            "select exists (select from pg_indexes where schemaname = $1 and indexname = $2) as is_built,"
            " (select count(*) from (select from <table> limit $3) counted) as rows"
        )

    def inserting(self) -> str:
        """$1 chunk_id, $2 content, $3 embedding, $4 metadata, $5 kept, $6 language."""
        return self.sql(_INSERT)

    def nearest(self, filter: Filter | None, parameters: list[object]) -> str:
        """$1 embedding, $2 candidates, $3 top_k; the filter's parameters are added."""
        return self.sql(_NEAREST, where=_where(filter, parameters))

    def matching(self, filter: Filter, parameters: list[object]) -> str:
        """$1 the number up to which is counted: how many chunks pass; the filter's parameters are added."""
        sql = "select count(*) from (select from <table> <where> limit $1) passing"
        return self.sql(sql, where=_where(filter, parameters))

    def with_words(self, filter: Filter | None, parameters: list[object]) -> str:
        """$1 language, $2 text, $3 top_k; the filter's parameters are added.

        Ranked by `ts_rank`: among texts that hold any of the words, `ts_rank_cd` would not put those with more before.
        """
        also = "words @@ (select words from asked)"
        return self.sql(_WITH_WORDS, where=_where(filter, parameters, also))

    def _indexed(self, vector: str) -> str:
        """What the index holds of a vector; 16 bits have less range, which a direction does not need."""
        if not self.is_half:
            return vector
        direction = f"[[l2_normalize]]({vector})" if self.metric == "cosine" else vector
        return f"({direction})::[[halfvec]]({self.spec.dimension})"


def _where(filter: Filter | None, parameters: list[object], also: str = "") -> str:
    conditions = [also] if also else []
    if filter is not None:

        def place(value: str | list[str]) -> str:
            parameters.append(value)
            return f"${len(parameters)}"

        conditions.append(condition(filter, place))
    return f"where {' and '.join(conditions)}" if conditions else ""
