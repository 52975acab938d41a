"""Our types hold the fields and values that OpenAI's own package knows; what differs on purpose is listed here."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase as fnmatch
from typing import Annotated, Any, Literal, Required, Union, get_args, get_origin, get_type_hints

import pytest
from openai.types import Completion as OpenAICompletion
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion as OpenAIChatCompletion
from openai.types.chat import ChatCompletionChunk as OpenAIChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsNonStreaming as CompletionParams
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.moderation_create_response import ModerationCreateResponse
from openai.types.vector_store import VectorStore as OpenAIVectorStore
from openai.types.vector_store_create_params import VectorStoreCreateParams
from openai.types.vector_store_deleted import VectorStoreDeleted as OpenAIVectorStoreDeleted
from openai.types.vector_store_list_params import VectorStoreListParams
from openai.types.vector_store_search_params import VectorStoreSearchParams
from openai.types.vector_store_search_response import VectorStoreSearchResponse
from openai.types.vector_store_update_params import VectorStoreUpdateParams
from openai.types.vector_stores import VectorStoreFile as OpenAIVectorStoreFile
from openai.types.vector_stores import VectorStoreFileBatch as OpenAIVectorStoreFileBatch
from openai.types.vector_stores import VectorStoreFileDeleted as OpenAIVectorStoreFileDeleted
from openai.types.vector_stores.file_batch_create_params import FileBatchCreateParams
from openai.types.vector_stores.file_content_response import FileContentResponse
from openai.types.vector_stores.file_create_params import FileCreateParams
from openai.types.vector_stores.file_list_params import FileListParams
from openai.types.vector_stores.file_update_params import FileUpdateParams
from pydantic import BaseModel
from typing_extensions import is_typeddict

from stack.apis.inference import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Completion,
    CompletionRequest,
    EmbeddingsRequest,
    EmbeddingsResponse,
)
from stack.apis.messages import OtherMessage
from stack.apis.moderations import ModerationRequest, ModerationResponse
from stack.apis.shapes import OtherType
from stack.apis.vector_search import SearchRequest, SearchResult
from stack.apis.vector_store_files import (
    FileAttachRequest,
    FileBatchRequest,
    FileContent,
    FileListRequest,
    FileUpdateRequest,
    VectorStoreFile,
    VectorStoreFileBatch,
    VectorStoreFileDeleted,
)
from stack.apis.vector_stores import (
    ListRequest,
    VectorStore,
    VectorStoreCreateRequest,
    VectorStoreDeleted,
    VectorStoreUpdateRequest,
)

PAIRS = [
    (ChatCompletionRequest, ChatParams),
    (CompletionRequest, CompletionParams),
    (EmbeddingsRequest, EmbeddingCreateParams),
    (ModerationRequest, ModerationCreateParams),
    (ModerationResponse, ModerationCreateResponse),
    (ChatCompletion, OpenAIChatCompletion),
    (ChatCompletionChunk, OpenAIChatCompletionChunk),
    (Completion, OpenAICompletion),
    (EmbeddingsResponse, CreateEmbeddingResponse),
    (VectorStoreCreateRequest, VectorStoreCreateParams),
    (VectorStoreUpdateRequest, VectorStoreUpdateParams),
    (ListRequest, VectorStoreListParams),
    (VectorStore, OpenAIVectorStore),
    (VectorStoreDeleted, OpenAIVectorStoreDeleted),
    (FileAttachRequest, FileCreateParams),
    (FileUpdateRequest, FileUpdateParams),
    (FileListRequest, FileListParams),
    (FileBatchRequest, FileBatchCreateParams),
    (VectorStoreFile, OpenAIVectorStoreFile),
    (VectorStoreFileDeleted, OpenAIVectorStoreFileDeleted),
    (VectorStoreFileBatch, OpenAIVectorStoreFileBatch),
    (FileContent, FileContentResponse),
    (SearchRequest, VectorStoreSearchParams),
    (SearchResult, VectorStoreSearchResponse),
]

ANY_MODEL = "models are known by configuration, not by a list in the code"
FRACTIONS = "other vendors take fractions"
OURS = "an addition"
WHOLE = "whole numbers stay whole"
IN_PATH = "it stands in the path"
CHUNKING = "one model of both strategies, in which the overlap may be left out"
THOUGHTS = "upstreams send the model's thoughts in this field"

DIFFERENCES = {
    (ChatCompletionRequest, "model"): ANY_MODEL,
    (ChatCompletionRequest, "logit_bias{}"): FRACTIONS,
    (CompletionRequest, "model"): ANY_MODEL,
    (CompletionRequest, "logit_bias{}"): FRACTIONS,
    (EmbeddingsRequest, "model"): ANY_MODEL,
    (ChatCompletion, "choices[].message.reasoning"): THOUGHTS,
    (ChatCompletion, "choices[].message.reasoning_content"): THOUGHTS,
    (ChatCompletionChunk, "choices[].delta.reasoning"): THOUGHTS,
    (ChatCompletionChunk, "choices[].delta.reasoning_content"): THOUGHTS,
    **{(ModerationResponse, f"results[].{name}"): OURS for name in ("provider_codes*", "user_message")},
    (ModerationResponse, "results[].category_applied_input_types.*"): "shields may look at images for any category",
    (EmbeddingsResponse, "data[].embedding"): "a vector in base64 is text",
    **{(kind, "chunking_strategy*"): CHUNKING for kind in (VectorStoreCreateRequest, FileAttachRequest)},
    (FileBatchRequest, "chunking_strategy*"): CHUNKING,
    (FileBatchRequest, "files[].chunking_strategy*"): CHUNKING,
    **{
        (VectorStoreCreateRequest, name): OURS
        for name in ("embedding_*", "metric", "params*", "provider_id", "provider_vector_store_id")
    },
    **{(VectorStore, name): OURS for name in ("description", "embedding_*", "metric", "provider_id")},
    **{(kind, "attributes{}"): WHOLE for kind in (FileAttachRequest, FileUpdateRequest, FileBatchRequest)},
    (FileBatchRequest, "files[].attributes{}"): WHOLE,
    (FileUpdateRequest, "vector_store_id"): IN_PATH,
    **{
        (VectorStoreFile, name): OURS
        for name in ("attempts", "chunks_done", "chunks_total", "chunks_truncated", "filename")
    },
    (VectorStoreFile, "attributes{}"): WHOLE,
    (VectorStoreFile, "chunking_strategy.type"): "no file was added before there were strategies",
    **{(FileContent, name): OURS for name in ("chunk_id", "end", "start")},
    (FileContent, "type"): "there is no other kind",
    **{(SearchRequest, f"ranking_options.{name}"): OURS for name in ("alpha", "impact_factor", "model", "ranker")},
    (SearchRequest, "search_mode"): OURS,
    (SearchRequest, "filters*.value*"): WHOLE,
    **{(SearchResult, name): OURS for name in ("chunk_id", "citation*")},
    (SearchResult, "attributes{}"): WHOLE,
}

Shape = dict[str, set[str]]


def fields(kind: Any) -> dict[str, Any] | None:
    """Name on the wire and annotation of each field of an object type, `Required` where it must be sent."""
    if is_typeddict(kind):
        return get_type_hints(kind, include_extras=True)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = kind.model_fields.items()
        return {
            info.alias or name: Required[info.annotation] if info.is_required() else info.annotation
            for name, info in found
        }
    return None


def members(kind: Any) -> Iterator[tuple[Any, bool]]:
    """The alternatives of an annotation, without null and our open ends; and whether the field is required."""
    origin = get_origin(kind)
    if origin is Required:
        yield from ((member, True) for member, _ in members(get_args(kind)[0]))
    elif origin is Annotated:
        yield from members(get_args(kind)[0])
    elif origin in (Union, types.UnionType):
        for arg in get_args(kind):
            yield from members(arg)
    elif kind not in (OtherMessage, OtherType, type(None)):
        yield kind, False


def tag(kind: Any) -> str:
    """The `role` or `type` that tells an object from its alternatives, as a step of a path."""
    hints = fields(kind) or {}
    values = [
        value for name in ("role", "type") for member, _ in members(hints.get(name)) for value in get_args(member)
    ]
    return f"<{values[0]}>" if len(values) == 1 else ""


def walk(kind: Any, path: str, shape: Shape, requests: bool, around: tuple[Any, ...] = ()) -> None:
    found = list(members(kind))
    for member, required in found:
        at = path + tag(member) if requests else path
        seen = shape.setdefault(path, set())
        if required and requests:
            seen.add("required")
        if member in around:
            seen.add("object")  # as OpenAI's package calls what holds itself
        elif (hints := fields(member)) is not None:
            for name, hint in hints.items():
                walk(hint, f"{at}.{name}".removeprefix("."), shape, requests, (*around, member))
        elif get_origin(member) is Literal:
            seen.update("bool" if isinstance(value, bool) else repr(value) for value in get_args(member))
        elif get_origin(member) is dict:
            walk(get_args(member)[1], path + "{}", shape, requests, around)
        elif get_origin(member) in (list, Iterable) or "Sequence" in str(member):
            walk(get_args(member)[0], path + "[]", shape, requests, around)
        else:
            seen.add({Any: "object"}.get(member) or member.__name__)


def shape_of(kind: Any, requests: bool) -> Shape:
    """Every path inside a type with the values or kinds of value it takes; text beside listed values is left out."""
    shape: Shape = {}
    walk(kind, "", shape, requests)
    for seen in shape.values():
        if any(value.startswith("'") for value in seen):
            seen.discard("str")
    return shape


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=lambda kind: kind.__name__)
def test_fields_and_values_are_those_of_openai_but_for_the_differences_listed(ours, theirs):
    requests = is_typeddict(theirs)
    mine, other = shape_of(ours, requests), shape_of(theirs, requests)
    differing = {path: (mine.get(path), other.get(path)) for path in mine | other if mine.get(path) != other.get(path)}
    listed = {path.replace("[]", "[[]]") for kind, path in DIFFERENCES if kind is ours}
    assert {path: sides for path, sides in differing.items() if not any(fnmatch(path, name) for name in listed)} == {}
    assert {name for name in listed if not any(fnmatch(path, name) for path in differing)} == set()


def test_the_comparison_reaches_the_depth_of_messages_and_tools():
    shape = shape_of(ChatCompletionRequest, requests=True)
    assert shape["messages[]<user>.content[]<image_url>.image_url.detail"] == {
        "'auto'",
        "'low'",
        "'high'",
        "'original'",
    }
    assert "tools[]<custom>.custom.format<grammar>.grammar.syntax" in shape
