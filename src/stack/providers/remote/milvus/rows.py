"""Chunks as rows of a collection, and filters in Milvus' language of expressions."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from stack.apis.vector_io import EmbeddedChunk
from stack.errors import InvalidRequest
from stack.providers.remote.attribute_terms import Condition, Term, terms
from stack.providers.remote.milvus.collections import MAX_JSON, MAX_TEXT

WHOLE = ["chunk_id", "content", "kept", "embedding"]
_SIGNS = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def rows_of(chunks: Sequence[EmbeddedChunk]) -> list[dict[str, Any]]:
    """Raises: InvalidRequest for a text or attributes longer than Milvus keeps."""
    rows = []
    for index, chunk in enumerate(chunks):
        row = {
            "chunk_id": chunk.chunk_id,
            "content": chunk.content,
            "attributes": terms(chunk.metadata),
            "kept": [chunk.metadata, chunk.chunk_metadata],
            "embedding": chunk.embedding.tolist(),
        }
        _check_size(f"chunks[{index}].content", len(chunk.content.encode()), MAX_TEXT)
        for name, field in (("attributes", "metadata"), ("kept", "chunk_metadata")):
            _check_size(f"chunks[{index}].{field}", len(json.dumps(row[name], ensure_ascii=False).encode()), MAX_JSON)
        rows.append(row)
    return rows


def chunk_of(row: Mapping[str, Any]) -> EmbeddedChunk:
    """The chunk in a row."""
    kept = row["kept"]
    attributes, chunk_metadata = json.loads(kept) if isinstance(kept, str | bytes) else kept
    return EmbeddedChunk(row["chunk_id"], row["content"], array("f", row["embedding"]), attributes, chunk_metadata)


def expression(wanted: Condition) -> str:
    """A condition that the engine decides; empty: every row passes.

    Names are made of letters, digits, `_` and `-`; texts are written as JSON has them, so that none ends early.
    """
    if isinstance(wanted, bool):
        assert wanted, "what nothing passes is not asked for"
        return ""
    if isinstance(wanted, Term):
        return _term(wanted)
    return _balanced([expression(each) for each in wanted.conditions], wanted.operator)


def among(chunk_ids: Sequence[str]) -> str:
    """The rows of these chunks."""
    return f"chunk_id in {_literal(chunk_ids)}"


def _term(term: Term) -> str:
    field = f'attributes["{term.name}"]'
    if isinstance(term.value, list):
        each = [f"{field} {'==' if term.operator == 'in' else '!='} {_literal(value)}" for value in term.value]
        found = _balanced(each, "or" if term.operator == "in" else "and")
    else:
        found = f"{field} {_SIGNS[term.operator]} {_literal(term.value)}"
    return f"(not exists {field} or {found})" if term.operator in ("ne", "nin") else f"({found})"


def _literal(value: str | float | bool | Sequence[str]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _balanced(expressions: Sequence[str], operator: str) -> str:
    """Joined as a tree, since a parser bounds how deep an expression may be."""
    if len(expressions) == 1:
        return expressions[0]
    middle = len(expressions) // 2
    left, right = _balanced(expressions[:middle], operator), _balanced(expressions[middle:], operator)
    return f"({left} {operator} {right})"


def _check_size(where: str, size: int, most: int) -> None:
    if size > most:
        raise InvalidRequest(f"`{where}` takes {size} bytes, and Milvus keeps at most {most}", param=where)
